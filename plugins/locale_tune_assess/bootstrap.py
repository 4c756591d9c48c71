"""Paired cluster bootstrap (Efron 1979; Koehn 2004 for paired comparison of models).

Every number we report is a function of sums over items: a mean, a ratio, an ECE, a chrF. So each
item becomes a row of addends, rows of one group are added up first, and a resample draws groups
with replacement. Before and after share the draw, so what all items have in common cancels out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Statistic = Callable[[Array], Array]

# Below this many groups a percentile interval is mostly too narrow to mean 95 %.
FEWEST_GROUPS = 5
BLOCK = 2_000_000


@dataclass(frozen=True)
class Paired:
    """A statistic before and after, and 95 % intervals (None with fewer than 5 groups)."""

    before: float
    after: float
    change: float
    interval: tuple[float, float] | None
    interval_before: tuple[float, float] | None
    interval_after: tuple[float, float] | None
    groups: int


def ratio(sums: Array) -> Array:
    """Return the first column over the second [R]."""
    result: Array = sums[:, 0] / np.maximum(sums[:, 1], 1e-300)
    return result


def rows_of(values: Sequence[float] | Array) -> Array:
    """Return addends [N, 2] of (value, 1), whose `ratio` is the mean."""
    column = np.asarray(values, dtype=np.float64)
    return np.stack([column, np.ones_like(column)], axis=1)


def paired(
    before: Array,
    after: Array,
    groups: Sequence[str],
    statistic: Statistic = ratio,
    resamples: int = 1000,
    seed: int = 0,
) -> Paired:
    """Compare two runs on the same items: addends [N, K] each, the group of each item [N]."""
    first, second = group_sums(before, groups), group_sums(after, groups)
    old, new = (statistic(sums.sum(axis=0, keepdims=True))[0] for sums in (first, second))
    if len(first) < FEWEST_GROUPS:
        return Paired(float(old), float(new), float(new - old), None, None, None, len(first))
    # The same seed draws the same groups for both.
    olds = statistic(resampled(first, resamples, seed))
    news = statistic(resampled(second, resamples, seed))
    return Paired(
        before=float(old),
        after=float(new),
        change=float(new - old),
        interval=percentiles(news - olds),
        interval_before=percentiles(olds),
        interval_after=percentiles(news),
        groups=len(first),
    )


def group_sums(rows: Array, groups: Sequence[str]) -> Array:
    """Add up the rows of each group [G, K], groups in the order of their names."""
    names, index = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    sums = np.zeros((len(names), rows.shape[1]))
    np.add.at(sums, index, rows)
    return sums


def resampled(sums: Array, resamples: int, seed: int) -> Array:
    """Draw G groups with replacement, `resamples` times; return the sums of each draw [R, K]."""
    count = len(sums)
    generator = np.random.default_rng(seed)
    even = np.full(count, 1 / count)
    block = max(1, BLOCK // count)
    parts = [
        generator.multinomial(count, even, size=min(block, resamples - start)) @ sums
        for start in range(0, resamples, block)
    ]
    return np.concatenate(parts)


def percentiles(values: Array) -> tuple[float, float]:
    """Return the 2.5th and 97.5th percentile."""
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def seed_of(*parts: object) -> int:
    """Return a 64-bit seed from what the draw is about, the same on every machine."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
