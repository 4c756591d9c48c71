"""The stage `select`: the corpus's lessons in, the lessons to tune on out."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate, chain, islice
from math import ceil
from typing import Any

from locale_tune.api import (
    Job,
    Message,
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
from locale_tune_curation.makers import from_parallel, from_text
from locale_tune_curation.making import by_teacher, of_corpus
from locale_tune_curation.pool import pool_of
from locale_tune_curation.report import report
from locale_tune_curation.rounds import Count, counter_of
from locale_tune_curation.selectors import rank
from locale_tune_curation.settings import SelectSettings

STARTS_AT, SHORTEST, LONGEST = 1 / 3, 200, 4000


def run(job: Job) -> dict[str, Any]:
    """Write `lessons/`; return counts and reasons. Raise StageFailed when none is left."""
    rejected: Counter[str] = Counter()
    made = by_teacher(job)
    clean = list(_clean(job, made.records, rejected))
    pool = pool_of(clean, job.settings, job.seed)
    picked = []
    if clean:

        def counter() -> Count:
            return counter_of(job.inputs["base"].path)

        picked = choose(pool, job.parts.selectors, job.settings, job.seed, counter)
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
    found = chain(of_corpus(job, rejected), _continuations(job), _of_text(job), made)
    for record in found:
        reason = flaw(record)
        if not reason and asks(record, job.pack.prompts):
            reason = "asks a prompt of the report"
        if not reason and (said := key(record)) in seen:
            reason = "copy"
        if reason:
            rejected[reason] += 1
        else:
            seen.add(said)
            yield record


def _continuations(job: Job) -> Iterator[Record]:
    """Yield lessons made of native text: its first third is asked, the rest is the answer."""
    wanted: int = job.settings.continuation_lessons
    if not wanted:
        return
    texts = (r for r in read_records(job.inputs["corpus"].path / "text") if len(r.text) >= SHORTEST)
    ranked = sorted((rank(job.seed, record.id), record.id) for record in texts)
    names = {identity for _, identity in islice(ranked, wanted)}
    for record in read_records(job.inputs["corpus"].path / "text"):
        if record.id in names:
            yield _continuation(record, job.settings.continuation_prompt)


def _of_text(job: Job) -> Iterator[Record]:
    """Yield lessons that the pack's phrasings make of native text and of its translations."""
    text, settings = job.inputs["corpus"].path / "text", job.settings
    if settings.text_lessons and settings.text_phrasings:
        yield from from_text(
            read_records(text), settings.text_phrasings, settings.text_lessons, job.seed
        )
    if settings.pair_lessons and settings.pair_phrasings:
        yield from from_parallel(
            read_records(text), settings.pair_phrasings, settings.pair_lessons, job.seed
        )


def _continuation(record: Record, prompt: str) -> Record:
    text = record.text[:LONGEST]
    cut = text.find(" ", int(len(text) * STARTS_AT))
    cut = cut if cut > 0 else int(len(text) * STARTS_AT)
    ask = prompt.replace("{start}", text[:cut].strip())
    return record.model_copy(
        update={
            "id": f"{record.id}~continued",
            "text": "",
            "messages": (
                Message(role="user", content=ask),
                Message(role="assistant", content=text[cut:].strip()),
            ),
        }
    )
