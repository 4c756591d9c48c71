"""Calibration by closed forms, invariances and the oracle."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from locale_tune_assess import calibration as cal
from locale_tune_assess.smooth import smooth_error, smooth_error_at

Oracle = Callable[[str], dict[str, Any]]
CLOSE = {"rtol": 1e-7, "atol": 1e-8}


def numbers(values: list[Any]) -> np.ndarray[Any, Any]:
    return np.array([float(value) for value in values])


def some_answers(n: int = 200, seed: int = 0) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    confidence = rng.uniform(0.25, 1, n)
    return confidence, (rng.uniform(size=n) < confidence**2).astype(float)


@pytest.mark.oracle
def test_binned_metrics_agree_with_every_oracle_case(oracle: Oracle) -> None:
    for case in oracle("smece")["cases"]:
        confidence, correct = numbers(case["confidence"]), numbers(case["correct"])
        for name, function, bins in (
            ("ece15", cal.expected_error, 15),
            ("mce15", cal.maximum_error, 15),
            ("rms15", cal.rms_error, 15),
            ("ece10", cal.expected_error, 10),
            ("adaptive_ece15", cal.adaptive_error, 15),
        ):
            got = function(confidence, correct, bins)
            np.testing.assert_allclose(got, case[name], **CLOSE, err_msg=f"{case['name']} {name}")
        np.testing.assert_allclose(
            cal.brier_binary(confidence, correct), case["brier_binary"], **CLOSE
        )
        if case["name"] != "edges_0_and_1":  # the official code has another edge there
            got = cal.expected_error(confidence, correct, 10)
            np.testing.assert_allclose(got, case["binnedECE10_official"], **CLOSE)


@pytest.mark.oracle
def test_bins_and_wilson_intervals_agree_with_every_oracle_case(oracle: Oracle) -> None:
    for case in oracle("smece")["cases"]:
        table = cal.reliability(numbers(case["confidence"]), numbers(case["correct"]), 15)
        held = [row for row in range(15) if table.count[row]]
        got = [[b, table.count[b], table.confidence[b], table.accuracy[b]] for b in held]
        np.testing.assert_allclose(got, case["bins15"], **CLOSE)
        low, high = cal.wilson(table.accuracy * table.count, table.count)
        intervals = [[b, low[b], high[b]] for b in held]
        np.testing.assert_allclose(intervals, case["wilson_per_bin"], **CLOSE)


@pytest.mark.oracle
def test_smooth_error_agrees_with_every_oracle_case(oracle: Oracle) -> None:
    for case in oracle("smece")["cases"]:
        confidence, correct = numbers(case["confidence"]), numbers(case["correct"])
        value, width = smooth_error(confidence, correct)
        np.testing.assert_allclose(value, case["smECE_independent"], rtol=1e-5)
        np.testing.assert_allclose(width, case["sigma_independent"], rtol=1e-5)
        # The official code counts confidences of exactly 0 and 1 half (oracle README).
        if case["name"] != "edges_0_and_1":
            np.testing.assert_allclose(value, case["smECE_official"], atol=4e-3)
            np.testing.assert_allclose(width, case["sigma_official"], atol=4e-3)
        for fixed in case["fixed_sigma"]:
            got = smooth_error_at(confidence, correct, fixed["sigma"])
            np.testing.assert_allclose(got, fixed["independent"], rtol=1e-5)
            if case["name"] != "edges_0_and_1":
                np.testing.assert_allclose(got, fixed["official"], atol=4e-3)


@pytest.mark.oracle
def test_multiple_choice_metrics_agree_with_the_oracle(oracle: Oracle) -> None:
    for case in oracle("smece")["multiple_choice"]:
        scores, answers = np.array(case["logits"]), np.array(case["answer"])
        chances = cal.softmax(scores)
        confidence = chances.max(axis=1)
        correct = (scores.argmax(axis=1) == answers).astype(float)
        got = {
            "accuracy": correct.mean(),
            "mean_confidence": confidence.mean(),
            "ece15": cal.expected_error(confidence, correct),
            "rms15": cal.rms_error(confidence, correct),
            "mce15": cal.maximum_error(confidence, correct),
            "adaptive_ece15": cal.adaptive_error(confidence, correct),
            "nll": cal.mean_nll(scores, answers),
            "brier": cal.brier(chances, answers),
        }
        for name, value in got.items():
            np.testing.assert_allclose(value, case[name], **CLOSE, err_msg=name)
        torchmetrics = [case["torchmetrics"][norm] for norm in ("l1", "l2", "max")]
        ours = [got[name] for name in ("ece15", "rms15", "mce15")]
        np.testing.assert_allclose(ours, torchmetrics, atol=2e-6)
        value, _ = smooth_error(confidence, correct)
        np.testing.assert_allclose(value, case["smECE_official"], atol=4e-3)


@pytest.mark.oracle
def test_temperature_agrees_with_the_oracle(oracle: Oracle) -> None:
    for case in oracle("smece")["multiple_choice"]:
        scores, answers = np.array(case["logits"]), np.array(case["answer"])
        temperature = cal.fit_temperature(scores, answers)
        expected = case["temperature"]
        np.testing.assert_allclose(temperature, expected["T"], rtol=1e-3)
        np.testing.assert_allclose(
            cal.mean_nll(scores, answers, temperature), expected["nll"], **CLOSE
        )
        correct = (scores.argmax(axis=1) == answers).astype(float)
        scaled = cal.softmax(scores, temperature).max(axis=1)
        np.testing.assert_allclose(
            cal.expected_error(scaled, correct), expected["ece15"], rtol=1e-3, atol=1e-4
        )


@pytest.mark.oracle
def test_oracle_closed_forms(oracle: Oracle) -> None:
    for case in oracle("smece")["closed_form"]:
        confidence, correct = numbers(case["confidence"]), numbers(case["correct"])
        np.testing.assert_allclose(cal.expected_error(confidence, correct), case["ece15"], **CLOSE)
        if "brier_binary" in case:
            np.testing.assert_allclose(
                cal.brier_binary(confidence, correct), case["brier_binary"], **CLOSE
            )


def test_a_bin_holds_its_right_edge_and_the_first_holds_zero() -> None:
    confidence = np.array([0.0, 0.25, 0.2500001, 0.5, 1.0])
    assert cal.bin_of(confidence, 4).tolist() == [0, 0, 1, 1, 3]


def test_confidence_equal_to_accuracy_in_each_bin_is_no_error() -> None:
    confidence = np.repeat([0.25, 0.75], 8)
    correct = np.array([1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 0, 0], dtype=float)
    for error in (cal.expected_error, cal.rms_error, cal.maximum_error):
        assert error(confidence, correct) == 0.0


def test_sure_and_wrong_is_the_worst_there_is() -> None:
    ones, zeros = np.ones(7), np.zeros(7)
    assert cal.expected_error(ones, zeros) == 1.0
    assert cal.adaptive_error(ones, zeros) == 1.0
    assert cal.brier(np.tile([1.0, 0.0], (7, 1)), np.ones(7, dtype=np.int64)) == 2.0
    np.testing.assert_allclose(smooth_error(ones, zeros)[0], 1.0, atol=1e-6)


def test_order_of_items_does_not_matter() -> None:
    confidence, correct = some_answers()
    order = np.random.default_rng(1).permutation(len(confidence))
    for error in (
        cal.expected_error,
        cal.rms_error,
        cal.maximum_error,
        cal.adaptive_error,
        lambda c, y: smooth_error(c, y)[0],
    ):
        np.testing.assert_allclose(
            error(confidence, correct), error(confidence[order], correct[order]), rtol=1e-9
        )


def test_the_mean_of_gaps_is_weighted() -> None:
    confidence = np.array([0.05] * 9 + [0.95])
    correct = np.array([0.0] * 9 + [0.0])
    np.testing.assert_allclose(cal.expected_error(confidence, correct), 0.9 * 0.05 + 0.1 * 0.95)


def test_smooth_error_is_at_most_the_mean_distance() -> None:
    for seed in range(5):
        confidence, correct = some_answers(60, seed)
        assert smooth_error(confidence, correct)[0] <= np.abs(confidence - correct).mean() + 1e-9


def test_smooth_error_of_one_over_confident_group_is_its_gap() -> None:
    # Residuals of one sign keep their integral under any kernel of mass 1, so smECE = |mean|.
    confidence = np.full(50, 0.8)
    np.testing.assert_allclose(smooth_error(confidence, np.zeros(50))[0], 0.8, rtol=1e-6)


def test_smooth_error_needs_the_reflection_at_the_edges() -> None:
    # A residual at 1 keeps all its mass inside [0, 1]; without reflection half of it leaves.
    np.testing.assert_allclose(
        smooth_error_at(np.array([1.0]), np.array([0.0]), 0.1), 1.0, rtol=1e-6
    )


def test_smooth_error_of_perfect_answers_is_nought() -> None:
    value, width = smooth_error(np.ones(10), np.ones(10))
    assert value == 0.0
    assert width == 2.0**-10


def test_temperature_keeps_accuracy_and_never_raises_nll_where_it_was_fitted() -> None:
    rng = np.random.default_rng(3)
    for scale in (0.2, 1.0, 6.0):
        truth = rng.normal(size=(300, 4)) * 2
        answers = np.array([rng.choice(4, p=row) for row in cal.softmax(truth)])
        scores = truth * scale
        temperature = cal.fit_temperature(scores, answers)
        before, after = cal.softmax(scores), cal.softmax(scores, temperature)
        assert (before.argmax(axis=1) == after.argmax(axis=1)).all()
        fitted = cal.mean_nll(scores, answers, temperature)
        assert fitted <= cal.mean_nll(scores, answers) + 1e-12
        for other in (temperature * 0.9, temperature * 1.1):
            assert fitted <= cal.mean_nll(scores, answers, other) + 1e-12


def test_temperature_undoes_a_known_scale() -> None:
    # 3 of 4 right at a logit gap of 3 g: the best gap is log 3, so T = 3 g / log 3 for two options.
    scores = np.tile([3.0, 0.0], (400, 1))
    answers = np.array([0, 0, 0, 1] * 100)
    np.testing.assert_allclose(cal.fit_temperature(scores, answers), 3 / np.log(3), rtol=1e-6)


def test_temperature_stays_within_its_bounds() -> None:
    right = np.zeros(20, dtype=np.int64)
    np.testing.assert_allclose(cal.fit_temperature(np.tile([2.0, 0.0], (20, 1)), right), 0.01)
    np.testing.assert_allclose(cal.fit_temperature(np.tile([0.0, 2.0], (20, 1)), right), 100.0)


def test_absent_options_get_no_probability() -> None:
    scores = np.array([[1.0, 1.0, -np.inf], [0.0, 0.0, 0.0]])
    np.testing.assert_allclose(cal.softmax(scores), [[0.5, 0.5, 0], [1 / 3] * 3])
    answers = np.array([0, 2])
    np.testing.assert_allclose(cal.mean_nll(scores, answers), (np.log(2) + np.log(3)) / 2)
    assert np.isfinite(cal.fit_temperature(scores, answers))


def test_softmax_does_not_overflow() -> None:
    np.testing.assert_allclose(cal.softmax(np.array([[-4000.0, -4001.0]])).sum(), 1.0)


def test_wilson_by_hand_and_without_items() -> None:
    low, high = cal.wilson(np.array([5.0, 0.0, 10.0]), np.array([10.0, 0.0, 10.0]))
    z2 = 1.959963984540054**2
    half = np.sqrt(z2 * (0.25 / 10 + z2 / 400)) / (1 + z2 / 10)
    np.testing.assert_allclose([low[0], high[0]], [0.5 - half, 0.5 + half])
    assert (low[1], high[1]) == (0.0, 1.0)
    np.testing.assert_allclose(low[2], 10 / (10 + z2))
    assert high[2] == 1.0


def test_adaptive_parts_differ_by_one_item_at_most() -> None:
    # 5 items in 2 parts: 3 and 2. Gaps: |1/3 - .2| * 3/5 + |1 - .85| * 2/5.
    confidence = np.array([0.1, 0.2, 0.3, 0.8, 0.9])
    correct = np.array([0.0, 0.0, 1.0, 1.0, 1.0])
    expected = abs(1 / 3 - 0.2) * 0.6 + 0.15 * 0.4
    np.testing.assert_allclose(cal.adaptive_error(confidence, correct, 2), expected)
