"""Selectors need no library: they return the indices of the lessons to keep, best first."""

from __future__ import annotations

import hashlib

from locale_tune.api import Record


def everything(records: list[Record], budget: int, seed: int) -> list[int]:
    """Return every index in order; neither budget nor seed changes that."""
    return list(range(len(records)))


def random_sample(records: list[Record], budget: int, seed: int) -> list[int]:
    """Return `budget` indices; which, depends on the seed and the records' ids alone."""
    order = sorted(range(len(records)), key=lambda index: rank(seed, records[index].id))
    return order[:budget]


def rank(seed: int, identity: str) -> bytes:
    """Return a sort key that is random to the eye and the same on every machine."""
    return hashlib.sha256(f"{seed}\0{identity}".encode()).digest()
