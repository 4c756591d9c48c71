"""Which questions fit the temperature (dev) and which are reported (test)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from locale_tune.api import Record

from .bootstrap import seed_of
from .held_out import group_of

SAID = {
    (True, False): "as the sources say",
    (False, True): "drawn by group",
    (True, True): "as the sources say, or drawn by group",
    (False, False): "",
}


@dataclass(frozen=True)
class Halves:
    """Indices of dev and test questions, the group of each question, and how they were parted."""

    dev: list[int]
    test: list[int]
    groups: list[str]
    how: str


def halves(questions: Sequence[Record], seed: int) -> Halves:
    """Part the questions of one language by meta["split"].

    A source that says nothing of its questions' halves gets half of its groups drawn for dev, by
    the seed and the group's name. A source that says it of some keeps the others for test. A group
    that is tested fits no temperature: its dev questions are left out.
    """
    groups = [group_of(record) for record in questions]
    stated = {record.source for record in questions if record.meta.get("split")}
    is_dev = [
        record.meta.get("split") == "dev"
        if record.source in stated
        else bool(seed_of(seed, "half", group) % 2)
        for record, group in zip(questions, groups, strict=True)
    ]
    tested = {group for group, dev in zip(groups, is_dev, strict=True) if not dev}
    drawn = {record.source not in stated or "split_by" in record.meta for record in questions}
    return Halves(
        dev=[i for i, dev in enumerate(is_dev) if dev and groups[i] not in tested],
        test=[i for i, dev in enumerate(is_dev) if not dev],
        groups=groups,
        how=SAID[False in drawn, True in drawn],
    )
