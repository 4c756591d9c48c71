"""MIG: pick lessons that bring the most information to a graph of labels.

Chen et al. 2025 (arXiv:2504.13835); the values agree with the released code
(github.com/yichengchen24/MIG at 969eb53). Lessons carry labels and a score; similar labels share
what a lesson brings; a label that has much gains little from more.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from locale_tune_curation.quotas import Quotas

Numbers = NDArray[np.float64]
TINY = 1e-6


@dataclass(frozen=True)
class Phi:
    """How much information x of a label is worth: concave, so that more of the same is worth less.

    "pow": (x + 1e-6) ** power. "exp": 1 - exp(-rate * x).
    """

    kind: Literal["pow", "exp"] = "pow"
    power: float = 0.8
    rate: float = 1.0

    def value(self, x: Numbers) -> Numbers:
        """Return phi(x)."""
        worth: Numbers = (
            1 - np.exp(-self.rate * x) if self.kind == "exp" else (x + TINY) ** self.power
        )
        return worth

    def slope(self, x: Numbers) -> Numbers:
        """Return phi'(x), which never grows."""
        slope: Numbers = (
            self.rate * np.exp(-self.rate * x)
            if self.kind == "exp"
            else self.power * (x + TINY) ** (self.power - 1)
        )
        return slope


def label_graph(vectors: Numbers, threshold: float = 0.9) -> Numbers:
    """Return the weights between labels, [labels, labels]: their cosine if at least `threshold`."""
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    weights: Numbers = unit @ unit.T
    weights[weights < threshold] = 0
    np.fill_diagonal(weights, 1)
    return weights


def propagation(weights: Numbers, share: float = 1.0) -> Numbers:
    """Return how information spreads, [from, to]: neighbours times `share`, columns summing to 1.

    Columns, not rows: what a label receives is normalised, as in the released code.
    """
    spread = share * weights
    np.fill_diagonal(spread, np.diag(weights))
    return np.asarray(spread / spread.sum(axis=0), np.float64)


class Pool:
    """What each item brings to each label, as sparse rows."""

    def __init__(
        self,
        labels: Sequence[Sequence[int]],
        scores: Sequence[float],
        spread: Numbers,
        divide: bool = False,
    ) -> None:
        """Give labels and score of every item; with `divide`, its labels share the score."""
        near = [np.flatnonzero(row) for row in spread]
        self.columns: list[NDArray[np.intp]] = []
        self.values: list[Numbers] = []
        for own, score in zip(labels, scores, strict=True):
            worth = score / len(own) if divide and len(own) else score
            touched = np.unique(np.concatenate([near[label] for label in own] or [near[0][:0]]))
            self.columns.append(touched)
            self.values.append(worth * spread[np.ix_(np.asarray(own, int), touched)].sum(axis=0))
        self.labels = len(spread)

    def __len__(self) -> int:
        return len(self.columns)


def mig(
    pool: Pool, budget: int, phi: Phi | None = None, quotas: Quotas | None = None
) -> tuple[list[int], list[float]]:
    """Pick `budget` items by gradient gain; return them and their gains. Ties: the lowest index.

    The gain of an item is what it brings times the slope of phi where the picked have led it.
    Slopes never grow and nothing brings less than nothing, so a gain from an earlier step is an
    upper bound: items wait in a heap, and only its top is computed anew. The picks are exact.
    """
    phi, quotas = phi or Phi(), quotas or Quotas.free(len(pool), budget)
    known = np.zeros(pool.labels)
    slope = phi.slope(known)
    heap = [(-_gain(pool, item, slope), item, 0) for item in range(len(pool))]
    heapq.heapify(heap)
    picked: list[int] = []
    gains: list[float] = []
    while heap and len(picked) < budget:
        worth, item, when = heapq.heappop(heap)
        if not quotas.allows(item):
            continue
        if when < len(picked):
            heapq.heappush(heap, (-_gain(pool, item, slope), item, len(picked)))
            continue
        picked.append(item)
        gains.append(-worth)
        quotas.take(item)
        known[pool.columns[item]] += pool.values[item]
        slope[pool.columns[item]] = phi.slope(known[pool.columns[item]])
    return picked, gains


def information(pool: Pool, items: Sequence[int], phi: Phi | None = None) -> tuple[Numbers, float]:
    """Return what each label has from `items`, [labels], and what all of it is worth."""
    known = np.zeros(pool.labels)
    for item in items:
        known[pool.columns[item]] += pool.values[item]
    return known, float((phi or Phi()).value(known).sum())


def _gain(pool: Pool, item: int, slope: Numbers) -> float:
    return float(pool.values[item] @ slope[pool.columns[item]])
