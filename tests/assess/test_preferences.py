"""The check `preferences` on models that are tables of numbers."""

from __future__ import annotations

import math

import pyarrow.parquet as pq
import pytest

from locale_tune.api import Message, Record
from locale_tune_assess.preferences import preferences
from locale_tune_assess.settings import AssessSettings


def pair(number: int, turns: int = 1, group: str = "") -> Record:
    asked = [Message(role="user", content=f"{number}?")] * turns
    said = Message(role="assistant", content=f"bun {'è' * number}")
    return Record(
        id=f"p{number}",
        source="pairs",
        lang="roh",
        messages=(*asked, said),
        rejected=f"schlecht {number}",
        meta={"group": group} if group else {},
    )


def test_a_preferred_answer_that_gets_unlikely_is_worse(make_context, fake) -> None:
    context = make_context(
        fake("before", bits=2.0),
        fake("after", bits=4.0, likes="schlecht"),
        heldout_preferences=[pair(number) for number in range(8)],
    )
    likely, right = preferences(context)
    assert (likely.check, right.check) == ("preferences", "preferences_right")
    assert (likely.before, likely.after) == pytest.approx((2.0, 4.0))
    assert likely.verdict == "worse"
    assert likely.lower_is_better
    assert {likely.section, right.section} == {"retention"}
    assert (right.before, right.after) == (0.0, 0.0), "equal is not preferred"
    rows = pq.read_table(context.out / "items" / "preferences-roh.parquet").to_pylist()
    assert rows[0]["rejected_after"] == pytest.approx(2.0)
    assert len(rows) == 8


def test_the_likelier_answer_counts(make_context, fake) -> None:
    context = make_context(
        fake("before", likes="schlecht"),
        fake("after", likes="bun"),
        heldout_preferences=[pair(number, group=f"g{number % 3}") for number in range(8)],
    )
    likely, right = preferences(context)
    assert (right.before, right.after) == (0.0, 1.0)
    assert (likely.before, likely.after) == pytest.approx((1.0, 0.5))
    assert likely.n == 8


def test_chats_of_several_turns_are_measured_as_chats(make_context, fake) -> None:
    pairs = [pair(number, turns=1 + number % 2) for number in range(8)]
    before, after = fake("before", likes="bun"), fake("after", likes="schlecht")
    context = make_context(before, after, heldout_preferences=pairs)
    likely, right = preferences(context)
    assert likely.n == 8
    assert (right.before, right.after) == (1.0, 0.0)
    rows = pq.read_table(context.out / "items" / "preferences-roh.parquet").to_pylist()
    for number, row in enumerate(rows):
        size = len(f"bun {'è' * number}".encode())
        expected = 9.0 / math.log(2) / size if number % 2 else 1.0
        assert row["chosen_after"] == pytest.approx(expected)


def test_a_pair_without_a_prompt_is_none(make_context) -> None:
    assert list(preferences(make_context(heldout_preferences=[pair(1, turns=0)]))) == []


def test_no_split_no_finding(make_context) -> None:
    assert list(preferences(make_context())) == []


def test_at_most_so_many(make_context) -> None:
    pairs = [pair(number) for number in range(12)]
    settings = AssessSettings(max_preferences=5, resamples=100)
    likely, _ = preferences(make_context(settings=settings, heldout_preferences=pairs))
    assert likely.n == 5
