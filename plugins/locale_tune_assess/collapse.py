"""The check `collapse`: whether the model still has more than one thing to say.

Each model answers each of the pack's prompts several times, drawn at temperature 1. A model that
collapsed says the same thing each time, or one word over and over. Tuning always narrows a model
somewhat, so what counts is the ratio to the base, for which a pack sets a bound.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from locale_tune.api import Finding

from . import diversity as div
from .context import Context, Model
from .languages import units

# Longer texts repeat more, so every answer is cut to as many words (letters where no spaces part
# words), and for the vectors to as many letters.
CUT, CUT_LETTERS = 32, 200
JUDGED = {  # metric: (label, unit, lower is better)
    "entropy": ("Sampled answers, entropy of the next token", "nats", False),
    "distinct_2": ("Sampled answers, share of different word pairs", "", False),
    "self_bleu": ("Sampled answers, likeness to each other (self-BLEU)", "", True),
    "vendi": ("Sampled answers, how many different ones (Vendi score)", "", False),
}


@dataclass(frozen=True)
class Drawn:
    """One model's answers [prompt][draw] and the mean next-token entropy of each prompt's."""

    answers: list[list[str]]
    entropies: list[float]


def collapse(context: Context) -> Iterator[Finding]:
    """Yield entropy, distinct-2, self-BLEU and Vendi score of sampled answers, prompt by prompt.

    Other figures, and all of them across prompts, go to `context.shown["collapse"]`.
    """
    if not context.prompts:
        return
    tag, draws = context.locale.tag, context.settings.draws
    sides = context.both(lambda model: drawn(model, context))
    tables = [_per_prompt(side) for side in sides]
    context.save_items("collapse", tag, _rows(context.prompts, sides, tables))
    context.shown["collapse"] = [
        *_shown("per prompt", *(_means(table) for table in tables)),
        *_shown("across prompts", *(figures([some[0] for some in s.answers]) for s in sides)),
    ]
    note = (
        f"{draws} answers per prompt at temperature 1, of at most {context.settings.draw_tokens} "
        f"tokens, cut to {CUT} words (letters where no spaces part words); mean over prompts; the "
        "Vendi score is on letter n-grams, which see form and not meaning; noise is "
        "diverse and tuning narrows a model, so only a fall to a fraction is bad: a collapse"
    )
    for metric, (label, unit, lower) in JUDGED.items():
        before, after = ([row[metric] for row in table] for table in tables)
        found = context.compare(
            metric,
            tag,
            label,
            before,
            after,
            unit=unit,
            lower_is_better=lower,
            note=note,
            section="generation",
        )
        # Noise is diverse too, so no change is better or worse by itself: a bound says how far
        # diversity may fall.
        yield found.model_copy(update={"p": None, "verdict": "measured"})


def drawn(model: Model, context: Context) -> Drawn:
    """Sample answers to the pack's prompts and measure how open each next token was."""
    settings = context.settings
    answers = model.sample(context.prompts, settings.draws, max_new_tokens=settings.draw_tokens)
    flat = [
        (prompt, answer)
        for prompt, some in zip(context.prompts, answers, strict=True)
        for answer in some
    ]
    values = iter(model.entropies([prompt for prompt, _ in flat], [answer for _, answer in flat]))
    means = [sum(next(values) for _ in some) / len(some) for some in answers]
    return Drawn(answers, means)


def figures(answers: Sequence[str]) -> dict[str, float]:
    """Return the figures of one set of answers."""
    tokens = [units(answer)[:CUT] for answer in answers]
    vectors = div.letter_vectors([answer[:CUT_LETTERS] for answer in answers])
    return {
        **{f"distinct_{size}": div.distinct(tokens, size) for size in (1, 2, 3)},
        **{f"entropy_{size}gram": div.ngram_entropy(tokens, size) for size in (1, 2)},
        "self_bleu": div.self_bleu(tokens),
        "distance": div.mean_distance(vectors),
        "vendi": div.vendi(vectors),
        "words": sum(map(len, tokens)) / len(tokens),
    }


def _per_prompt(side: Drawn) -> list[dict[str, float]]:
    return [
        {"entropy": entropy, **figures(some)}
        for some, entropy in zip(side.answers, side.entropies, strict=True)
    ]


def _means(table: Sequence[dict[str, float]]) -> dict[str, float]:
    return {metric: sum(row[metric] for row in table) / len(table) for metric in table[0]}


def _shown(
    over: str, before: dict[str, float], after: dict[str, float]
) -> Iterator[dict[str, object]]:
    """Yield one row per figure; the ratio is None where the base has 0."""
    for metric, old in before.items():
        ratio = after[metric] / old if old else None
        yield {
            "over": over,
            "metric": metric,
            "before": old,
            "after": after[metric],
            "ratio": ratio,
        }


def _rows(
    prompts: Sequence[str], sides: tuple[Drawn, Drawn], tables: list[list[dict[str, float]]]
) -> Iterator[dict[str, object]]:
    for index, prompt in enumerate(prompts):
        row: dict[str, object] = {"prompt": prompt}
        for name, side, table in zip(("before", "after"), sides, tables, strict=True):
            row[f"answers_{name}"] = side.answers[index]
            row |= {f"{metric}_{name}": value for metric, value in table[index].items()}
        yield row
