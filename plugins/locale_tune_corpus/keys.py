"""What `choose.py` must know of a record to decide its fate: 40 bytes, and a sketch of its text."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from locale_tune.api import Record
from locale_tune_corpus.filters import strings
from locale_tune_corpus.fold import fingerprint, fold, rank
from locale_tune_corpus.sides import group_of
from locale_tune_corpus.sketch import BANDS, PERMUTATIONS, bands, sketches

# 128 bits of SHA-256 for what a record says: no two texts of a corpus will share them by chance.
KEY = np.dtype([("key", "<u8", 2), ("answer", "<u8"), ("group", "<u8"), ("rank", "<u8")])
BLOCK = 500
MOST_OPEN = 100
Keys = NDArray[np.void]


class KeyWriter:
    """Writes the keys of one part into a folder, in blocks; sketches only where asked for."""

    def __init__(self, folder: Path, seed: int, sketched: bool) -> None:
        self._seed = seed
        self._rows: list[tuple[tuple[int, int], int, int, int]] = []
        self._texts: list[str] = []
        self._sketched = sketched
        self._keys = (folder / "keys").open("wb")
        self._sketches = (folder / "sketches").open("wb")
        self._bands = (folder / "bands").open("wb")

    def __enter__(self) -> KeyWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self._write()
        for file in (self._keys, self._sketches, self._bands):
            file.close()

    def add(self, record: Record) -> None:
        """Note one record that passed the filters."""
        folded = fold(says(record))
        one, other = _halves(hashlib.sha256((folded or says(record)).encode()).digest())
        answer = 0
        if record.question and record.answer is not None:
            answer = _halves(fingerprint(record.choices[record.answer]))[0]
        group = number(self._seed, group_of(record))
        self._rows.append(((one, other), answer, group, number(self._seed, record.id)))
        if self._sketched:
            self._texts.append(folded)
        if len(self._rows) == BLOCK:
            self._write()

    def _write(self) -> None:
        self._keys.write(np.array(self._rows, KEY).tobytes())
        made = sketches(self._texts)
        self._sketches.write(made.tobytes())
        self._bands.write(bands(made).tobytes())
        self._rows, self._texts = [], []


def says(record: Record) -> str:
    """Return all a record says; the choices of a question stand in any order."""
    if record.question:
        return "\n".join((record.question, *sorted(record.choices)))
    return "\n".join(strings(record))


def number(seed: int, word: str) -> int:
    """Return 64 bits that stand for a word, and for its place in a random order."""
    return int.from_bytes(rank(seed, word)[:8], "big")


def read_keys(folder: Path) -> Keys:
    """Return the keys of a part: [records]."""
    return np.fromfile(folder / "keys", KEY)


def read_band(folder: Path, band: int) -> NDArray[np.uint32]:
    """Return one band of every sketch of a part, read in blocks: [records]."""
    return np.concatenate([np.empty(0, np.uint32), *(b[:, band] for b in _band_blocks(folder))])


def _band_blocks(folder: Path) -> Iterator[NDArray[np.uint32]]:
    with (folder / "bands").open("rb") as file:
        while block := file.read(4 * BANDS * 4096):
            yield np.frombuffer(block, np.uint32).reshape(-1, BANDS)


def _halves(digest: bytes) -> tuple[int, int]:
    return int.from_bytes(digest[:8], "big"), int.from_bytes(digest[8:16], "big")


class SketchFiles:
    """Reads single sketches of many parts; `starts` are the numbers of the parts' first records."""

    def __init__(self, folders: Sequence[Path], starts: NDArray[np.int64]) -> None:
        self._folders, self._starts = folders, starts
        self._open: dict[int, BinaryIO] = {}

    def of(self, row: int) -> NDArray[np.uint32]:
        """Return the sketch of a record: [PERMUTATIONS]."""
        part = int(np.searchsorted(self._starts, row, side="right")) - 1
        if part not in self._open:
            if len(self._open) == MOST_OPEN:
                self.close()
            self._open[part] = (self._folders[part] / "sketches").open("rb", buffering=0)
        size = 4 * PERMUTATIONS
        self._open[part].seek((row - int(self._starts[part])) * size)
        return np.frombuffer(self._open[part].read(size), np.uint32)

    def close(self) -> None:
        """Close all files."""
        for file in self._open.values():
            file.close()
        self._open.clear()
