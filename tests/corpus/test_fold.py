"""Folding: what a reader takes for the same words becomes the same words."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locale_tune_corpus.fold import fingerprint, fold


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Bun di!", "bun  DI"),
        ("l’aua", "l'aua"),
        ("أحمد", "احمد"),
        ("مدرسة", "مدرسه"),
        ("جميـــل", "جميل"),
        ("مُحَمَّد", "محمد"),
        ("ﻻ", "لا"),
        ("cafe\u0301", "café"),
        ("STRASSE", "straße"),
        ("٢٠١٦", "2016"),
        ("८ घंटे", "8 घंटे"),
        ("کتاب", "كتاب"),
        ("هٰذا", "هذا"),
        ("أَ", "ا"),
        ("e‍́", "é"),
    ],
)
def test_spellings_of_one_word_are_one(one: str, other: str) -> None:
    assert fold(one) == fold(other)
    assert fingerprint(one) == fingerprint(other)


@pytest.mark.parametrize(("one", "other"), [("è", "e"), ("fis", "fils"), ("की", "का"), ("7", "8")])
def test_other_words_stay_other(one: str, other: str) -> None:
    assert fold(one) != fold(other)


def test_marks_of_indic_scripts_are_letters_of_the_word() -> None:
    assert fold("हिन्दी भाषा") == unicodedata.normalize("NFKC", "हिन्दी भाषा")


def test_texts_without_words_are_told_apart() -> None:
    assert fingerprint("😀") != fingerprint("😢")


@given(st.lists(st.text(max_size=40)))
def test_words_met_before_are_folded_as_the_first_time(texts: list[str]) -> None:
    first = [fold(text) for text in texts]
    assert [fold(text) for text in texts] == first
    assert fold(" ".join(texts)) == " ".join(" ".join(first).split())


@given(st.text())
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)
