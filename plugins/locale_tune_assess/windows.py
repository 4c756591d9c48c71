"""Cut token sequences into windows and batches, so that every token is scored exactly once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


def silent(*_: object) -> None:
    """Report nothing: the progress of callers that show none."""


@dataclass(frozen=True)
class Window:
    """Token ids, of which those from `first` on are scored (each given all ids before it)."""

    item: int
    ids: tuple[int, ...]
    first: int


def windows(item: int, ids: Sequence[int], first: int, length: int) -> Iterator[Window]:
    """Yield windows of at most `length` ids that together score ids[first:] once.

    A sequence that fits is one window. After that each window moves on by half its length, so
    that every scored token sees at least half a window of what stands before it.
    """
    end = min(len(ids), length)
    if first < end:
        yield Window(item, tuple(ids[:end]), first)
    while end < len(ids):
        scored, end = max(end, first), min(len(ids), end + max(1, length // 2))
        start = end - length
        if scored < end:
            yield Window(item, tuple(ids[start:end]), scored - start)


def batches(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Yield indices in batches of similar length: rows times longest row is at most `budget`.

    Longest first, so that a batch that does not fit in memory fails at once. A row longer than
    the budget makes a batch of its own.
    """
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda index: (-lengths[index], index)):
        if batch and lengths[batch[0]] * (len(batch) + 1) > budget:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
