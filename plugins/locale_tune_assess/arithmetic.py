"""Small sums to choose the result of, made from the seed: a probe that no training text holds.

There are no words in them, so they ask every model the same, whatever it was tuned to speak.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple

from .bootstrap import seed_of
from .context import Model

# Worked first, so that a small base model sees what is asked.
EXAMPLES = "2 + 5 = 7\n9 - 4 = 5\n3 × 2 = 6\n"
OPTIONS = 4
NEAR = (1, -1, 2, -2, 10, -10, 3, -3)


class Sum(NamedTuple):
    """A sum, what may follow it, and which of that is right."""

    id: str
    prompt: str
    choices: tuple[str, ...]
    answer: int


def sums(count: int, seed: int) -> list[Sum]:
    """Return `count` different sums with four results each: half +, a quarter -, a quarter ×.

    Numbers have one or two digits. The wrong results are near the right one, and as many digits
    long where there are such, so that a model cannot choose by length.
    """
    draw = random.Random(seed_of(seed, "arithmetic"))
    made: dict[str, Sum] = {}
    while len(made) < count:
        text, result = _draw(draw, "++-×"[len(made) % 4])
        if text not in made and text not in EXAMPLES:
            made[text] = _sum(draw, text, result)
    return list(made.values())


def right(model: Model, asked: Sequence[Sum]) -> list[float]:
    """Return 1 for each sum whose right result is the likeliest of the four, else 0.

    log p is compared as it is: the results are equally long but for a few.
    """
    scores = model.choice_logprobs([one.prompt for one in asked], [one.choices for one in asked])
    return [
        float(max(range(len(some)), key=some.__getitem__) == one.answer)
        for one, some in zip(asked, scores, strict=True)
    ]


def _draw(draw: random.Random, sign: str) -> tuple[str, int]:
    if sign == "×":
        one, other = draw.randint(3, 19), draw.randint(3, 9)
        return f"{one} × {other} =", one * other
    one, other = draw.randint(2, 49), draw.randint(2, 49)
    if sign == "-":
        one, other = max(one, other) + 1, min(one, other)
    return f"{one} {sign} {other} =", one + other if sign == "+" else one - other


def _sum(draw: random.Random, text: str, result: int) -> Sum:
    wrong = [result + step for step in NEAR if result + step >= 0]
    wrong.sort(key=lambda value: len(str(value)) != len(str(result)))
    alike = [value for value in wrong if len(str(value)) == len(str(result))]
    chosen = draw.sample(alike, OPTIONS - 1) if len(alike) >= OPTIONS - 1 else wrong[: OPTIONS - 1]
    options = [result, *chosen]
    draw.shuffle(options)
    choices = tuple(f" {value}" for value in options)
    return Sum(text.removesuffix(" ="), EXAMPLES + text, choices, options.index(result))
