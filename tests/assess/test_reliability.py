"""All metrics of one side: equal to the plain functions, with intervals drawn by group."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from locale_tune_assess import calibration as cal
from locale_tune_assess.answers import Answers
from locale_tune_assess.reliability import diagram, judged, measures, metrics
from locale_tune_assess.smooth import smooth_error, smooth_errors

Oracle = Callable[[str], dict[str, Any]]


def some(n: int = 90, seed: int = 0, scale: float = 2.0) -> Answers:
    rng = np.random.default_rng(seed)
    return Answers(rng.normal(size=(n, 4)) * scale, rng.integers(0, 4, n))


def names(n: int) -> list[str]:
    return [str(index) for index in range(n)]


@pytest.mark.oracle
def test_every_metric_of_the_oracle(oracle: Oracle) -> None:
    same = {"mean_confidence": "confidence", "adaptive_ece15": "adaptive_ece"}
    same |= {"ece15": "ece", "rms15": "rms", "mce15": "mce"}
    for case in oracle("smece")["multiple_choice"]:
        answers = Answers(np.array(case["logits"]), np.array(case["answer"]))
        found = measures(judged(answers), 15)
        for key in ("accuracy", "nll", "brier", *same):
            got = found[same.get(key, key)][0]
            np.testing.assert_allclose(got, case[key], rtol=1e-7, atol=1e-8, err_msg=key)
        values = metrics(answers, names(len(case["answer"])), 15, 100, 0).values
        np.testing.assert_allclose(values["smooth_ece"], case["smECE_official"], atol=4e-3)


def test_resamples_are_the_same_as_repeating_items() -> None:
    answers = some()
    items = judged(answers)
    weights = np.random.default_rng(2).multinomial(90, [1 / 90] * 90, size=4).astype(float)
    drawn = measures(items, 15, weights)
    smooth = smooth_errors(items.confidence, items.correct, weights)
    for row, times in enumerate(weights.astype(int)):
        part = answers.part([int(i) for i in np.repeat(np.arange(90), times)])
        for name, value in measures(judged(part), 15).items():
            np.testing.assert_allclose(drawn[name][row], value[0], rtol=1e-9, err_msg=name)
        np.testing.assert_allclose(
            drawn["adaptive_ece"][row], cal.adaptive_error(part.confidence, part.correct)
        )
        exact = smooth_error(part.confidence, part.correct)[0]
        np.testing.assert_allclose(smooth[row], exact, atol=5e-4)


def test_small_smooth_errors_are_found_on_the_coarse_mesh_too() -> None:
    confidence = np.linspace(0.4, 0.9, 200)
    correct = (np.arange(200) % 10 < 10 * confidence).astype(float)
    for part in (confidence, confidence * 0.97):
        coarse = smooth_errors(part, correct, np.ones((1, 200)))[0]
        np.testing.assert_allclose(coarse, smooth_error(part, correct)[0], atol=2e-3)


def test_overconfidence_is_confidence_above_accuracy() -> None:
    found = measures(judged(some(scale=9.0)), 15)
    assert found["overconfidence"][0] > 0.3
    np.testing.assert_allclose(found["overconfidence"], found["confidence"] - found["accuracy"])


def test_intervals_hold_the_values_of_means_and_groups_widen_them() -> None:
    answers = some(300)
    alone = metrics(answers, names(300), 15, 400, 0)
    for name in ("accuracy", "confidence", "overconfidence", "brier", "nll", "risk_area"):
        low, high = alone.intervals[name]
        assert low < alone.values[name] < high, name
    # Four copies of each question are no new evidence.
    copies = answers.part([i for i in range(75) for _ in range(4)])
    grouped = metrics(copies, [str(i // 4) for i in range(300)], 15, 400, 0)
    single = metrics(copies, names(300), 15, 400, 0)

    def width(found: Any) -> float:
        low, high = found.intervals["accuracy"]
        return float(high - low)

    assert width(grouped) > 1.7 * width(single)


def test_intervals_stay_within_what_a_metric_can_be() -> None:
    right = Answers(np.eye(4)[np.arange(24) % 4] * 3, np.arange(24) % 4)
    right.right[0] = 1
    found = metrics(right, names(24), 15, 400, 0)
    assert found.intervals["accuracy"][1] == found.intervals["selective_80"][1] == 1.0
    for name, (low, high) in found.intervals.items():
        assert name in ("nll", "brier") or high <= 1
        assert name == "overconfidence" or low >= 0


def test_both_sides_draw_the_same_questions() -> None:
    answers = some()
    one, other = (metrics(answers, names(90), 15, 100, 3) for _ in range(2))
    assert set(one.changes(other).values()) == {(0.0, 0.0)}


def test_fewer_than_five_groups_have_no_interval() -> None:
    found = metrics(some(12), ["a", "b", "c", "d"] * 3, 15, 100, 0)
    assert found.intervals == {}
    row = diagram(some(12), some(0), found, 15)
    assert (row["ece_interval"], row["intervals"]) == (None, {})


def test_a_reliability_row_adds_up() -> None:
    test, dev = some(60), some(40, seed=1)
    row = diagram(test, dev, metrics(test, names(60), 15, 100, 0), 15)
    bins = row["bins"]
    assert isinstance(bins, list)
    assert len(bins) == 15
    assert sum(one[0] for one in bins) == row["n"] == 60
    assert row["dev"] == 40
    ece = sum(count / 60 * abs(right - sure) for count, sure, right, _, _ in bins)
    np.testing.assert_allclose(ece, row["ece"])
    np.testing.assert_allclose(sum(one[0] * one[2] for one in bins) / 60, row["accuracy"])
    assert all(low <= right <= high for count, _, right, low, high in bins if count)
    selective = row["selective"]
    assert isinstance(selective, dict)
    assert set(selective) == {"0.5", "0.8", "risk_area"}
    for name in ("smooth_ece", "adaptive_ece", "rms", "mce", "nll", "confidence"):
        assert isinstance(row[name], float), name


def test_temperature_comes_from_dev_and_lowers_nll_there() -> None:
    test, dev = some(60, scale=6.0), some(80, seed=1, scale=6.0)
    row = diagram(test, dev, metrics(test, names(60), 15, 100, 0), 15)
    temperature = row["temperature"]
    assert isinstance(temperature, float)
    np.testing.assert_allclose(temperature, cal.fit_temperature(dev.scores, dev.right))
    assert cal.mean_nll(dev.scores, dev.right, temperature) < cal.mean_nll(dev.scores, dev.right)
    np.testing.assert_allclose(
        row["nll_scaled"], cal.mean_nll(test.scores, test.right, temperature)
    )
    few = diagram(test, some(9), metrics(test, names(60), 15, 100, 0), 15)
    assert few["temperature"] is few["ece_scaled"] is few["nll_scaled"] is None
