"""Slots are filled once, and lists are written as a language writes them."""

from __future__ import annotations

import pytest

from locale_tune.api import Listing, fill, slots_of


def test_slots_are_named_once_in_order() -> None:
    assert slots_of("{b} e {a} e {b}, {{betg}}") == ("b", "a")
    assert slots_of("senza") == ()


@pytest.mark.parametrize("text", ["{a", "a}", "{}", "{ }", "{a}}", r"ina lingia\n", r"\t"])
def test_what_would_stand_in_a_lesson_as_it_is_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"brace|slot|backslash"):
        slots_of(text)


def test_what_is_filled_in_is_not_looked_at_again() -> None:
    values = {"a": "{b}", "b": r"\n {a}"}
    assert fill("{a}/{b}/{{a}}", values.__getitem__) == r"{b}/\n {a}/{a}"
    with pytest.raises(KeyError):
        fill("{c}", values.__getitem__)


def test_choices_stand_in_lines_or_in_a_sentence() -> None:
    assert Listing().of(["chasa", "chaun"]) == "- chasa\n- chaun"
    inline = Listing(item="«{choice}»", between=", ", last=" u ")
    assert inline.of(["a", "b", "c"]) == "«a», «b» u «c»"
    assert inline.of(["a"]) == "«a»"
    assert inline.of([]) == ""
    arabic = Listing(item="{mark}) {choice}", marks=("أ", "ب"))
    assert arabic.of(["بيت", "كلب"]) == "أ) بيت\nب) كلب"
    assert arabic.mark(1) == "ب"


def test_too_few_marks_are_told() -> None:
    with pytest.raises(ValueError, match="choice 2 has no mark; 1 are given"):
        Listing(item="{mark} {choice}", marks=("a",)).of(["x", "y"])
