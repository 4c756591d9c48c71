"""Instructions whose following a program can check: how many sentences, which word, no commas.

The idea is IFEval's (Zhou et al. 2023, arXiv:2311.07911); requests and phrases are our own. No
judge model is asked, and nothing is said about whether the answer is a good one.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from locale_tune.api import fill, sentences, slots_of, spacing

from .languages import units

REQUESTS = (
    "Tell me about the sea.",
    "Describe a winter morning.",
    "Explain how to cross a bridge.",
    "Give some advice to a new student.",
    "Describe a simple meal.",
    "Tell me something about trees.",
    "What do people do at a market?",
    "Write about a journey by train.",
)
# Slots: {n} a number, {word} the last word of the request.
PHRASES = {
    "words": "Answer in at most {n} words.",
    "sentences": "Answer in exactly {n} sentences.",
    "lines": "Write exactly {n} lines.",
    "contains": 'Use the word "{word}" in your answer.',
    "starts": 'Begin your answer with the word "{word}".',
    "no_comma": "Do not use any commas.",
    "lower_case": "Write everything in small letters.",
    "number": "Mention the number {n} in your answer.",
}
NUMBERS = {"words": (5, 8, 10), "sentences": (3,), "lines": (3,), "number": (3, 4, 6, 7, 9)}
COMMAS = ",،、，"


class Instruction(NamedTuple):
    """A request with an instruction, and what to check in the answer."""

    kind: str
    prompt: str
    n: int
    word: str
    lang: str


def instructions(
    requests: Sequence[str], phrases: Mapping[str, str], count: int, lang: str
) -> list[Instruction]:
    """Return up to `count` different instructions: the kinds in turn, the requests in turn.

    The pairs move on by one each round, so that each kind meets each request once.
    """
    found: list[Instruction] = []
    for turn, shift in itertools.product(range(len(requests)), range(len(phrases))):
        kind = list(phrases)[shift]
        request = requests[(turn + shift) % len(requests)]
        word = last_word(request)
        numbers = NUMBERS.get(kind, (0,))
        n = numbers[turn % len(numbers)]
        if "word" in slots_of(phrases[kind]) and not word:
            continue
        slots = {"n": str(n), "word": word}
        phrase = fill(phrases[kind], slots.__getitem__)
        found.append(Instruction(kind, f"{request} {phrase}", n, word, lang))
    return found[:count]


def followed(asked: Instruction, answer: str) -> bool:
    """Whether an answer does what was asked. One that says nothing never does."""
    return bool(units(answer)) and RULES[asked.kind](asked, answer.strip())


def last_word(request: str) -> str:
    """Return the last word without the signs around it; "" in scripts that part no words."""
    words = [run.strip("".join(_signs(run))) for run in request.split()]
    word = next((word for word in reversed(words) if word), "")
    return "" if word and spacing.is_unspaced(word[-1]) else word


def _signs(run: str) -> Iterator[str]:
    """Yield what is no letter, digit or mark: a vowel sign is part of its word."""
    return (sign for sign in run if unicodedata.category(sign)[0] not in "LMN")


def _small(_: Instruction, answer: str) -> bool:
    return answer == answer.lower() != answer.upper()


RULES: dict[str, Callable[[Instruction, str], bool]] = {
    "words": lambda asked, answer: len(units(answer)) <= asked.n,
    "sentences": lambda asked, answer: len(sentences(answer, asked.lang)) == asked.n,
    "lines": lambda asked, answer: sum(map(bool, map(str.strip, answer.splitlines()))) == asked.n,
    "contains": lambda asked, answer: asked.word.casefold() in answer.casefold(),
    "starts": lambda asked, answer: units(answer)[:1] == units(asked.word),
    "no_comma": lambda _, answer: not set(COMMAS) & set(answer),
    "lower_case": _small,
    "number": lambda asked, answer: asked.n in map(int, re.findall(r"\d{1,9}", answer)),
}
