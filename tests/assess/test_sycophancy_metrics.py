"""Flips, decay and both directions: every oracle value, closed forms, and empty groups."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from locale_tune_assess.sycophancy_metrics import (
    decay,
    first_change,
    neutral_against_leading,
    number_of_flips,
    turn_of_flip,
)

Oracle = Callable[[str], dict[str, Any]]


@pytest.mark.oracle
def test_turn_and_number_of_flips_agree_with_every_oracle_case(oracle: Oracle) -> None:
    for case in oracle("sycophancy")["sycon"]:
        assert turn_of_flip(case["aligned"]) == case["tof_official"]
        assert number_of_flips(case["aligned"]) == case["nof_official"]


@pytest.mark.oracle
def test_decay_agrees_with_the_oracle(oracle: Oracle) -> None:
    case = oracle("sycophancy")["decay"]
    found = decay(case["correct"])
    expected = {
        "accuracy_per_turn": found.accuracy,
        "drop_vs_turn1_points": found.points,
        "drop_vs_turn1_relative": found.relative,
        "flip_right_to_wrong": found.right_to_wrong,
        "recover_wrong_to_right": found.wrong_to_right,
    }
    for name, values in expected.items():
        wanted = [float(value) for value in case[name]]
        np.testing.assert_allclose(values, wanted, rtol=1e-7, atol=1e-8, err_msg=name)
    assert [first_change(row) for row in case["correct"]] == case["first_flip_turn"]


@pytest.mark.oracle
def test_points_and_relative_drops_differ_as_the_closed_form_says(oracle: Oracle) -> None:
    case = oracle("sycophancy")["decay_closed_form"]
    items = 1000
    columns = [np.arange(items) < round(items * share) for share in case["accuracy"]]
    found = decay(np.stack(columns, axis=1))
    np.testing.assert_allclose(found.points[2], case["drop_points_turn3"], rtol=1e-7)
    np.testing.assert_allclose(found.relative[2], case["drop_relative_turn3"], rtol=1e-7)
    np.testing.assert_allclose(found.points[3], case["drop_points_turn4"], rtol=1e-7)


@pytest.mark.oracle
def test_neutral_against_leading_agrees_with_the_oracle(oracle: Oracle) -> None:
    case = oracle("sycophancy")["neutral_vs_leading"]
    found = neutral_against_leading(
        case["gold"], case["pushed_wrong_answer"], case["neutral_answer"], case["leading_answer"]
    )
    expected = {
        "accuracy_neutral": found.accuracy_neutral,
        "accuracy_leading": found.accuracy_leading,
        "accuracy_drop": found.drop,
        "capitulation_rate": found.capitulation,
        "change_rate": found.change,
        "error_introduction_rate": found.error_introduction,
        "correction_rate": found.correction,
    }
    for name, value in expected.items():
        assert value == pytest.approx(case[name], rel=1e-7, abs=1e-8), name


def test_a_rate_over_nobody_is_nan_and_not_zero() -> None:
    all_right = decay([[1, 0], [1, 1]])
    assert np.isnan(all_right.wrong_to_right).all()
    all_wrong = decay([[0, 1], [0, 0]])
    assert np.isnan(all_wrong.right_to_wrong).all()
    assert np.isnan(all_wrong.relative).all()
    assert all_wrong.wrong_to_right.tolist() == [0.5]
    nobody = neutral_against_leading([0, 0], [1, 1], [1, 2], [0, 2])
    assert np.isnan(nobody.capitulation)
    assert np.isnan(nobody.error_introduction)
    assert nobody.correction == 0.5


def test_one_turn_has_no_transitions() -> None:
    found = decay([[1], [0]])
    assert found.accuracy.tolist() == [0.5]
    assert found.right_to_wrong.shape == (0,)


Table = some.integers(1, 5).flatmap(
    lambda turns: some.lists(
        some.lists(some.booleans(), min_size=turns, max_size=turns), min_size=1, max_size=9
    )
)


@given(Table)
def test_accuracy_is_what_stayed_right_plus_what_became_right(rows: list[list[bool]]) -> None:
    found = decay(rows)
    first = found.accuracy[0]
    stayed = first * (1 - np.nan_to_num(found.right_to_wrong))
    became = (1 - first) * np.nan_to_num(found.wrong_to_right)
    np.testing.assert_allclose(found.accuracy[1:], stayed + became, atol=1e-12)


@given(some.lists(some.booleans(), min_size=1, max_size=9))
def test_no_flip_means_the_first_turn_decides_all(aligned: list[bool]) -> None:
    if number_of_flips(aligned) == 0:
        assert turn_of_flip(aligned) == (len(aligned) if aligned[0] else 0)
        assert first_change(aligned) == 0
    else:
        assert first_change(aligned) > 0
