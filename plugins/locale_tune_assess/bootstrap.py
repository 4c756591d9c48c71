"""Paired cluster bootstrap (Efron 1979; Koehn 2004 for paired comparison of models).

Every number we report is a function of sums over items: a mean, a ratio, an ECE, a chrF. So each
item becomes a row of addends, rows of one group are added up first, and a resample draws groups
with replacement. Before and after share the draw, so what all items have in common cancels out.

A resampled ECE is larger on average than the ECE it was drawn from (bins are noisier), and by more
where a model is well calibrated. So the draws are moved to have the estimate as their mean: the
interval then speaks of the value expected with this many items, and holds it 95 times in 100 for
means, ratios and ECE alike (tests/assess/test_coverage.py). For means nothing moves. They are also
spread a little, as t is wider than the normal distribution: with few groups plain percentiles are
too narrow (Hesterberg 2015, "What teachers should know about the bootstrap", section 4.5).

Far out in the tails that is not enough: five groups that all moved the same way give draws that
never cross 0. So a p-value is never below that of t, nor, where some groups did not change or all
changed alike, below what swapping before and after could show (`fewest`). For strongly skewed
changes of few groups t is too bold: 1.5 in 100 at 0.001 for six exponential ones.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Statistic = Callable[[Array], Array]

# Below this many groups a percentile interval is mostly too narrow to mean 95 %.
FEWEST_GROUPS = 5
Z95 = 1.959963984540054
BLOCK = 2_000_000


@dataclass(frozen=True)
class Paired:
    """A statistic before and after, and 95 % intervals (None with fewer than 5 groups).

    `p` is the two-sided p-value of the change: how often draws lie beyond 0, twice, and never less
    than the groups that changed at all can show.
    """

    before: float
    after: float
    change: float
    interval: tuple[float, float] | None
    interval_before: tuple[float, float] | None
    interval_after: tuple[float, float] | None
    groups: int
    p: float | None = None


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
    resamples: int = 10_000,
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
    changes = around(new - old, news - olds, len(first))
    return Paired(
        before=float(old),
        after=float(new),
        change=float(new - old),
        interval=percentiles(changes),
        interval_before=level(old, olds, len(first)),
        interval_after=level(new, news, len(first)),
        groups=len(first),
        p=_p_value(new - old, changes, first, second),
    )


def around(estimate: float, draws: Array, groups: int) -> Array:
    """Move the draws of a statistic [R] to the estimate as their mean, and spread them as t is."""
    spread = _t95(groups - 1) / Z95 * np.sqrt(groups / (groups - 1))
    result: Array = (draws - draws.mean()) * spread + estimate
    return result


def _t95(freedom: int) -> float:
    """Return the 97.5 % point of t, by its expansion about the normal one (Fisher 1926)."""
    z, v = Z95, float(freedom)
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / v + second / v**2 + third / v**3


def _p_value(change: float, changes: Array, before: Array, after: Array) -> float:
    """Return the largest of what the draws say, t, and what so few changed groups can show.

    Few draws of few groups hardly ever cross 0; t counts how few groups there are, exactly for
    normal changes. It knows nothing of groups that did not change at all (questions answered as
    before), nor of changes that are all alike: for these the count of changed groups is the limit.
    """
    spread = float(changes.std()) / (_t95(len(before) - 1) / Z95)
    changed = (before != after).any(axis=1)
    alike = spread <= 1e-9 * abs(change)
    limit = 0.0 if changed.all() and not alike else fewest(before, after)
    heavy = 0.0 if alike else t_tails(abs(change) / spread, len(before) - 1)
    return max(significance(changes), heavy, limit)


def t_tails(t: float, freedom: int) -> float:
    """Return P(|T| >= t) of Student's t, by its finite sums (Abramowitz and Stegun, 26.7.3-4)."""
    angle = math.atan(t / math.sqrt(freedom))
    sine, square = math.sin(angle), math.cos(angle) ** 2
    term, total = (math.cos(angle), 0.0) if freedom % 2 else (1.0, 0.0)
    for step in range(3 if freedom % 2 else 2, freedom + 1, 2):
        total += term
        term *= square * (step - 1) / step
    inside = 2 / math.pi * (angle + sine * total) if freedom % 2 else sine * total
    return max(0.0, 1.0 - inside)


def significance(changes: Array) -> float:
    """Return the two-sided p-value of a change from its draws [R], never below 2 / (R + 1).

    The extra draw in both counts is the estimate itself (Davison and Hinkley 1997, section 4.2).
    """
    side = min((changes <= 0).sum(), (changes >= 0).sum())
    return float(min(1.0, 2 * (1 + side) / (len(changes) + 1)))


def fewest(before: Array, after: Array) -> float:
    """Return the least two-sided p-value that these sums of groups [G, K] can show.

    If nothing changed, before and after of each group may as well be swapped. Of the 2^k ways to
    swap the k groups that differ at all, at best the one seen and its mirror are as extreme (the
    sign test, Arbuthnot 1710; for systems that answer the same items Noreen 1989).
    """
    changed = int((before != after).any(axis=1).sum())
    return min(1.0, 2.0 ** (1 - changed))


def holm(values: Sequence[float]) -> list[float]:
    """Return the p-values of a family adjusted for its size (Holm 1979), in the order given.

    Whoever calls 0.05 of them clear is wrong about any of the family at most 5 times in 100.
    """
    adjusted = [1.0] * len(values)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(values)), key=lambda index: values[index])):
        largest = max(largest, min(1.0, values[index] * (len(values) - rank)))
        adjusted[index] = largest
    return adjusted


def level(estimate: float, draws: Array, groups: int) -> tuple[float, float]:
    """Return the interval of one side; what is never negative has no negative limit."""
    low, high = percentiles(around(estimate, draws, groups))
    return (max(low, 0.0) if draws.min() >= 0 else low), high


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
