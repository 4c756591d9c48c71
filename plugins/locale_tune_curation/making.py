"""What `select` chooses from: lessons of the corpus, tidied, and those that a teacher makes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from locale_tune.api import Job, Message, Record, read_records
from locale_tune_curation import (
    conversations,
    counter_premise,
    premise_phrases,
    rounds,
    synthesis,
    synthetic,
    teacher,
)
from locale_tune_curation.makers import from_parallel, from_text
from locale_tune_curation.selectors import rank

# The filters that judge what a teacher says, where they are offered; the last of them knows the
# language, and without it nothing is made.
JUDGES = ("hygiene", "repetition", "script-share", "language-id")
STARTS_AT, SHORTEST, LONGEST = 1 / 3, 200, 4000  # of a text that is continued
JUDGED = 2  # claims asked for each one wanted: a model that guesses judges half of them rightly
OTHERS = ("contrast", "control", "replay")  # splits of the corpus in other languages


def of_corpus(job: Job, rejected: Counter[str]) -> Iterator[Record]:
    """Yield the lessons of the corpus; shared conversations cleaned and cut as settings say."""
    settings = job.settings.conversations
    count = counter_of_base(job) if settings.most_tokens else None
    lessons = read_records(job.inputs["corpus"].path / "lessons")
    return conversations.tidied(lessons, settings, count, rejected)


def of_text(job: Job) -> Iterator[Record]:
    """Yield lessons made of native text: its continuations, and what the pack's phrasings make."""
    yield from _continuations(job)
    yield from _phrased(job)


def of_claims(job: Job) -> list[Record]:
    """Return lessons on claims that the corpus's lessons hold, asked by people with opinions."""
    settings, seed = job.settings, job.seed
    if not (settings.premise_lessons and settings.premise_statements):
        return []
    phrases = settings.premise_phrases or premise_phrases.ENGLISH
    taught = read_records(job.inputs["corpus"].path / "lessons")
    claimed = counter_premise.claims(taught, settings.premise_statements, seed)
    if settings.premise_judged:
        from locale_tune_curation.judge import judged

        ranked = counter_premise.drawn(claimed, JUDGED * settings.premise_lessons, seed)
        kept = judged(ranked, phrases, job.inputs["base"].path, job.machine, seed)
        claimed = iter(counter_premise.balanced(kept))
    return counter_premise.lessons(claimed, phrases, settings.premise_lessons, seed)


def counter_of_base(job: Job) -> rounds.Count:
    """Return a counter of the base model's tokens."""
    return rounds.counter_of(job.inputs["base"].path)


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
        base = job.inputs["base"].path
        return teacher.open_teacher(asked, base, "base", job.machine, memory, job.progress)

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


def _phrased(job: Job) -> Iterator[Record]:
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
