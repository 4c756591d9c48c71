"""95 % intervals hold the truth 95 times in 100: simulated, where the truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from locale_tune_assess import calibration as cal
from locale_tune_assess.bootstrap import (
    Array,
    Statistic,
    around,
    group_sums,
    percentiles,
    ratio,
    resampled,
    rows_of,
)

# 600 trials: a true coverage of 0.95 shows 0.932 to 0.968 in 95 of 100 such tests.
pytestmark = pytest.mark.slow
TRIALS, RESAMPLES = 600, 400
LOWEST, HIGHEST = 0.93, 0.97


def interval(before: Array, after: Array, statistic: Statistic, seed: int) -> tuple[float, ...]:
    """Return (low, high, change), as `paired` does, for rows that are groups of their own."""
    change = float((statistic(after.sum(0)[None]) - statistic(before.sum(0)[None]))[0])
    draws = [statistic(resampled(rows, RESAMPLES, seed)) for rows in (before, after)]
    return *percentiles(around(change, draws[1] - draws[0], len(before))), change


def covered(intervals: list[tuple[float, ...]], truth: float) -> float:
    return float(np.mean([low <= truth <= high for low, high, _ in intervals]))


def test_of_a_change_in_accuracy() -> None:
    rng = np.random.default_rng(1)
    found = []
    for trial in range(TRIALS):
        hard = rng.normal(0, 1, 200)
        before = (hard + rng.normal(0, 1, 200) > 0.5).astype(float)
        after = (hard + rng.normal(0, 1, 200) > 0.2).astype(float)
        found.append(interval(rows_of(before), rows_of(after), ratio, trial))
    # hard + noise is normal with variance 2: P(> 0.2) - P(> 0.5) = 0.44377 - 0.36184
    assert LOWEST <= covered(found, 0.0819) <= HIGHEST


def test_of_a_change_in_bits_per_byte_of_documents_in_groups() -> None:
    rng = np.random.default_rng(2)
    found = []
    groups = [f"g{index // 4:02d}" for index in range(160)]
    for trial in range(TRIALS):
        sizes = rng.integers(50, 400, 160).astype(float)
        author = np.repeat(rng.normal(0, 0.2, 40), 4)
        rates = [2.0 + author + rng.normal(0, 0.3, 160), 1.7 + author + rng.normal(0, 0.3, 160)]
        rows = [group_sums(np.stack([rate * sizes, sizes], axis=1), groups) for rate in rates]
        found.append(interval(rows[0], rows[1], ratio, trial))
    assert LOWEST <= covered(found, -0.3) <= HIGHEST


@pytest.mark.parametrize(("cold", "count"), [(0.5, 100), (0.5, 200), (0.8, 200)])
def test_of_a_change_in_calibration_error(cold: float, count: int) -> None:
    """From an honest model to an overconfident one: the case that plain percentiles get wrong."""
    rng = np.random.default_rng(3)
    found = []
    for trial in range(TRIALS):
        scores = rng.normal(0, 1.2, (count, 4))
        chances = cal.softmax(scores)
        right = (chances.cumsum(axis=1) < rng.random((count, 1))).sum(axis=1)
        rows = [error_rows(cal.softmax(scores, heat), right) for heat in (1.0, cold)]
        found.append(interval(rows[0], rows[1], error, trial))
    # The truth is the change expected with this many items: the mean over all trials.
    assert LOWEST <= covered(found, float(np.mean([one[2] for one in found]))) <= 0.98


def error_rows(chances: Array, right: np.ndarray, bins: int = 15) -> Array:
    confidence = chances.max(axis=1)
    rows = np.zeros((len(right), bins + 1))
    gap = (chances.argmax(axis=1) == right) - confidence
    rows[np.arange(len(right)), cal.bin_of(confidence, bins)] = gap
    rows[:, bins] = 1
    return rows


def error(sums: Array) -> Array:
    result: Array = np.abs(sums[:, :-1]).sum(axis=1) / sums[:, -1]
    return result
