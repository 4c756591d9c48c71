"""Pairs that are there already: those of the corpus, and lessons on claims with both answers."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from locale_tune.api import Job, Record, StageFailed, read_records
from locale_tune_training.curriculum import by_gap, of_stage
from locale_tune_training.mixing import chosen

FLATTERING, CONTRADICTING = "true-over-flattering", "true-over-contradicting"
CLAIMS_REMEDY = 'set select.premise_lessons: pairs = "claims" learns from the lessons it makes'
REMEDY = 'give a source the role "preferences", or set pairs to "spin" or "judged"'


class Given(NamedTuple):
    """Pairs, what is told of how they were found, and what to do when there are none."""

    records: list[Record]
    facts: dict[str, Any]
    remedy: str = REMEDY


def given_pairs(job: Job, tokenizer: Any) -> Given:
    """Return the pairs of the corpus: those of the step's sources, tags and curriculum stage."""
    settings = job.settings
    records = [
        record
        for record in read_records(corpus_of(job) / "preferences")
        if chosen(record, settings.only_sources, settings.only_tags)
    ]
    if records and by_gap(settings) and not any("gap" in record.meta for record in records):
        raise StageFailed(
            "no pair says how far apart its answers are, so none is the widest",
            'name a column in the option "gap" of the source, or leave order and curriculum_stage',
        )
    if settings.curriculum_stage and records:
        records = of_stage(records, settings.curriculum_stage)
        few = f"no prompt has {settings.curriculum_stage} pairs: set curriculum_stage lower"
        return Given(records, {}, few)
    return Given(records, {})


def claim_pairs(job: Job, tokenizer: Any) -> Given:
    """Return the lessons on claims (`select.premise_lessons`) as pairs: the true answer preferred.

    Where the person who asks is wrong, the other answer flatters; where they are right, it
    contradicts them for nothing. Both kinds are learned from, so that what is learned is neither to
    agree nor to disagree.
    """
    settings = job.settings
    lessons = read_records(job.inputs["lessons"].path / "lessons")
    claims = (_true_over_other(record) for record in lessons if "other" in record.meta)
    made = [
        record for record in claims if chosen(record, settings.only_sources, settings.only_tags)
    ]
    rules = Counter(record.meta["rule"] for record in made)
    return Given(made, {name: rules[name] for name in (FLATTERING, CONTRADICTING)}, CLAIMS_REMEDY)


def _true_over_other(record: Record) -> Record:
    wrong = (record.meta["opinion"] == "agree") != (record.meta["claim"] == "true")
    meta = {**record.meta, "rule": FLATTERING if wrong else CONTRADICTING}
    return record.model_copy(update={"rejected": record.meta["other"], "meta": meta})


def held_out_pairs(job: Job) -> list[Record]:
    """Return the held-out pairs of the corpus; none where it has none."""
    lessons = job.inputs["lessons"]
    if "corpus" not in lessons.made_from:
        return []
    return list(read_records(lessons.made_from["corpus"].path / "heldout_preferences"))


def corpus_of(job: Job) -> Path:
    """Return the folder of the corpus that the lessons were chosen from."""
    lessons = job.inputs["lessons"]
    if "corpus" not in lessons.made_from:
        raise StageFailed("these lessons were made from no corpus, so there are no pairs", REMEDY)
    return lessons.made_from["corpus"].path
