"""Second pass: take out of the training text whatever holds a tested item.

Each process has its own index of the tested items, made from the splits that are tested.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from locale_tune.api import (
    Record,
    Source,
    commit_folder,
    read_records,
    records_of,
    verified,
    write_json,
    write_tables,
)
from locale_tune_corpus.choose import REASONS, Fate
from locale_tune_corpus.keys import number
from locale_tune_corpus.leaks import Leaks
from locale_tune_corpus.ledger import Rejects
from locale_tune_corpus.parts import Part
from locale_tune_corpus.preferring import is_sibling
from locale_tune_corpus.sides import group_of
from locale_tune_corpus.spool import count_over_cap, fated

VARIETIES = "varieties.json"


@dataclass
class Clean:
    """All that a process needs to clean a part. It can be pickled until it is prepared."""

    work: Path
    seed: int
    tested: tuple[Path, ...]
    leaks: Leaks = field(default_factory=Leaks)
    groups: set[int] = field(default_factory=set)

    def folder(self, part: Part) -> Path:
        """Return what a part leaves behind."""
        return self.work / "cleaned" / part.name

    def prepare(self) -> None:
        """Index what is tested."""
        for folder in self.tested:
            for record in read_records(folder):
                self.leaks.protect(record)
                self.groups.add(number(self.seed, group_of(record)))

    def run(self, part: Part) -> None:
        """Clean one part, unless that is done already."""
        if verified(self.folder(part)) is None:
            commit_folder(self.folder(part), lambda folder: self._fill(folder, part))

    def _fill(self, folder: Path, part: Part) -> dict[str, Any]:
        sifted = self.work / "sifted" / part.name
        fates = np.load(self.work / "fates" / f"{part.name}.npy")
        varieties: dict[str, Counter[str]] = defaultdict(Counter)
        with Rejects(folder, [part.source]) as rejects:
            count_over_cap(fates, part.source, rejects)
            found = fated(sifted, fates, Fate.KEEP, *REASONS)
            write_tables(folder / "records", self._kept(found, part, rejects, varieties))
            rejects.write_tally(part.source)
        write_json(folder / VARIETIES, varieties)
        return {}

    def _kept(
        self,
        found: Iterator[tuple[pa.Table, list[Fate]]],
        part: Part,
        rejects: Rejects,
        varieties: dict[str, Counter[str]],
    ) -> Iterator[pa.Table]:
        for table, fates in found:
            mask = []
            for record, fate in zip(records_of(table), fates, strict=True):
                reason = REASONS.get(fate) or self._leak(record, part.source)
                mask.append(not reason)
                if reason:
                    rejects.rejected(record, reason)
                    continue
                rejects.kept(record)
                if part.source.role == "text":
                    count(varieties, record, "text")
            yield table.filter(pa.array(mask))

    def _leak(self, record: Record, source: Source) -> str:
        """Return why a record must not be trained on.

        Text may share a group with a control (the same article of a declaration in two
        languages), and so may what is only paired with it; replay and lessons may not.
        """
        alone = source.role != "text" and not is_sibling(source)
        if alone and number(self.seed, group_of(record)) in self.groups:
            return "of one group with a tested item"
        return self.leaks.find(record)


def count(varieties: dict[str, Counter[str]], record: Record, split: str) -> None:
    """Count a document of native text, and its bytes, by variety."""
    variety = varieties[record.variety or record.lang]
    variety[f"{split}_documents"] += 1
    variety[f"{split}_bytes"] += len(record.text.encode())
