"""What `select` chooses from: lessons of the corpus, tidied, and those that a teacher makes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from locale_tune.api import Job, Record, read_records
from locale_tune_curation import conversations, rounds, synthesis, synthetic, teacher

# The filters that judge what a teacher says, where they are offered; the last of them knows the
# language, and without it nothing is made.
JUDGES = ("hygiene", "repetition", "script-share", "language-id")
OTHERS = ("contrast", "control", "replay")  # splits of the corpus in other languages


def of_corpus(job: Job, rejected: Counter[str]) -> Iterator[Record]:
    """Yield the lessons of the corpus; shared conversations cleaned and cut as settings say."""
    settings = job.settings.conversations
    count = rounds.counter_of(_base(job)) if settings.most_tokens else None
    lessons = read_records(job.inputs["corpus"].path / "lessons")
    return conversations.tidied(lessons, settings, count, rejected)


def by_teacher(job: Job) -> synthesis.Made:
    """Return the lessons that a teacher makes, and facts about them; none by default."""
    if not synthesis.is_wanted(job.settings):
        return synthesis.Made()
    corpus, locale = job.inputs["corpus"].path, job.pack.locale
    variety = job.settings.teacher.variety or locale.id
    judges = _judges(job, corpus)
    check = None
    if JUDGES[-1] in job.parts.filters:
        check = synthetic.language_check(judges, locale.tag, variety)
    source = synthesis.Source(
        locale,
        lambda: read_records(corpus / "lessons"),
        lambda: read_records(corpus / "text"),
        check,
        job.seed,
        job.progress,
    )
    memory, asked = job.work / "answers.jsonl", job.settings.teacher

    def opened() -> teacher.Teacher:
        return teacher.open_teacher(asked, _base(job), "base", job.machine, memory, job.progress)

    return synthesis.synthesize(job.settings, source, opened)


def _judges(job: Job, corpus: Path) -> list[Callable[[Record], str]]:
    locale = job.pack.locale

    def texts() -> Iterator[tuple[str, str, str]]:
        for record in read_records(corpus / "text"):
            yield locale.id, record.variety, record.text
        for split in OTHERS:
            for record in read_records(corpus / split):
                if record.lang not in ("", locale.tag):
                    yield record.lang, record.variety, record.text

    def given(name: str) -> dict[str, Any]:
        work = job.work / "filters" / name
        return {"seed": job.seed, "texts": texts, "facts": {}, "work": work}

    known = job.parts.filters
    return [known[name].make(locale, given(name)) for name in JUDGES if name in known]


def _base(job: Job) -> Path:
    return job.inputs["base"].path
