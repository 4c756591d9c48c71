"""Best-fit packing: rows filled from pools of whole records, without padding and without cutting.

Records are taken in the order of the epoch, `POOL` at a time. Within a pool the longest goes first,
each into the fullest row that still has room for it (best-fit decreasing); then the rows of the
pool are shuffled, so that full rows of long records do not come first. The result is a function of
lengths, order and seed alone. A pool, not the whole epoch, keeps a curriculum's order.
"""

from __future__ import annotations

import random
from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence

POOL = 4096


def best_fit(
    lengths: Sequence[int], sequence: int, seed: str, pool: int = POOL
) -> Iterator[list[int]]:
    """Yield for each row the indices into `lengths` that it holds; none is longer than a row."""
    for start in range(0, len(lengths), pool):
        found = _pack(lengths, range(start, min(start + pool, len(lengths))), sequence)
        random.Random(f"{seed}:{start}").shuffle(found)
        yield from found


def _pack(lengths: Sequence[int], places: Sequence[int], sequence: int) -> list[list[int]]:
    rows: list[list[int]] = []
    rooms: list[tuple[int, int]] = []  # (room left, row), sorted
    for place in sorted(places, key=lambda place: (-lengths[place], place)):
        at = bisect_left(rooms, (lengths[place], -1))
        if at < len(rooms):
            room, row = rooms.pop(at)
        else:
            room, row = sequence, len(rows)
            rows.append([])
        rows[row].append(place)
        insort(rooms, (room - lengths[place], row))
    return rows


def fill(lengths: Sequence[int], rows: int, sequence: int) -> float:
    """Return the share of `rows` rows of `sequence` tokens that holds tokens."""
    return sum(lengths) / max(1, rows * sequence)
