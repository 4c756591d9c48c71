"""The stage `select`: the corpus's lessons in, the lessons to tune on out."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import accumulate, chain
from math import ceil
from typing import Any

from locale_tune.api import (
    Job,
    PluginError,
    Pool,
    Record,
    Selector,
    StageFailed,
    did_you_mean,
    read_records,
    write_records,
)
from locale_tune_curation.clean import asks, flaw, key
from locale_tune_curation.making import by_teacher, counter_of_base, of_corpus, of_text
from locale_tune_curation.pool import pool_of
from locale_tune_curation.report import report
from locale_tune_curation.rounds import Count
from locale_tune_curation.selectors import rank
from locale_tune_curation.settings import SelectSettings


def run(job: Job) -> dict[str, Any]:
    """Write `lessons/`; return counts and reasons. Raise StageFailed when none is left."""
    rejected: Counter[str] = Counter()
    made = by_teacher(job)
    clean = list(_clean(job, made.records, rejected))
    pool = pool_of(clean, job.settings, job.seed)
    counter = partial(counter_of_base, job)
    picked = choose(pool, job.parts.selectors, job.settings, job.seed, counter) if clean else []
    rejected["not chosen"] += len(clean) - len(picked)
    if not picked:
        raise StageFailed(
            f"no lessons are left to tune on: {dict(rejected) or 'the corpus has none'}",
            'give a source the role "lessons", or set select.continuation_lessons',
        )
    chosen = [clean[index] for index in picked]
    told = report(pool, picked, job.settings)
    chosen.sort(key=lambda record: rank(job.seed, record.id))
    write_records(job.out / "lessons", chosen)
    return {
        "line": f"{len(chosen):,} lessons by '{job.settings.selector}'",
        "lessons": len(chosen),
        "turns": sum(len(record.messages) for record in chosen),
        "bytes": sum(map(size_of, chosen)),
        "by_source": dict(sorted(Counter(record.source for record in chosen).items())),
        "selector": job.settings.selector,
        "rejected": {reason: count for reason, count in sorted(rejected.items()) if count},
        **told,
        **made.facts,
    }


def choose(
    pool: Pool,
    selectors: Mapping[str, Selector],
    settings: SelectSettings,
    seed: int,
    counter: Callable[[], Count] | None = None,
) -> list[int]:
    """Return the indices of the lessons to keep, best first, by the selector that is asked for.

    `counter()` opens a counter of tokens, for a budget in tokens. Raises PluginError for a selector
    that nobody offers, and for such a budget where there is no counter.
    """
    name, count = settings.selector, len(pool.records)
    if name not in selectors:
        raise PluginError(
            f"no plugin offers the selector '{name}'",
            did_you_mean(name, selectors) or f"there are {', '.join(sorted(selectors))}",
        )
    budget = settings.budget or count
    if settings.budget_share:
        budget = min(budget, max(1, round(settings.budget_share * count)))
    limits = list(_limits(pool.records, settings, counter))
    for sizes, room in limits:
        if room < sum(sizes):  # half as many again as will fit, so that short ones may fill up
            budget = min(budget, max(1, ceil(1.5 * room / (sum(sizes) / count))))
    picked = selectors[name].select(pool, budget, seed)
    for sizes, room in limits:
        fits = list(accumulate(sizes[index] for index in picked))
        picked = picked[: bisect_right(fits, room)]
    return picked


def _limits(
    records: Sequence[Record], settings: SelectSettings, counter: Callable[[], Count] | None
) -> Iterator[tuple[list[int], float]]:
    """Yield (size of every lesson, how much there is room for) of each budget that is set."""
    if settings.budget_kilobytes:
        yield [size_of(record) for record in records], settings.budget_kilobytes * 1000
    if settings.budget_tokens:
        if counter is None:
            raise PluginError(
                "a budget in tokens needs a model's tokenizer",
                "give budget_kilobytes, or choose within a build",
            )
        count = counter()
        yield [count(record.messages) for record in records], settings.budget_tokens


def size_of(record: Record) -> int:
    """Return how many bytes of text a lesson has."""
    return sum(len(message.content.encode()) for message in record.messages)


def _clean(job: Job, made: list[Record], rejected: Counter[str]) -> Iterator[Record]:
    seen: set[bytes] = set()
    measured = read_records(job.inputs["corpus"].path / "prompts")
    prompts = (*job.pack.prompts, *(record.text for record in measured))
    for record in chain(of_corpus(job, rejected), of_text(job), made):
        reason = flaw(record)
        if not reason and asks(record, prompts):
            reason = "asks a prompt of the report"
        if not reason and (said := key(record)) in seen:
            reason = "copy"
        if reason:
            rejected[reason] += 1
        else:
            seen.add(said)
            yield record
