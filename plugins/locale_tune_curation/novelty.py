"""NovelSum, the diversity of a set, and NovelSelect, which picks a set to have much of it.

Yang et al. 2025 (arXiv:2502.17184). What is computed is what the released code computes
(github.com/UmeanNever/NovelSum at b594962), which differs from the printed formula: the nearest
point of every point is itself, the density is that of the point in focus, and the reference point
nearest to it is left out of the density. Arithmetic is float64; theirs is float16, which near ties
gives other picks on other machines.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from locale_tune_curation.quotas import Quotas

Vectors = NDArray[Any]  # [items, dimensions], float32 or float64
Numbers = NDArray[np.float64]
BLOCK = 512  # rows of a block of distances
FIRST_BATCH, LARGEST_BATCH = 16, 256
SLACK = 1e-9  # more than rounding in float64, less than any difference that matters
SLACK32 = 4e-6  # more than rounding of a cosine in float32


def density(
    vectors: Vectors, reference: Vectors, neighbours: int = 10, power: float = 0.5
) -> Numbers:
    """Return the density of the reference around each vector, [items].

    It is sigma ** power, with sigma one over the mean squared L2 distance (plus 1e-9) to the
    neighbours 2 to `neighbours` + 1 in the reference, in which no point is repeated.
    """
    points = np.unique(np.asarray(reference, np.float64), axis=0)
    wanted = min(neighbours + 1, len(points))
    squares = (points**2).sum(axis=1)
    found = np.empty(len(vectors))
    for start in range(0, len(vectors), BLOCK):
        block = np.asarray(vectors[start : start + BLOCK], np.float64)
        far = (block**2).sum(axis=1)[:, None] - 2 * block @ points.T + squares
        nearest = np.sort(np.partition(far, wanted - 1, axis=1)[:, :wanted], axis=1)
        found[start : start + BLOCK] = np.maximum(nearest[:, 1:], 0).mean(axis=1)
    densities: Numbers = (found + 1e-9) ** -power
    return densities


def novelsum(vectors: Vectors, densities: Numbers, distance_power: float = 1.0) -> float:
    """Return the NovelSum of a set: the mean over its items, in blocks of distances.

    Each item counts its cosine distances to all items, itself at rank 1, weighted by
    rank ** -distance_power and divided by the sum of these weights, times its density.
    """
    made = unit(vectors)
    weights = np.arange(1, len(made) + 1, dtype=np.float64) ** -distance_power
    total = 0.0
    for start in range(0, len(made), BLOCK):
        far = np.maximum(1 - made[start : start + BLOCK] @ made.T, 0)
        rows = np.arange(len(far))
        far[rows, start + rows] = 0  # exactly: the distance to itself
        far.sort(axis=1)
        total += float(densities[start : start + BLOCK] @ (far @ weights))
    return float(total / weights.sum() / len(made))


def novelselect(
    vectors: Vectors,
    densities: Numbers,
    budget: int,
    start: int,
    distance_power: float = 1.0,
    quality: Numbers | None = None,
    quotas: Quotas | None = None,
) -> list[int]:
    """Pick `budget` items greedily, the first being `start`; ties go to the lowest index.

    The score of a candidate is the sum over the picked, nearest first, of rank ** -distance_power
    times (its density + theirs) * cosine distance; `quality` [items] multiplies it.

    Exact, without all the scores: one more picked item at distance d raises a sum over m by at most
    d * (m + 1) ** -distance_power, so every candidate keeps an upper bound, and only those are
    computed anew whose bound is above the best exact score.
    """
    quotas = quotas or Quotas.free(len(vectors), budget)
    race = _Race(vectors, densities, distance_power, quality)
    picked: list[int] = []
    here = start
    while True:
        picked.append(here)
        quotas.take(here)
        if len(picked) >= min(budget, len(vectors)):
            return picked
        race.add(here)
        race.close(quotas.closed())
        best = race.best()
        if best is None:
            return picked
        here = best


class _Race:
    """Upper bounds of all candidates, and the exact scores of those at the top."""

    def __init__(
        self, vectors: Vectors, densities: Numbers, power: float, quality: Numbers | None
    ) -> None:
        self._vectors, self._density, self._power = vectors, densities, power
        norms = np.linalg.norm(np.asarray(vectors, np.float64), axis=1)
        self._norms = np.where(norms > 0, norms, 1.0)
        self._fast = (vectors / self._norms[:, None]).astype(np.float32)
        self._quality = np.ones(len(vectors)) if quality is None else quality
        self._bounds = np.zeros(len(vectors))
        self._open = np.ones(len(vectors), bool)
        self._picked: list[int] = []
        self._unit = np.empty((64, vectors.shape[1]))

    def add(self, item: int) -> None:
        """Count one more picked item: raise every bound by what it may add."""
        self._open[item] = False
        self._picked.append(item)
        size = len(self._picked)
        if size > len(self._unit):
            self._unit = np.concatenate([self._unit, np.empty_like(self._unit)])
        self._unit[size - 1] = self._row([item])[0]
        far = 1 - (self._fast @ self._fast[item]).astype(np.float64) + SLACK32
        self._bounds += (
            (self._density + self._density[item]) * np.maximum(far, 0) * size**-self._power
        )

    def close(self, items: NDArray[np.bool_] | None) -> None:
        """Take candidates out for good."""
        if items is not None:
            self._open &= ~items

    def best(self) -> int | None:
        """Return the open candidate with the best exact score, or None if there is none."""
        hopes = np.where(self._open, self._bounds * self._quality, -np.inf)
        best, winner, batch = -np.inf, -1, FIRST_BATCH
        while True:
            top = np.argpartition(hopes, -min(batch, len(hopes)))[-min(batch, len(hopes)) :]
            top = top[hopes[top] > -np.inf]
            top = top[hopes[top] * (1 + SLACK) >= best]
            if not len(top):
                return None if winner < 0 else winner
            exact = self._scores(top)
            self._bounds[top] = exact
            hopes[top] = -np.inf
            scores = exact * self._quality[top]
            leader = int(top[scores == scores.max()].min())
            if scores.max() > best or (scores.max() == best and leader < winner):
                best, winner = float(scores.max()), leader
            batch = min(2 * batch, LARGEST_BATCH)

    def _scores(self, items: NDArray[np.intp]) -> Numbers:
        size = len(self._picked)
        far = np.maximum(1 - self._row(items) @ self._unit[:size].T, 0)
        weighed = (self._density[items][:, None] + self._density[self._picked]) * far
        weighed.sort(axis=1)
        scores: Numbers = weighed @ np.arange(1, size + 1, dtype=np.float64) ** -self._power
        return scores

    def _row(self, items: Any) -> Numbers:
        rows: Numbers = np.asarray(self._vectors[items], np.float64) / self._norms[items][:, None]
        return rows


def unit(vectors: Vectors) -> Numbers:
    """Return the vectors in float64 with length 1; those of length 0 stay."""
    made = np.asarray(vectors, np.float64)
    norms = np.linalg.norm(made, axis=1, keepdims=True)
    scaled: Numbers = made / np.where(norms > 0, norms, 1.0)
    return scaled
