"""Words that give a variety away are counted once each, whole and folded."""

from __future__ import annotations

import pytest

from locale_tune_corpus.markers import Markers, weighed

LISTS = {"ar-gulf": ["شلون", "ما عليه"], "arb": ["لماذا", "الذي"]}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("شلون الأهل؟", {"ar-gulf": 1}),
        ("شلون وشلون، شلوووون؟", {"ar-gulf": 1}),
        ("شِلون… لِماذا؟", {"ar-gulf": 1, "arb": 1}),
        ("ما  عليه، الذي فات مات", {"ar-gulf": 1, "arb": 1}),
        ("ما عليهم", {}),
        ("", {}),
    ],
)
def test_markers_are_found(text: str, found: dict[str, int]) -> None:
    assert Markers(LISTS).found(text) == found


def test_a_marker_makes_its_label_seven_times_as_likely_and_three_are_enough() -> None:
    even = {"a": 0.5, "b": 0.5}
    one = weighed(even, {"a": 1})
    assert one["a"] / one["b"] == pytest.approx(7.389, abs=0.001)
    assert sum(one.values()) == pytest.approx(1)
    assert weighed(even, {"a": 9}) == weighed(even, {"a": 3})
    assert weighed(even, {}) == even
