"""Native text is found, marked with language and direction, and cut by characters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from release_numbers import GULF, ROMANSH

from locale_tune_release.figures import (
    between,
    count,
    decimals,
    number,
    percent,
    short,
    signed,
    size,
)
from locale_tune_release.script import direction, is_script, runs, spoken

MIXED = st.text(alphabet="ab 7.،\nابيשéاً", max_size=30)


def test_direction_is_the_majoritys() -> None:
    assert direction("شلونك") == "rtl"
    assert direction("Co vai?") == "ltr"
    assert direction("7:30 !") == ""
    assert direction("القرقيعان is a festival") == "ltr"


def test_a_phrase_is_one_run_and_english_around_it_is_none() -> None:
    found = runs("Written by أهل الحي، 2025 in Dubai", GULF)
    assert [(r.text, r.lang, r.dir) for r in found] == [
        ("Written by ", "", ""),
        ("أهل الحي", "afb", "rtl"),
        ("، 2025 in Dubai", "", ""),
    ]


def test_right_to_left_text_in_another_packs_page_is_marked_undetermined() -> None:
    assert [(r.lang, r.dir) for r in runs("rumantsch עברית", ROMANSH)][1] == ("und", "rtl")


def test_a_left_to_right_script_is_marked_too() -> None:
    amharic = ROMANSH.model_copy(update={"tag": "am", "script": "Ethi"})
    assert [(r.text, r.lang, r.dir) for r in runs("by አበበ (am)", amharic)] == [
        ("by ", "", ""),
        ("አበበ", "am", "ltr"),
        (" (am)", "", ""),
    ]


@given(MIXED)
def test_runs_lose_nothing_and_leave_no_foreign_letter_unmarked(text: str) -> None:
    found = runs(text, GULF)
    assert "".join(run.text for run in found) == text
    plain = "".join(run.text for run in found if not run.lang)
    assert direction(plain) in ("", "ltr")
    assert not any(is_script(char, "Arab") for char in plain)


def test_what_a_model_wrote_in_another_script_is_not_called_the_language() -> None:
    assert spoken("I am sorry.", "afb", "rtl", GULF).lang == "und"
    assert spoken("I am sorry.", "afb", "rtl", GULF).dir == "ltr"
    assert spoken("زين", "afb", "rtl", GULF).lang == "afb"
    assert spoken("123", "", "", GULF).dir == "rtl"


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (number(-1.7, 1), "−1.7"),
        (number(-0.01, 1), "0.0"),
        (number(2000), "2,000"),
        (short(-0.1), "−0.1"),
        (short(2.0), "2"),
        (number(None), "not measured"),
        (number(float("nan")), "not measured"),
        (signed(0.5, 1), "+0.5"),
        (signed(0.0, 1), "0.0"),
        (signed(-0.5, 1), "−0.5"),
        (between((-1.25, 2), 2, sign=True), "−1.25 to +2.00"),
        (percent(7, 1000), "0.7\u00a0%"),
        (percent(1, 100_000), "under 0.1\u00a0%"),
        (percent(0, 10), "0\u00a0%"),
        (percent(1, 0), "not measured"),
        (size(999), "999\u00a0bytes"),
        (size(538_090_408), "538\u00a0MB"),
        (count(134_515_008), "135\u00a0M"),
        (count(1_720_000_000), "1.72\u00a0B"),
        (count(4), "4"),
    ],
)
def test_figures(shown: str, expected: str) -> None:
    assert shown == expected


def test_a_rows_numbers_share_their_precision() -> None:
    assert decimals(1.42, 1.11) == 2
    assert decimals(38.2, 44.9) == 1
    assert decimals(0.00001) == 4
    assert decimals(None, 0.0) == 2
