"""The records that passed the first pass, by source and fate, read from disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from locale_tune.api import Record, Source, read_tables, records_of
from locale_tune_corpus.choose import REASONS, Fate
from locale_tune_corpus.ledger import Rejects
from locale_tune_corpus.parts import Part

PASSED = (Fate.KEEP, Fate.HELD)


class Spool:
    """Parts in the pack's order, the folder of each, and the fates of its records."""

    def __init__(
        self, parts: Sequence[Part], folders: Sequence[Path], fates: Sequence[NDArray[np.uint8]]
    ) -> None:
        self._all = tuple(zip(parts, folders, fates, strict=True))

    def records(self, role: str, *fates: Fate) -> Iterator[Record]:
        """Yield the records of all sources of one role that have one of these fates."""
        for part, folder, fate in self._all:
            if part.source.role == role:
                yield from with_fate(folder, fate, *fates or PASSED)

    def of(self, source_id: str, *fates: Fate) -> Iterator[Record]:
        """Yield the records of one source that have one of these fates."""
        for part, folder, fate in self._all:
            if part.source.id == source_id:
                yield from with_fate(folder, fate, *fates or PASSED)

    def tell(self, rejects: Rejects, roles: Sequence[str]) -> None:
        """Put on record which records of these roles are left out, and why."""
        for part, folder, fate in self._all:
            if part.source.role in roles:
                tell(folder, fate, part.source, rejects)


def with_fate(folder: Path, fates: NDArray[np.uint8], *wanted: Fate) -> Iterator[Record]:
    """Yield the records of a part that have one of these fates."""
    for table, _ in fated(folder, fates, *wanted):
        yield from records_of(table)


def fated(
    folder: Path, fates: NDArray[np.uint8], *wanted: Fate
) -> Iterator[tuple[pa.Table, list[Fate]]]:
    """Yield the records of a part that have one of these fates, as tables, with their fates."""
    row = 0
    for table in read_tables(folder / "records"):
        chosen = fates[row : row + table.num_rows]
        row += table.num_rows
        mask = np.isin(chosen, wanted)
        if mask.any():
            yield table.filter(pa.array(mask)), [Fate(fate) for fate in chosen[mask].tolist()]


def tell(folder: Path, fates: NDArray[np.uint8], source: Source, rejects: Rejects) -> None:
    """Put on record which records of a part are left out, and why."""
    count_over_cap(fates, source, rejects)
    for table, why in fated(folder, fates, *REASONS):
        for record, fate in zip(records_of(table), why, strict=True):
            rejects.rejected(record, REASONS[fate])


def count_over_cap(fates: NDArray[np.uint8], source: Source, rejects: Rejects) -> None:
    """Count the records there was no room for."""
    if over := int((fates == Fate.OVER_CAP).sum()):
        rejects.over_cap(source.id, over)
