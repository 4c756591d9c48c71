"""The check `multiple_choice`: what a model knows, and whether its confidence is honest."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from locale_tune.api import Finding, Locale, Record

from . import calibration as cal
from .answers import Answers, answers
from .bootstrap import Paired, Statistic, paired, ratio, rows_of, seed_of
from .calibration import Array
from .context import Context, Model
from .formats import is_usable, parts_of, shuffled
from .halves import Halves, halves
from .languages import is_english, name_of, tag_of
from .reliability import Metrics, diagram, metrics

NOTES = {
    "character": "by its log-likelihood per character times the mean length of the options",
    "token": "by its log-likelihood per token times the mean tokens of the options",
    "none": "by its log-likelihood, which favours short options",
}
# What says how a question is read and asked, not what it is about.
NO_TAGS = {"answer_word", "format", "group", "joiner", "letters", "origin", "split", "split_by"}
NO_TAGS |= {"weight", "where"}
Sides = tuple[Answers, Answers]


def multiple_choice(context: Context) -> Iterator[Finding]:
    """Yield accuracy, ECE, Brier score and overconfidence on test questions of each language.

    Dev questions only fit the temperature. All other metrics stand in `shown["reliability"]`.
    """
    for tag, questions, sides in by_language(context):
        yield from _of_language(context, tag, questions, sides)


def by_language(context: Context) -> Iterator[tuple[str, list[Record], Sides]]:
    """Yield each language's tag, its questions, and what both models answer; all asked at once."""
    found = context.items("questions", context.settings.max_questions)
    questions = [shuffled(record, context.seed) for record in found if is_usable(record)]
    if not questions:
        return
    before, after = answered(context, questions)
    tags = [tag_of(record.lang, context.locale) for record in questions]
    for tag in in_order(tags, context.locale):
        chosen = [index for index, own in enumerate(tags) if own == tag]
        part = [questions[index] for index in chosen]
        yield tag, part, (before.part(chosen), after.part(chosen))


def answered(context: Context, questions: Sequence[Record]) -> Sides:
    """Return what each model answers, options in the order they have in the records."""
    asked = [parts_of(record) for record in questions]
    prompts, options = [prompt for prompt, _ in asked], [choices for _, choices in asked]
    normalise = context.settings.normalise

    def score(model: Model) -> Answers:
        logprobs = model.choice_logprobs(prompts, options)
        tokens = model.choice_tokens(prompts, options) if normalise == "token" else None
        return answers(questions, logprobs, normalise, tokens)

    return context.both(score)


def in_order(tags: Sequence[str], locale: Locale) -> list[str]:
    """Return each tag once: the pack's language, its siblings, others, and English last."""
    siblings = (locale.variety_of, *locale.contrasts)

    def rank(tag: str) -> tuple[bool, bool, bool, str]:
        return (tag != locale.tag, is_english(tag), tag not in siblings, tag)

    return sorted(set(tags), key=rank)


def _of_language(
    context: Context, tag: str, questions: list[Record], sides: Sides
) -> Iterator[Finding]:
    parts = halves(questions, context.seed)
    context.save_items("multiple_choice", tag, rows_per_item(questions, parts, *sides))
    if not parts.test:
        return
    tested = (sides[0].part(parts.test), sides[1].part(parts.test))
    groups = [parts.groups[index] for index in parts.test]
    settings, seed = context.settings, seed_of(context.seed, "questions", tag)
    found = [metrics(side, groups, settings.bins, settings.resamples, seed) for side in tested]
    smooth = "; smooth ECE {:.3f} before, {:.3f} after".format(
        *(side.values["smooth_ece"] for side in found)
    )
    results: dict[str, Paired] = {}
    for check, words, more, rows, statistic in judgements(tested, settings.bins):
        results[check] = paired(*rows, groups, statistic, settings.resamples, seed)
        yield context.finding(
            check,
            tag,
            f"{name_of(tag, context.locale)} questions, {words}",
            results[check],
            n=len(parts.test),
            note=_note(context, parts) + (smooth if check == "ece" else ""),
            **more,
        )
    _show(context, tag, parts, sides, found, results["ece"])


def _note(context: Context, parts: Halves) -> str:
    return (
        f"each option is scored as what follows the question, "
        f"{NOTES[context.settings.normalise]} (a letter as it is), and the softmax over the "
        f"options is the confidence; dev and test halves {parts.how}"
    )


Judgement = tuple[str, str, dict[str, Any], tuple[Array, Array], Statistic]


def judgements(tested: Sides, bins: int) -> list[Judgement]:
    """Return (check, words, more of the Finding, addends before and after, statistic)."""
    knowledge: dict[str, Any] = {"section": "knowledge", "unit": "%"}
    honesty: dict[str, Any] = {"section": "calibration", "lower_is_better": True}

    def both(rows: Callable[[Answers], Array]) -> tuple[Array, Array]:
        return rows(tested[0]), rows(tested[1])

    right = both(lambda side: rows_of(100 * side.correct))
    brier = both(lambda side: rows_of(cal.brier_items(side.probabilities, side.right)))
    surer = both(lambda side: rows_of(side.confidence - side.correct))
    binned = both(lambda side: cal.ece_addends(side.confidence, side.correct, bins))
    return [
        ("accuracy", "accuracy", knowledge, right, ratio),
        ("ece", f"calibration error (ECE, {bins} bins)", honesty, binned, cal.ece_of_sums),
        ("brier", "Brier score", honesty, brier, ratio),
        ("overconfidence", "overconfidence (confidence above accuracy)", honesty, surer, _above),
    ]


def _above(sums: Array) -> Array:
    """Return how far the mean lies above 0 [R]: who is too modest is not overconfident."""
    result: Array = np.maximum(ratio(sums), 0.0)
    return result


def _show(
    context: Context,
    tag: str,
    parts: Halves,
    sides: Sides,
    found: Sequence[Metrics],
    ece: Paired,
) -> None:
    """Add one reliability diagram per side to what the report shows."""
    intervals = (ece.interval_before, ece.interval_after)
    for name, side, metric, own in zip(("before", "after"), sides, found, intervals, strict=True):
        test, dev = side.part(parts.test), side.part(parts.dev)
        row = diagram(test, dev, metric, context.settings.bins)
        row |= {
            "on": f"{name_of(tag, context.locale)} questions",
            "lang": tag,
            "side": name,
            "halves": parts.how,
            "normalise": context.settings.normalise,
            # That of the Finding, which took more draws.
            "ece_interval": own,
        }
        if name == "after":
            row["change_intervals"] = {k: list(v) for k, v in metric.changes(found[0]).items()}
        context.shown.setdefault("reliability", []).append(row)


def rows_per_item(
    questions: list[Record], parts: Halves, before: Answers, after: Answers
) -> Iterator[dict[str, Any]]:
    """Yield what is kept of each question; `split` is "" where neither half has it."""
    chances = (before.probabilities, after.probabilities)
    dev = set(parts.dev)
    test = set(parts.test)
    for row, record in enumerate(questions):
        size = len(record.choices)
        tags = {name: value for name, value in record.meta.items() if name not in NO_TAGS}
        yield {
            "id": record.id,
            "source": record.source,
            "group": parts.groups[row],
            "split": "test" if row in test else "dev" if row in dev else "",
            "tags": json.dumps(tags, ensure_ascii=False, sort_keys=True),
            "choices": list(record.choices),
            "answer": int(before.right[row]),
            "before": chances[0][row, :size].tolist(),
            "after": chances[1][row, :size].tolist(),
        }
