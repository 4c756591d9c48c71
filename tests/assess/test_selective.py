"""Selective accuracy and the risk-coverage curve, by hand and against the definition."""

from __future__ import annotations

import numpy as np
import pytest

from locale_tune_assess.selective import accuracy_at, ranking, risk_area


def at(confidence: list[float], correct: list[float], coverage: float) -> float:
    ranked = ranking(np.array(confidence), np.array(correct))
    return float(accuracy_at(ranked, coverage)[0])


def area(confidence: list[float], correct: list[float]) -> float:
    return float(risk_area(ranking(np.array(confidence), np.array(correct)))[0])


def test_the_surest_half_by_hand() -> None:
    confidence, correct = [0.9, 0.2, 0.8, 0.4], [1.0, 1.0, 0.0, 0.0]
    assert at(confidence, correct, 0.5) == 0.5
    assert at(confidence, correct, 0.25) == 1.0
    assert at(confidence, correct, 0.75) == pytest.approx(1 / 3)
    assert at(confidence, correct, 1.0) == 0.5


def test_part_of_an_item_is_a_whole_item() -> None:
    assert at([0.9, 0.8, 0.7], [1.0, 0.0, 1.0], 0.5) == 0.5  # ceil(1.5) items
    assert at([1 - n / 100 for n in range(100)], [1.0] * 55 + [0.0] * 45, 0.55) == 1.0


def test_area_is_the_mean_risk_over_all_coverages() -> None:
    # risks 0/1, 1/2, 2/3, 2/4
    assert area([0.9, 0.8, 0.4, 0.2], [1, 0, 0, 1]) == pytest.approx((0 + 1 / 2 + 2 / 3 + 0.5) / 4)


def test_area_of_all_right_and_all_wrong() -> None:
    assert area([0.9, 0.8], [1, 1]) == 0.0
    assert area([0.9, 0.8], [0, 0]) == 1.0


def test_equally_sure_answers_share_their_errors_whatever_their_order() -> None:
    assert at([0.5] * 4, [1, 1, 0, 0], 0.5) == at([0.5] * 4, [0, 0, 1, 1], 0.5) == 0.5
    assert area([0.5] * 4, [1, 1, 0, 0]) == pytest.approx(area([0.5] * 4, [0, 1, 0, 1]))
    assert area([0.5] * 4, [1, 1, 0, 0]) == pytest.approx(0.5)


def test_order_of_items_does_not_matter() -> None:
    rng = np.random.default_rng(0)
    confidence, correct = rng.choice([0.3, 0.5, 0.7, 0.9], 80), rng.integers(0, 2, 80) * 1.0
    order = rng.permutation(80)
    one, other = ranking(confidence, correct), ranking(confidence[order], correct[order])
    np.testing.assert_allclose(risk_area(one), risk_area(other))
    for coverage in (0.1, 0.5, 0.8, 1.0):
        np.testing.assert_allclose(accuracy_at(one, coverage), accuracy_at(other, coverage))


def test_weights_are_repetitions() -> None:
    rng = np.random.default_rng(1)
    confidence, correct = rng.uniform(size=30), rng.integers(0, 2, 30) * 1.0
    weights = rng.multinomial(30, [1 / 30] * 30, size=5).astype(float)
    drawn = ranking(confidence, correct, weights)
    for row, times in enumerate(weights.astype(int)):
        plain = ranking(np.repeat(confidence, times), np.repeat(correct, times))
        np.testing.assert_allclose(risk_area(drawn)[row], risk_area(plain)[0])
        np.testing.assert_allclose(accuracy_at(drawn, 0.8)[row], accuracy_at(plain, 0.8)[0])
