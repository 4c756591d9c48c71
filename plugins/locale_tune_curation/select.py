"""The stage `select`: the corpus's lessons in, the lessons to tune on out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any

from locale_tune.api import (
    Job,
    Message,
    PluginError,
    Record,
    StageFailed,
    did_you_mean,
    read_records,
    write_records,
)
from locale_tune_curation.clean import asks, flaw, key
from locale_tune_curation.selectors import rank

STARTS_AT, SHORTEST, LONGEST = 1 / 3, 200, 4000


def run(job: Job) -> dict[str, Any]:
    """Write `lessons/`; return counts and reasons. Raise StageFailed when none is left."""
    rejected: Counter[str] = Counter()
    clean = list(_clean(job, rejected))
    chosen = _choose(job, clean)
    rejected["not chosen"] += len(clean) - len(chosen)
    if not chosen:
        raise StageFailed(
            f"no lessons are left to tune on: {dict(rejected) or 'the corpus has none'}",
            'give a source the role "lessons", or set select.continuation_lessons',
        )
    chosen.sort(key=lambda record: rank(job.seed, record.id))
    write_records(job.out / "lessons", chosen)
    return {
        "line": f"{len(chosen):,} lessons by '{job.settings.selector}'",
        "lessons": len(chosen),
        "turns": sum(len(record.messages) for record in chosen),
        "bytes": sum(len(m.content.encode()) for record in chosen for m in record.messages),
        "by_source": dict(sorted(Counter(record.source for record in chosen).items())),
        "selector": job.settings.selector,
        "rejected": {reason: count for reason, count in sorted(rejected.items()) if count},
    }


def _clean(job: Job, rejected: Counter[str]) -> Iterator[Record]:
    seen: set[bytes] = set()
    corpus = job.inputs["corpus"].path
    for record in chain(read_records(corpus / "lessons"), _continuations(job)):
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


def _choose(job: Job, records: list[Record]) -> list[Record]:
    name, known = job.settings.selector, job.parts.selectors
    if name not in known:
        raise PluginError(
            f"no plugin offers the selector '{name}'",
            did_you_mean(name, known) or f"there are {', '.join(sorted(known))}",
        )
    budget = job.settings.budget or len(records)
    return [records[index] for index in known[name].select(records, budget, job.seed)]


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
