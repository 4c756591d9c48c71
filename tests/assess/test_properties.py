"""Properties that hold for any numbers, with hypothesis looking for the ones that break them."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from locale_tune_assess import calibration as cal
from locale_tune_assess.answers import Answers
from locale_tune_assess.bootstrap import paired, rows_of
from locale_tune_assess.languages import count_words
from locale_tune_assess.reliability import judged, measures
from locale_tune_assess.smooth import smooth_error, smooth_error_at
from locale_tune_assess.windows import batches, windows

pytestmark = pytest.mark.slow

QUICK = settings(max_examples=40, deadline=None)
SHARES = arrays(np.float64, st.integers(1, 40), elements=st.floats(0, 1))
# No model tells scores apart by less than the last bits of a float32.
SCORES = arrays(
    np.float64, (12, 4), elements=st.floats(-30, 30, width=32).map(lambda x: round(x, 6))
)
VALUES = arrays(np.float64, 12, elements=st.floats(-100, 100))


def right(confidence: Any, seed: int) -> Any:
    return np.random.default_rng(seed).integers(0, 2, len(confidence)).astype(float)


@QUICK
@given(SHARES, st.integers(0, 99), st.integers(1, 20))
def test_calibration_errors_are_ordered(confidence: Any, seed: int, bins: int) -> None:
    correct = right(confidence, seed)
    expected = cal.expected_error(confidence, correct, bins)
    assert 0 <= expected <= cal.rms_error(confidence, correct, bins) + 1e-12
    assert (
        cal.rms_error(confidence, correct, bins)
        <= cal.maximum_error(confidence, correct, bins) + 1e-12
    )
    # Merging bins lets gaps of opposite sign cancel, so one bin gives the smallest error.
    assert cal.expected_error(confidence, correct, 1) <= expected + 1e-12


@pytest.mark.slow
@QUICK
@given(SHARES, st.integers(0, 99))
def test_smooth_error_lies_between_bias_and_distance(confidence: Any, seed: int) -> None:
    correct = right(confidence, seed)
    bias = abs((correct - confidence).mean())
    distance = np.abs(correct - confidence).mean()
    assert bias - 1e-6 <= smooth_error(confidence, correct)[0] <= distance + 1e-6


@QUICK
@given(SHARES, st.integers(0, 99))
def test_a_wider_kernel_never_finds_more_error(confidence: Any, seed: int) -> None:
    correct = right(confidence, seed)
    found = [smooth_error_at(confidence, correct, width) for width in (0.01, 0.05, 0.2, 0.8)]
    assert all(wide <= narrow + 1e-6 for narrow, wide in pairwise(found))


@QUICK
@given(SHARES, st.integers(1, 20))
def test_every_item_falls_in_the_bin_that_holds_it(confidence: Any, bins: int) -> None:
    index = cal.bin_of(confidence, bins)
    edges = np.linspace(0, 1, bins + 1)
    assert (confidence <= edges[index + 1]).all()
    assert ((confidence > edges[index]) | (index == 0)).all()


@QUICK
@given(st.integers(0, 60), st.integers(1, 60))
def test_wilson_holds_the_share_and_stays_within_0_and_1(successes: int, count: int) -> None:
    successes = min(successes, count)
    (low,), (high,) = cal.wilson(np.array([float(successes)]), np.array([float(count)]))
    assert 0 <= low <= successes / count <= high <= 1
    assert low < high


@QUICK
@given(SCORES, st.integers(0, 99))
def test_the_fitted_temperature_is_the_best_of_a_grid(scores: Any, seed: int) -> None:
    answers = np.random.default_rng(seed).integers(0, 4, 12)
    fitted = cal.mean_nll(scores, answers, cal.fit_temperature(scores, answers))
    for temperature in np.geomspace(cal.COLDEST, cal.HOTTEST, 25):
        assert fitted <= cal.mean_nll(scores, answers, float(temperature)) + 1e-9


@QUICK
@given(SCORES, st.floats(0.05, 20))
def test_softmax_is_a_distribution_that_keeps_the_order(scores: Any, temperature: float) -> None:
    chances = cal.softmax(scores, temperature)
    np.testing.assert_allclose(chances.sum(axis=1), 1.0)
    best = scores.argmax(axis=1)
    assert (chances[np.arange(12), best] >= chances.max(axis=1) - 1e-15).all()


@QUICK
@given(VALUES, VALUES)
def test_turning_before_and_after_turns_the_interval(before: Any, after: Any) -> None:
    names = [str(index) for index in range(12)]
    one = paired(rows_of(before), rows_of(after), names, resamples=100)
    other = paired(rows_of(after), rows_of(before), names, resamples=100)
    assert one.interval is not None
    assert other.interval is not None
    np.testing.assert_allclose(one.change, -other.change, atol=1e-9)
    np.testing.assert_allclose(one.interval, (-other.interval[1], -other.interval[0]), atol=1e-9)


@QUICK
@given(VALUES, st.floats(-50, 50))
def test_what_is_added_to_both_sides_cancels(values: Any, more: float) -> None:
    names = [str(index) for index in range(12)]
    zero = np.zeros(12)
    plain = paired(rows_of(zero), rows_of(values), names, resamples=100)
    moved = paired(rows_of(zero + more), rows_of(values + more), names, resamples=100)
    np.testing.assert_allclose(plain.interval, moved.interval, atol=1e-9)


@QUICK
@given(st.integers(1, 200), st.integers(1, 30), st.integers(8, 40))
def test_windows_score_what_is_asked_once(size: int, first: int, length: int) -> None:
    ids = list(range(size))
    scored = [
        token for window in windows(0, ids, first, length) for token in window.ids[window.first :]
    ]
    assert scored == ids[first:]


@QUICK
@given(st.lists(st.integers(1, 50), max_size=40), st.integers(1, 120))
def test_batches_lose_and_double_nothing(lengths: list[int], budget: int) -> None:
    found = [index for batch in batches(lengths, budget) for index in batch]
    assert sorted(found) == list(range(len(lengths)))


@QUICK
@given(st.text(), st.text())
def test_words_of_two_texts_add_up(one: str, other: str) -> None:
    assert count_words(f"{one} {other}") == count_words(one) + count_words(other)


@QUICK
@given(SCORES, st.integers(0, 99), st.floats(0.05, 20))
def test_the_order_of_questions_changes_no_metric(scores: Any, seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    answered = Answers(scores * scale, rng.integers(0, 4, 12))
    turned = answered.part([int(index) for index in rng.permutation(12)])
    straight, other = measures(judged(answered), 15), measures(judged(turned), 15)
    # Equally sure answers fall into equal-mass bins in the order given.
    unsure = {"adaptive_ece"} if len(set(answered.confidence)) < 12 else set()
    for name in set(straight) - unsure:
        np.testing.assert_allclose(straight[name], other[name], rtol=1e-9, atol=1e-12)
    assert 0 <= straight["risk_area"][0] <= 1
    assert straight["ece"][0] <= straight["rms"][0] + 1e-12 <= straight["mce"][0] + 2e-12
    assert abs(straight["overconfidence"][0]) <= straight["ece"][0] + 1e-12


@QUICK
@given(SCORES, st.integers(0, 99))
def test_the_fitted_temperature_changes_no_answer(scores: Any, seed: int) -> None:
    answered = Answers(scores, np.random.default_rng(seed).integers(0, 4, 12))
    temperature = cal.fit_temperature(answered.scores, answered.right)
    cooled = Answers(answered.scores / temperature, answered.right)
    np.testing.assert_array_equal(answered.correct, cooled.correct)
    assert cal.mean_nll(cooled.scores, cooled.right) <= (
        cal.mean_nll(answered.scores, answered.right) + 1e-9
    )
