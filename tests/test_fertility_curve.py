"""The fertility curve: what is drawn, what its table says, and odd facts."""

from __future__ import annotations

from typing import Any

import pytest
from extension_facts import CURVE, extension_facts
from hypothesis import given
from hypothesis import strategies as st

from locale_tune_release.fertility_curve import chart, curve_of, floor_of, ticks


def drawn(**more: Any) -> dict[str, Any]:
    found = chart(extension_facts([], **more))
    assert found is not None
    return found


def test_every_measured_point_stands_in_the_table_and_is_drawn() -> None:
    found = drawn()
    assert len(found["points"]) == len(CURVE)
    rows = {row["size"]: row["value"] for row in found["rows"]}
    assert rows | {f"{n:,}": f"{value:.2f}" for n, value in CURVE.items()} == rows


def test_taken_knee_and_limit_are_named_beside_their_sizes() -> None:
    marks = {row["size"]: row["mark"] for row in drawn()["rows"] if row["mark"]}
    assert marks == {"1,200": "taken, knee of the curve", "1,900": "limit of min_frequency"}


def test_a_size_between_two_points_says_what_it_lies_between() -> None:
    (row,) = [row for row in drawn()["rows"] if row["size"] == "1,900"]
    assert row["value"] == "1.64 to 1.74"


def test_letters_stand_at_every_point_so_they_do_not_count_as_taken() -> None:
    marks = {row["mark"]: row["size"] for row in drawn(letters=200)["rows"]}
    assert marks["taken"] == "1,000"


def test_a_limit_beyond_the_curve_is_named_without_a_value() -> None:
    (row,) = [row for row in drawn(frequent=9_000)["rows"] if row["size"] == "9,000"]
    assert row == {"size": "9,000", "value": "not measured", "mark": "limit of min_frequency"}


def test_all_places_lie_inside_the_picture_and_more_tokens_lie_lower() -> None:
    found = drawn(frequent=9_000)
    places = [
        *found["points"],
        found["taken"],
        *({"x": x, "y": 0} for x in found["guides"].values()),
    ]
    assert all(0 <= place[axis] <= 1 for place in places for axis in "xy")
    heights = [point["y"] for point in found["points"]]
    assert heights == sorted(heights, reverse=True)
    assert 0 <= found["floor"] < heights[-1]


def test_what_was_taken_lies_on_the_line() -> None:
    on = drawn()
    assert on["taken"] == on["points"][list(CURVE).index(1200)]
    between = drawn(new_tokens=750)
    left, right = (between["points"][list(CURVE).index(n)] for n in (500, 1000))
    assert between["taken"]["y"] == pytest.approx((left["y"] + right["y"]) / 2)


def test_the_description_says_all_that_is_drawn() -> None:
    assert drawn()["words"] == (
        "Tokens per word go from 3.24 to 1.60 with 2,600 new tokens. Taken: 1,200, 1.74 tokens per "
        "word; knee of the curve: 1,200; limit of min_frequency: 1,900; floor: 1.36."
    )


def test_the_floor_is_that_of_the_tokenizer_that_was_written() -> None:
    upgraded = {"accepted": True, "floor_before": 1.36, "floor_after": 1.02}
    assert floor_of(extension_facts([], pretokenizer=upgraded)) == 1.02
    assert floor_of(extension_facts([])) == 1.36
    assert floor_of(extension_facts([], pretokenizer=upgraded, new_tokens=0)) == 1.36


@pytest.mark.parametrize(
    "points",
    [
        None,
        "many",
        [],
        [{"new_tokens": 0, "tokens_per_word": 2.0}],
        [{"new_tokens": 0, "tokens_per_word": 2.0}, {"new_tokens": "x", "tokens_per_word": 1}],
        [{"new_tokens": 0, "tokens_per_word": 2.0}, {"new_tokens": 9, "tokens_per_word": None}],
        [[0, 1], [1, 2]],
    ],
)
def test_without_two_points_there_is_no_curve(points: Any) -> None:
    assert chart(extension_facts([], curve=points)) is None


def test_a_flat_curve_and_nothing_taken_are_drawn_too() -> None:
    flat = [{"new_tokens": n, "tokens_per_word": 2.0} for n in (0, 10)]
    found = drawn(curve=flat, new_tokens=0, knee=0, frequent=10, floor=None)
    assert found["taken"] == {"x": 0, "y": found["points"][0]["y"]}
    assert found["floor"] is None
    assert found["rows"][0] == {"size": "0", "value": "2.00", "mark": "taken, knee of the curve"}


def test_an_older_extension_has_neither_knee_nor_limit() -> None:
    found = drawn(knee=None, frequent="?")
    assert found["guides"] == {}
    assert [kind for kind, _ in found["legend"]] == ["taken", "floor"]


def test_points_are_put_in_order_and_doubles_left_out() -> None:
    pairs = [(10, 1.0), (0, 2.0), (10, 1.5)]
    facts = extension_facts([], curve=[{"new_tokens": n, "tokens_per_word": v} for n, v in pairs])
    found = curve_of(facts)
    assert found is not None
    assert found.points == [(0, 2.0), (10, 1.5)]


@given(
    st.floats(0, 1e6, allow_nan=False),
    st.floats(1e-4, 1e6, allow_nan=False),
)
def test_ticks_are_few_and_hold_the_span(low: float, width: float) -> None:
    found = ticks(low, low + width)
    assert 2 <= len(found) <= 7
    assert found == sorted(set(found))
    assert found[0] <= low + 1e-6 * width
    assert found[-1] >= low + width * (1 - 1e-6)
