"""Selective answering: how often is a model right where it is surest?

A model that may keep silent answers only its most confident share of the questions (the
coverage); its risk is the share of wrong ones among them. The area under the risk-coverage curve
is the mean risk over all coverages 1/n, 2/n, ... 1 (Geifman, Uziel and El-Yaniv 2019,
arXiv 1805.08206). Of equally confident answers nobody knows which come first: each counts as
right as they all are together, so the order of items does not matter.

`weights` [R, N] says how often each item stands in each of R resamples; ones for the items as
they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Ranking:
    """Equal confidences together, the surest first: items and share right of each [R, B]."""

    size: Array
    right: Array

    @property
    def before(self) -> Array:
        """Return how many items are surer [R, B]."""
        result: Array = np.cumsum(self.size, axis=1) - self.size
        return result


def ranking(confidence: Array, correct: Array, weights: Array | None = None) -> Ranking:
    """Return the items by falling confidence."""
    weights = np.ones((1, len(confidence))) if weights is None else weights
    order = np.argsort(-confidence, kind="stable")
    ranked = confidence[order]
    starts = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]]))
    size = np.add.reduceat(weights[:, order], starts, axis=1)
    hits = np.add.reduceat((weights * correct)[:, order], starts, axis=1)
    return Ranking(size, hits / np.maximum(size, 1))


def accuracy_at(ranked: Ranking, coverage: float) -> Array:
    """Return the accuracy [R] of the surest ceil(coverage * n) items."""
    # In doubles 0.55 * 100 is 55.00000000000001; that is 55 items, not 56.
    kept = np.ceil(coverage * ranked.size.sum(axis=1, keepdims=True) - 1e-9)
    taken = np.clip(kept - ranked.before, 0, ranked.size)
    result: Array = (taken * ranked.right).sum(axis=1) / kept[:, 0]
    return result


def risk_area(ranked: Ranking) -> Array:
    """Return the area under the risk-coverage curve [R]: 0 for no error, 1 for no answer right.

    A block of w items with error rate e after c items with E errors adds the risks
    sum_j (E + j e) / (c + j) = E h + e (w - c h), where h = 1/(c+1) + ... + 1/(c+w).
    """
    size, before = ranked.size.astype(np.int64), ranked.before.astype(np.int64)
    wrong = 1 - ranked.right
    errors = np.cumsum(size * wrong, axis=1) - size * wrong
    total = size.sum(axis=1)
    harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, total.max() + 1))])
    h = harmonic[before + size] - harmonic[before]
    result: Array = (errors * h + wrong * (size - before * h)).sum(axis=1) / total
    return result
