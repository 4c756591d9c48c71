"""Between the passes: decide the fate of every record that passed the filters.

Only keys are in memory, never a text: about 60 bytes per record, and a few hundred for a text that
shares a band of its sketch with others. The first of two copies, in the pack's order, stays; a
record left out for the cap takes no copy of it along.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from enum import IntEnum
from itertools import groupby, islice, pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from locale_tune.api import Source
from locale_tune_corpus.keys import Keys, SketchFiles, read_band, read_keys
from locale_tune_corpus.parts import Part
from locale_tune_corpus.sides import heldout_groups
from locale_tune_corpus.sketch import BANDS, similar

Rows = NDArray[np.int64]


class Fate(IntEnum):
    """What becomes of a record. KEEP: as its role says; HELD: native text that is tested on."""

    KEEP = 0
    HELD = 1
    COPY = 2
    NEAR = 3
    OVER_CAP = 4
    DISPUTED = 5


REASONS = {
    Fate.COPY: "copy",
    Fate.NEAR: "near copy",
    Fate.DISPUTED: "one question with two answers",
}
MOST_COMPARED = 100  # others a text is compared with: ten thousand poured into one template end
# To fold "Weg" and "weg" together would lose a word.
UNFOLDED = ("lexicon",)


class Chooser:
    """The keys of all parts, one after the other, and the fates of their records."""

    def __init__(self, parts: Sequence[Part], folders: Sequence[Path], near: float) -> None:
        each = [read_keys(folder) for folder in folders]
        self._parts, self._folders, self._threshold = parts, folders, near
        self._starts = np.cumsum([0, *map(len, each)])
        self._keys: Keys = np.concatenate(each)
        roles = sorted({part.source.role for part in parts})
        self._role = np.repeat([roles.index(part.source.role) for part in parts], [*map(len, each)])
        self._text = self._role == (roles.index("text") if "text" in roles else -1)
        self.fates = np.full(len(self._keys), Fate.KEEP, np.uint8)

    def of(self, number: int) -> NDArray[np.uint8]:
        """Return the fates of one part's records."""
        return self.fates[self._starts[number] : self._starts[number + 1]]

    def drop_copies(self) -> None:
        """Leave out copies, near copies of text, and what goes beyond a source's cap."""
        same = _same(self._keys, self._role)
        first = _first_of(same)
        sketches = SketchFiles(self._folders, self._starts)
        kept = _Kept(first, self._buckets(first), sketches, self._threshold)
        busy = (same >= 0) | kept.has_neighbours(first)
        for source, rows in self._sources():
            if source.role in UNFOLDED:
                continue
            for row in rows[busy[rows]]:
                self.fates[row] = kept.fate(int(row))
            fresh = rows[self.fates[rows] == Fate.KEEP]
            if source.cap is not None and len(fresh) > source.cap:
                order = np.argsort(self._keys["rank"][fresh], kind="stable")
                over = fresh[order[source.cap :]]
                self.fates[over] = Fate.OVER_CAP
                kept.forget(over)
        sketches.close()

    def drop_disputed(self) -> None:
        """Leave out questions that are asked twice, with different answers."""
        asked = np.flatnonzero(self._keys["answer"])
        key, answer = self._keys["key"][asked], self._keys["answer"][asked]
        order = np.lexsort((answer, key[:, 1], key[:, 0]))
        again = (key[order][1:] == key[order][:-1]).all(axis=1)
        question = np.cumsum(np.concatenate([[0], ~again])[: len(asked)])
        other = again & (answer[order][1:] != answer[order][:-1])
        disputed = asked[order][np.isin(question, question[1:][other])]
        self.fates[disputed[self.fates[disputed] == Fate.KEEP]] = Fate.DISPUTED

    def hold_out(self, share: float, most: int, sources: Collection[str]) -> int:
        """Hold whole groups of the records of these sources out; return how many."""
        chosen_from = [rows for source, rows in self._sources() if source.id in sources]
        rows = np.concatenate([np.empty(0, np.int64), *chosen_from])
        rows = rows[self.fates[rows] == Fate.KEEP]
        groups = self._keys["group"][rows]
        source_of = self._source_of()[rows]
        order = np.lexsort((source_of, groups))
        names = [source.id for source, _ in self._sources()]
        numbers, counts = np.unique(source_of, return_counts=True)
        sizes = {names[n]: int(count) for n, count in zip(numbers, counts, strict=True)}
        named = _by_group(groups[order], source_of[order], names)
        chosen = heldout_groups(named, sizes, share, most)
        held = np.isin(groups, np.array(sorted(chosen), np.uint64))
        self.fates[rows[held]] = Fate.HELD
        return len(chosen)

    def _sources(self) -> Iterator[tuple[Source, Rows]]:
        """Yield every source that has parts, with the rows of its records."""
        first = 0
        for source, parts in groupby(self._parts, key=lambda part: part.source):
            last = first + len(list(parts))
            yield source, np.arange(self._starts[first], self._starts[last])
            first = last

    def _source_of(self) -> Rows:
        """Return the number of the source of every record."""
        return np.concatenate(
            [np.full(len(rows), n) for n, (_, rows) in enumerate(self._sources())]
        )

    def _buckets(self, first: Rows) -> tuple[Rows, Rows]:
        """Return (rows, buckets), by row: texts in one bucket share a band of their sketches.

        Of texts that say the same only the first is there; a text alone in a bucket is not.
        """
        rows = np.flatnonzero(self._text & (first == np.arange(len(first))))
        found: list[tuple[Rows, Rows]] = [(rows[:0], rows[:0])]
        most = 0
        for band in range(BANDS if self._threshold else 0):
            order, number = _runs(self._band(band, rows))
            found.append((rows[order], number + most))
            most += int(number[-1]) + 1 if len(number) else 0
        each, buckets = (np.concatenate(column) for column in zip(*found, strict=True))
        by_row = np.argsort(each, kind="stable")
        return each[by_row], buckets[by_row]

    def _band(self, band: int, rows: Rows) -> NDArray[np.uint32]:
        hashed = np.zeros(len(self._keys), np.uint32)
        for number, part in enumerate(self._parts):
            if part.source.role == "text":
                hashed[self._starts[number] : self._starts[number + 1]] = read_band(
                    self._folders[number], band
                )
        return hashed[rows]


class _Kept:
    """The records kept so far that others may be copies of.

    Records that say the same share one sketch and its buckets: those of the `first` of them.
    """

    def __init__(
        self,
        first: Rows,
        buckets: tuple[Rows, Rows],
        sketches: SketchFiles,
        threshold: float,
    ) -> None:
        self._first, self._sketches, self._threshold = first, sketches, threshold
        self._rows, self._buckets = buckets
        self._holders: set[int] = set()
        self._texts: dict[int, list[int]] = defaultdict(list)

    def has_neighbours(self, rows: Rows) -> NDArray[np.bool_]:
        """Return whether each record shares a bucket with another."""
        return np.isin(rows, self._rows)

    def fate(self, row: int) -> Fate:
        """Return whether a record is a copy; if not, remember it."""
        first = int(self._first[row])
        if first in self._holders:
            return Fate.COPY
        if self._near(first):
            return Fate.NEAR
        self._holders.add(first)
        for bucket in self._of(first):
            self._texts[bucket].append(first)
        return Fate.KEEP

    def forget(self, rows: Rows) -> None:
        """Take records out that are left out after all."""
        gone = self._holders.intersection(self._first[rows].tolist())
        self._holders -= gone
        for bucket in {bucket for first in gone for bucket in self._of(first)}:
            self._texts[bucket] = [text for text in self._texts[bucket] if text not in gone]

    def _of(self, first: int) -> list[int]:
        start, stop = np.searchsorted(self._rows, [first, first + 1])
        found: list[int] = self._buckets[start:stop].tolist()
        return found

    def _near(self, first: int) -> bool:
        others = self._beside(first)
        if not others:
            return False
        known = np.stack([self._sketches.of(other) for other in others])
        return bool((similar(self._sketches.of(first), known) >= self._threshold).any())

    def _beside(self, first: int) -> list[int]:
        """Return up to `MOST_COMPARED` kept texts of its buckets, those of the smallest first.

        What a copy shares beyond its template puts it into buckets that few texts are in.
        """
        others: set[int] = set()
        for texts in sorted((self._texts[bucket] for bucket in self._of(first)), key=len):
            others.update(islice(texts, MOST_COMPARED - len(others)))
        return sorted(others)


def _same(keys: Keys, role: Rows) -> Rows:
    """Return one number for all records of a role that say the same, -1 for one of its kind."""
    order = np.lexsort((role, keys["key"][:, 1], keys["key"][:, 0]))
    key, roles = keys["key"][order], role[order]
    equal = (key[1:] == key[:-1]).all(axis=1) & (roles[1:] == roles[:-1])
    place, number = _runs_of(equal)
    same = np.full(len(keys), -1)
    same[order[place]] = number
    return same


def _first_of(same: Rows) -> Rows:
    """Return, for every record, the first that says the same: itself, if there is no other."""
    first = np.arange(len(same))
    shared = np.flatnonzero(same >= 0)
    if len(shared):
        least = np.full(same.max() + 1, len(same))
        np.minimum.at(least, same[shared], shared)
        first[shared] = least[same[shared]]
    return first


def _runs(values: NDArray[np.uint32]) -> tuple[Rows, Rows]:
    """Return (places, numbers): where values stand that occur again, and one number for each."""
    order = np.argsort(values, kind="stable")
    place, number = _runs_of(values[order][1:] == values[order][:-1])
    return order[place], number


def _runs_of(equal: NDArray[np.bool_]) -> tuple[Rows, Rows]:
    """Return (places, run of each) of the runs of two and more; `equal[i]`: i + 1 is as i."""
    before, after = np.concatenate([[False], equal]), np.concatenate([equal, [False]])
    place = np.flatnonzero(before | after)
    return place, np.cumsum(~before[place]) - 1


def _by_group(
    groups: NDArray[np.uint64], source_of: Rows, names: Sequence[str]
) -> Iterator[tuple[int, dict[str, int]]]:
    """Yield (group, {source: documents}) of records sorted by group, then by source."""
    edges = np.flatnonzero(np.diff(groups)) + 1
    for start, stop in pairwise([0, *edges.tolist(), len(groups)]):
        if start < stop:
            numbers, counts = np.unique(source_of[start:stop], return_counts=True)
            yield (
                int(groups[start]),
                {names[n]: int(count) for n, count in zip(numbers, counts, strict=True)},
            )
