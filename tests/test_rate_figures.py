"""Figures of ratings: closed forms, Krippendorff's own example, and what counts as one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locale_tune_release.rate_figures import alpha, equal_share, sign_test, summary, wilson

# Krippendorff 2011, example with four observers, twelve units and missing values: alpha 0.743.
OBSERVERS = ("1 2 3 3 2 1 4 1 2 . . .", "1 2 3 3 2 2 4 1 2 5 . 3")
OBSERVERS += (". 3 3 3 2 3 4 2 2 5 1 .", "1 2 3 3 2 4 4 1 2 5 1 .")
UNITS = [
    [vote for vote in unit if vote != "."]
    for unit in zip(*(line.split() for line in OBSERVERS), strict=True)
]


def test_alpha_is_krippendorffs() -> None:
    assert alpha(UNITS) == pytest.approx(0.743, abs=5e-4)
    assert alpha([["a", "a"], ["b", "b"]]) == pytest.approx(1.0)
    assert alpha([["a", "b"], ["b", "a"]]) == pytest.approx(-0.5)
    assert alpha([["a"], ["b"]]) is None
    assert alpha([["a", "a"]]) is None


def test_sign_test_and_interval_have_their_closed_forms() -> None:
    assert sign_test(0, 0) == 1.0
    assert sign_test(5, 0) == pytest.approx(2 / 32)
    assert sign_test(8, 2) == pytest.approx(2 * (1 + 10 + 45) / 1024)
    assert sign_test(3000, 3000) == 1.0
    assert wilson(0, 0) is None
    assert wilson(8, 10) == pytest.approx((0.4901625, 0.9433178), abs=1e-6)
    assert wilson(0, 10) == pytest.approx((0.0, 0.2775328), abs=1e-6)


def test_the_test_counts_prompts_not_votes() -> None:
    votes = [("p", "after")] * 9 + [("q", "before"), ("q", "tie"), ("r", "both bad")]
    told = [
        {"prompt": prompt, "choice": choice, "rater": str(n), "comment": ""}
        for n, (prompt, choice) in enumerate(votes)
    ]
    found = summary(told)
    assert (found["won"], found["lost"], found["even"]) == (1, 1, 1)
    assert found["p"] == 1.0
    assert found["votes"] == {"after": 9, "before": 1, "tie": 1, "both bad": 1}
    assert found["equal"] == equal_share([["a"] * 9, ["b", "c"]]) == 36 / 37


@given(st.lists(st.lists(st.sampled_from("abc"), max_size=6), max_size=8))
def test_agreement_is_never_above_one(units: list[list[str]]) -> None:
    assert (found := alpha(units)) is None or found <= 1.0 + 1e-12
    assert (share := equal_share(units)) is None or 0 <= share <= 1
