"""Contrastive decoding: every oracle value, wrong variants told apart, what must always hold."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from hypothesis.extra.numpy import arrays

from locale_tune_assess.calibration import softmax
from locale_tune_assess.contrast import combine, contrasted

Oracle = Callable[[str], dict[str, Any]]
Rows = np.ndarray[Any, Any]


def wanted(case: dict[str, Any]) -> Rows:
    return np.array([[float(value) for value in row] for row in case["scores"]])


def cases(oracle: Oracle) -> Iterator[tuple[Rows, Rows, dict[str, Any]]]:
    data = oracle("lqcd")
    neutral, leading = (np.array(data["inputs"][name]) for name in ("neutral", "leading"))
    for case in data["cases"]:
        yield neutral, leading, case


@pytest.mark.oracle
def test_the_combination_agrees_with_every_oracle_case(oracle: Oracle) -> None:
    for neutral, leading, case in cases(oracle):
        found = combine(neutral, leading, case["alpha"], case["beta"])
        np.testing.assert_allclose(found, wanted(case), rtol=1e-7, atol=1e-8)
        np.testing.assert_allclose(softmax(found), case["probs"], rtol=1e-6, atol=1e-9)
        assert (np.isfinite(found) == np.array(case["kept"], dtype=bool)).all()
        assert found.argmax(axis=1).tolist() == case["argmax"]


@pytest.mark.oracle
def test_without_a_cut_off_and_in_closed_form(oracle: Oracle) -> None:
    data = oracle("lqcd")
    neutral, leading = (np.array(data["inputs"][name]) for name in ("neutral", "leading"))
    free = combine(neutral, leading, data["no_constraint"]["alpha"], 0.0)
    np.testing.assert_allclose(softmax(free), data["no_constraint"]["probs"], rtol=1e-6, atol=1e-9)
    closed = data["closed_form"]
    found = combine(np.array([closed["neutral"]]), np.array([closed["leading"]]), closed["alpha"])
    np.testing.assert_allclose(found[0], closed["scores"], rtol=1e-7)
    np.testing.assert_allclose(softmax(found)[0], closed["probs"], rtol=1e-6)


def swapped(neutral: Rows, leading: Rows, alpha: float, beta: float) -> Rows:
    return combine(leading, neutral, alpha, beta)


def cut_by_leading(neutral: Rows, leading: Rows, alpha: float, beta: float) -> Rows:
    kept = np.isfinite(combine(leading, leading, alpha, beta))
    return np.where(kept, contrasted(neutral, leading, alpha), -np.inf)


def without_one(neutral: Rows, leading: Rows, alpha: float, beta: float) -> Rows:
    kept = np.isfinite(combine(neutral, leading, alpha, beta))
    return np.where(kept, alpha * neutral - alpha * leading, -np.inf)


def cut_on_probability(neutral: Rows, leading: Rows, alpha: float, beta: float) -> Rows:
    return np.where(softmax(neutral) >= beta, contrasted(neutral, leading, alpha), -np.inf)


@pytest.mark.oracle
@pytest.mark.parametrize("wrong", [swapped, cut_by_leading, without_one, cut_on_probability])
def test_the_oracle_tells_wrong_variants_apart(oracle: Oracle, wrong: Any) -> None:
    differs = [
        not np.allclose(wrong(neutral, leading, case["alpha"], case["beta"]), wanted(case))
        for neutral, leading, case in cases(oracle)
    ]
    assert any(differs)


Row = arrays(np.float64, (1, 7), elements=some.floats(-8, 8, width=16))
Alpha = some.sampled_from([0.5, 1.0, 2.0])


@given(Row, Row)
def test_alpha_zero_is_the_neutral_distribution_on_what_is_kept(neutral: Rows, leading: Rows):
    found = combine(neutral, leading, 0.0)
    kept = np.isfinite(found)
    assert kept.any()
    np.testing.assert_array_equal(found[kept], neutral[kept])


@given(Row, Alpha)
def test_equal_contexts_give_the_same(row: Rows, alpha: float) -> None:
    np.testing.assert_allclose(
        softmax(combine(row, row, alpha)), softmax(combine(row, row, 0.0)), atol=1e-12
    )


@given(Row, Row, Alpha, some.integers(-5, 5), some.integers(-5, 5))
def test_a_constant_on_a_row_changes_no_probability(
    neutral: Rows, leading: Rows, alpha: float, one: int, other: int
) -> None:
    np.testing.assert_allclose(
        softmax(combine(neutral + one, leading + other, alpha)),
        softmax(combine(neutral, leading, alpha)),
        atol=1e-9,
    )


@given(Row, Row, Alpha)
def test_a_token_loses_only_where_the_leading_favours_it(
    neutral: Rows, leading: Rows, alpha: float
) -> None:
    """It loses iff d > -(1/alpha) log E[exp(-alpha d)], E over the neutral chances of the kept."""
    before, after = (
        softmax(combine(neutral, leading, 0.0)),
        softmax(combine(neutral, leading, alpha)),
    )
    kept = before > 0
    d = (leading - neutral)[kept]
    edge = -math.log((before[kept] * np.exp(-alpha * d)).sum()) / alpha
    clear = np.abs(d - edge) > 1e-6
    np.testing.assert_array_equal((after < before)[kept][clear], (d > edge)[clear])


@pytest.mark.parametrize("beta", [0.0, 0.1])
def test_an_option_that_is_absent_on_both_sides_is_never_chosen(beta: float) -> None:
    found = combine(np.array([[-1.0, -2.0, -np.inf]]), np.array([[-3.0, -1.0, -np.inf]]), 1.0, beta)
    assert found[0, 2] == -np.inf
    assert found.argmax() == 0
