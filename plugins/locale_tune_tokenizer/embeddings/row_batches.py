"""Sequences for the row-only warm-up: short, packed, and each text holding new tokens."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from locale_tune_tokenizer.learning.segments import BATCH
from locale_tune_tokenizer.texts import hash_rank


@dataclass(frozen=True)
class Packed:
    """One row of tokens, and positions that restart at 0 with each text in it."""

    ids: list[int] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)


def windows(ids: list[int], length: int, new: frozenset[int]) -> Iterator[list[int]]:
    """Cut one encoded text into windows; yield those of two tokens or more with a new one."""
    for start in range(0, len(ids), length):
        window = ids[start : start + length]
        if len(window) > 1 and not new.isdisjoint(window):
            yield window


def draw_windows(
    tokenizer: Any, lines: Iterable[str], new: frozenset[int], length: int, tokens: int, seed: int
) -> list[list[int]]:
    """Draw windows of `tokens` tokens or a little more, in an order that is chance with a seed.

    Lines are taken by the smallest hash of (seed, line), so the draw does not depend on their
    order, and a line that can no longer be drawn is not encoded.
    """
    kept: list[tuple[int, int, list[list[int]]]] = []  # (-rank, size, windows): largest rank first
    held = 0
    ranked = ((hash_rank(seed, line), line) for line in lines)
    while batch := list(islice(ranked, BATCH)):
        if held >= tokens:
            batch = [entry for entry in batch if kept and entry[0] < -kept[0][0]]
        encodings = tokenizer.encode_batch([line for _, line in batch])
        for (rank, _), encoding in zip(batch, encodings, strict=True):
            found = list(windows(encoding.ids, length, new))
            size = sum(len(window) for window in found)
            if size:
                heapq.heappush(kept, (-rank, size, found))
                held += size
            while kept and held - kept[0][1] >= tokens:
                held -= heapq.heappop(kept)[1]
    return [window for _, _, found in sorted(kept, reverse=True) for window in found]


def pack(texts: Iterable[list[int]], length: int) -> list[Packed]:
    """Fill rows of `length` tokens in order; a text that does not fit goes on in the next row.

    There is no padding: only the last row may be shorter, and one of a single token is dropped.
    """
    rows = [Packed()]
    for text in texts:
        rest = text
        while rest:
            if len(rows[-1].ids) == length:
                rows.append(Packed())
            row = rows[-1]
            part, rest = rest[: length - len(row.ids)], rest[length - len(row.ids) :]
            row.ids.extend(part)
            row.positions.extend(range(len(part)))
    return rows if len(rows[-1].ids) > 1 else rows[:-1]


def batches(rows: list[Packed], size: int) -> Iterator[list[Packed]]:
    """Yield steps of `size` rows; a shorter last row is a step of its own."""
    full = [row for row in rows if len(row.ids) == len(rows[0].ids)]
    for start in range(0, len(full), size):
        yield full[start : start + size]
    if len(full) < len(rows):
        yield rows[len(full) :]
