"""Shares that hold while lessons are picked: at most so many of a kind, at least so many.

A kind is a value of one key of a lesson: its source, its variety, its language, a tag.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray


class Quotas:
    """What may still be picked. `take` notes a pick; `closed` says what can no longer be picked.

    A minimum that there are too few items for asks for all of them. Room for unmet minima is kept
    free, so an item that serves none is closed once the rest of the budget is theirs. What is
    closed stays closed.
    """

    def __init__(
        self,
        kinds: Mapping[str, Sequence[str]],
        budget: int,
        least: Mapping[str, Mapping[str, float]],
        most: Mapping[str, Mapping[str, float]],
    ) -> None:
        self._left = budget
        self._keys = [
            _Key(kinds[key], budget, least.get(key, {}), most.get(key, {})) for key in kinds
        ]

    @classmethod
    def free(cls, items: int, budget: int) -> Quotas:
        """Return quotas that close nothing."""
        return cls({}, budget, {}, {})

    def take(self, item: int) -> None:
        """Note that an item was picked."""
        self._left -= 1
        for key in self._keys:
            key.take(item)

    def closed(self) -> NDArray[np.bool_] | None:
        """Return which items can no longer be picked, [items]; None where there are no shares."""
        found = [key.closed(self._left) for key in self._keys]
        return np.logical_or.reduce(found) if found else None

    def allows(self, item: int) -> bool:
        """Whether an item may be picked now."""
        return all(key.allows(item, self._left) for key in self._keys)


class _Key:
    """The shares of the values of one key."""

    def __init__(
        self,
        values: Sequence[str],
        budget: int,
        least: Mapping[str, float],
        most: Mapping[str, float],
    ) -> None:
        self._names, self._of = np.unique(
            np.asarray(values, dtype=object).astype(str), return_inverse=True
        )
        there = np.bincount(self._of, minlength=len(self._names))
        asked = [
            min(ceil(least.get(name, 0) * budget), int(n))
            for name, n in zip(self._names, there, strict=True)
        ]
        self._owed = np.array(asked)
        self._room = np.array([floor(most.get(name, 1) * budget) for name in self._names])

    def take(self, item: int) -> None:
        value = self._of[item]
        self._owed[value] = max(self._owed[value] - 1, 0)
        self._room[value] -= 1

    def allows(self, item: int, left: int) -> bool:
        value = self._of[item]
        return bool(self._room[value] > 0 and (self._owed[value] or left > self._owed.sum()))

    def closed(self, left: int) -> NDArray[np.bool_]:
        shut = (self._room <= 0) | ((self._owed == 0) & (left <= self._owed.sum()))
        found: NDArray[np.bool_] = shut[self._of]
        return found
