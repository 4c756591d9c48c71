"""Decide which groups of text are held out, balanced over sources, and on which side a test is."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping
from math import ceil

from locale_tune.api import Record
from locale_tune_corpus.fold import rank


def group_of(record: Record) -> str:
    """Return what a record must stay together with; a record without a group stands alone."""
    return record.meta.get("group") or record.id


def heldout_groups(
    groups: Iterable[tuple[int, Mapping[str, int]]],
    sizes: Mapping[str, int],
    share: float,
    most: int,
) -> set[int]:
    """Return the groups to hold out, of pairs (group, {source: documents}) in a random order.

    `sizes` is {source: documents}. Every source gives its share, at least one document, and at
    most an equal part of `most`, so that a large source does not crowd out a small variety; what
    one leaves over goes to others. A group is taken whole, when there is room for it in each of
    its sources.
    """
    room = _rooms({name: ceil(share * size) for name, size in sizes.items() if size > 1}, most)
    chosen = set()
    for group, need in groups:
        if all(room.get(source, 0) >= documents for source, documents in need.items()):
            chosen.add(group)
            for source, documents in need.items():
                room[source] -= documents
        if not any(room.values()):
            break
    return chosen


def _rooms(wanted: dict[str, int], most: int) -> dict[str, int]:
    """Share `most` documents out: small wishes whole, the rest in equal parts."""
    rooms: dict[str, int] = {}
    for number, name in enumerate(sorted(wanted, key=lambda name: (wanted[name], name))):
        rooms[name] = min(wanted[name], most // (len(wanted) - number))
        most -= rooms[name]
    return rooms


def half(group: str) -> str:
    """Return the side of a question, dev or test: one side per group, in every language."""
    return "dev" if hashlib.sha256(f"half:{group}".encode()).digest()[0] % 2 else "test"


def capped(
    records: Iterable[Record], most: int | None, seed: int, drop: Callable[[Record], None]
) -> Iterator[Record]:
    """Yield at most `most` records, those with the smallest hashes, in their order; drop others."""
    if most is None:
        yield from records
        return
    heap: list[tuple[int, int, Record]] = []
    for number, record in enumerate(records):
        heapq.heappush(heap, (-int.from_bytes(rank(seed, record.id)[:8], "big"), number, record))
        if len(heap) > most:
            drop(heapq.heappop(heap)[2])
    for _, _, record in sorted(heap, key=lambda item: item[1]):
        yield record
