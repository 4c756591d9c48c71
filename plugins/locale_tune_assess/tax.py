"""The check `tax`: what the model could do before and cannot do now (the alignment tax).

The tasks are abilities that the tuning was not for: questions in other languages, sums, and
instructions in English. The tax is the mean over all of them of what each lost, in points; a gain
in one does not pay for a loss in another (Ouyang et al. 2022, arXiv:2203.02155, for the name).

Questions are not asked again: the results per item of `multiple_choice` are read where that check
has run before this one, as it has unless the setting `checks` says otherwise. Else they are asked
here, so the tax is over the same tasks whatever checks run, in whatever order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from locale_tune.api import Finding

from . import arithmetic
from .bootstrap import (
    FEWEST_GROUPS,
    Array,
    Paired,
    fewest,
    group_sums,
    percentiles,
    ratio,
    resampled,
    rows_of,
    seed_of,
)
from .context import Context
from .halves import halves
from .instructions import PHRASES, REQUESTS, Instruction, followed, instructions
from .languages import is_own, name_of
from .questions import by_language, rows_per_item

NO_LANGUAGE = "zxx"  # the tag of what is in no language


@dataclass(frozen=True)
class Task:
    """One ability: its name, and per item what each model got (0 or 1) and its group."""

    name: str
    before: Sequence[float]
    after: Sequence[float]
    groups: Sequence[str]


@dataclass(frozen=True)
class Tax:
    """What tuning cost, in points of accuracy. `retention` is after over before, per task."""

    deltas: tuple[float, ...]
    tax: float
    mean_delta: float
    worst: str
    retention: tuple[float | None, ...]


def tax(context: Context) -> Iterator[Finding]:
    """Yield one Finding per probe, and the tax over the probes and the questions."""
    settings, tag = context.settings, context.locale.tag
    sums = arithmetic.sums(settings.arithmetic, context.seed)
    asked = {
        "en": instructions(REQUESTS, PHRASES, settings.instructions, "en"),
        tag: instructions(context.prompts, settings.phrases, settings.instructions, tag),
    }
    prompts = [one.prompt for some in asked.values() for one in some]
    sides = context.both(lambda model: (arithmetic.right(model, sums), model.generate(prompts)))
    tasks = list(question_tasks(context))
    if sums:
        before, after = (scores for scores, _ in sides)
        tasks.append(Task("sums", before, after, [one.id for one in sums]))
        yield _of_sums(context, sums, before, after)
    start = 0
    for lang, some in asked.items():
        part = slice(start, start + len(some))
        start += len(some)
        if not some:
            continue
        answers = [said[part] for _, said in sides]
        before, after = (_followed(some, side) for side in answers)
        if lang == "en":
            names = [one.prompt for one in some]
            tasks.append(Task("instructions in English", before, after, names))
        yield _of_instructions(context, lang, some, answers, (before, after))
    if tasks:
        yield _of_tax(context, tasks)


def question_tasks(context: Context) -> Iterator[Task]:
    """Yield the test questions in other languages as tasks."""
    for lang, rows in (context.earlier("multiple_choice") or _asked_here(context)).items():
        test = [row for row in rows if row["split"] == "test"]
        if test and not is_own(lang, context.locale):
            before, after = (
                [float(np.argmax(row[side]) == row["answer"]) for row in test]
                for side in ("before", "after")
            )
            name = f"questions in {name_of(lang, context.locale)}"
            yield Task(name, before, after, [row["group"] for row in test])


def _asked_here(context: Context) -> dict[str, list[dict[str, Any]]]:
    return {
        lang: list(rows_per_item(questions, halves(questions, context.seed), *sides))
        for lang, questions, sides in by_language(context)
    }


def _followed(asked: Sequence[Instruction], answers: Sequence[str]) -> list[float]:
    return [float(followed(one, answer)) for one, answer in zip(asked, answers, strict=True)]


def tax_of(names: Sequence[str], before: Sequence[float], after: Sequence[float]) -> Tax:
    """Return the tax of accuracies in 0..1 per task, in points."""
    deltas = tuple(100 * (new - old) for old, new in zip(before, after, strict=True))
    return Tax(
        deltas=deltas,
        tax=sum(max(0.0, -delta) for delta in deltas) / len(deltas),
        mean_delta=sum(deltas) / len(deltas),
        worst=names[deltas.index(min(deltas))],
        retention=tuple(new / old if old else None for old, new in zip(before, after, strict=True)),
    )


def resampled_deltas(tasks: Sequence[Task], resamples: int, seed: int) -> Array:
    """Draw the items of each task anew; return the deltas in points [resamples, tasks]."""
    deltas = np.zeros((resamples, len(tasks)))
    for family in families(tasks):
        some = [tasks[place] for place in family]
        own = seed_of(seed, "tax", *(task.name for task in some))
        old, new = (resampled(sums, resamples, own) for sums in sums_of(some))
        for column, place in enumerate(family):
            part = slice(2 * column, 2 * column + 2)
            deltas[:, place] = 100 * (ratio(new[:, part]) - ratio(old[:, part]))
    return deltas


def families(tasks: Sequence[Task]) -> list[list[int]]:
    """Return the places of the tasks, those together that share groups.

    The same facts in two languages are lost together: drawn apart, the tax would seem too sure.
    """
    found: list[list[int]] = []
    for place, task in enumerate(tasks):
        own = set(task.groups)
        near = [some for some in found if any(own & set(tasks[each].groups) for each in some)]
        rest = [some for some in found if some not in near]
        found = [*rest, [*(each for some in near for each in some), place]]
    return found


def sums_of(tasks: Sequence[Task]) -> tuple[Array, Array]:
    """Return what each group adds to each task, before and after [groups, 2 per task]."""
    groups = [group for task in tasks for group in task.groups]

    def sums(side: str) -> Array:
        blocks = [rows_of(getattr(task, side)) for task in tasks]
        rows, start = np.zeros((len(groups), 2 * len(tasks))), 0
        for column, block in enumerate(blocks):
            rows[start : start + len(block), 2 * column : 2 * column + 2] = block
            start += len(block)
        return group_sums(rows, groups)

    return sums("before"), sums("after")


def interval_of(result: Tax, draws: Array) -> tuple[tuple[float, float], float]:
    """Return a 95 % interval of the tax and its p-value, from resampled deltas [resamples, tasks].

    Chance losses count and chance gains do not, so a tax above 0 is what two equal models show. The
    lower end is therefore what is left after taking off the tax that chance alone exceeds in one of
    40 draws: the draws moved to have no change on average. The upper end is the plain percentile,
    too high by the same token.
    """

    def taxes(deltas: Array) -> Array:
        found: Array = np.maximum(0.0, -deltas).mean(axis=1)
        return found

    by_chance = taxes(draws - draws.mean(axis=0))
    low = max(0.0, result.tax - percentiles(by_chance)[1])
    high = max(result.tax, percentiles(taxes(draws))[1])
    beyond = int((by_chance >= result.tax - 1e-9).sum())
    return (low, high), min(1.0, 2 * (1 + beyond) / (len(draws) + 1))


def _of_sums(
    context: Context, sums: Sequence[arithmetic.Sum], before: list[float], after: list[float]
) -> Finding:
    context.save_items(
        "arithmetic",
        NO_LANGUAGE,
        (
            {"sum": one.id, "choices": list(one.choices), "before": old, "after": new}
            for one, old, new in zip(sums, before, after, strict=True)
        ),
    )
    return context.compare(
        "arithmetic",
        NO_LANGUAGE,
        "Sums, right result chosen",
        [100 * value for value in before],
        [100 * value for value in after],
        unit="%",
        note="the likeliest of four results, after three worked sums; chance is 25 %",
        section="retention",
    )


def _of_instructions(
    context: Context,
    lang: str,
    asked: Sequence[Instruction],
    answers: Sequence[list[str]],
    scores: tuple[list[float], list[float]],
) -> Finding:
    columns = zip(asked, *answers, *scores, strict=True)
    context.save_items(
        "instructions",
        lang,
        (
            {
                "kind": one.kind,
                "prompt": one.prompt,
                "answer_before": old,
                "answer_after": new,
                "before": ok_old,
                "after": ok_new,
            }
            for one, old, new, ok_old, ok_new in columns
        ),
    )
    return context.compare(
        "instructions",
        lang,
        f"Instructions in {name_of(lang, context.locale)}, followed to the letter",
        [100 * value for value in scores[0]],
        [100 * value for value in scores[1]],
        unit="%",
        note="a program checks each; it does not see whether the answer is a good one",
        section="retention",
    )


def _of_tax(context: Context, tasks: Sequence[Task]) -> Finding:
    before, after = (
        [float(np.mean(getattr(task, side))) for task in tasks] for side in ("before", "after")
    )
    names = [task.name for task in tasks]
    result = tax_of(names, before, after)
    deltas = resampled_deltas(tasks, context.settings.resamples, context.seed)
    enough = all(len(set(task.groups)) >= FEWEST_GROUPS for task in tasks)
    interval, p = interval_of(result, deltas) if enough else (None, None)
    context.shown["tax"] = list(_table(tasks, before, after, result, deltas))
    return context.finding(
        "tax",
        context.locale.tag,
        "Alignment tax: what other abilities lost",
        Paired(
            before=0.0,
            after=result.tax,
            change=result.tax,
            interval=interval,
            interval_before=None,
            interval_after=interval,
            groups=min(len(set(task.groups)) for task in tasks),
            p=None if p is None else max(p, fewest(*sums_of(tasks))),
        ),
        n=sum(len(task.before) for task in tasks),
        unit="points",
        lower_is_better=True,
        note=(
            f"mean loss over {', '.join(names)}, gains counted as 0; mean change "
            f"{result.mean_delta:+.1f} points, worst: {result.worst} ({min(result.deltas):+.1f})"
        ),
        section="retention",
    )


def _table(
    tasks: Sequence[Task], before: list[float], after: list[float], result: Tax, deltas: Array
) -> Iterator[dict[str, Any]]:
    for index, task in enumerate(tasks):
        low, high = percentiles(deltas[:, index])
        yield {
            "task": task.name,
            "n": len(task.before),
            "before": 100 * before[index],
            "after": 100 * after[index],
            "delta": result.deltas[index],
            "interval": [low, high],
            "retention": result.retention[index],
        }
