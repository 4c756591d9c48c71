"""Names for labels, and words as each script writes them."""

from __future__ import annotations

import pytest

from locale_tune.api import Locale
from locale_tune_assess.languages import (
    count_words,
    first_words,
    is_english,
    is_own,
    name_of,
    tag_of,
    units,
)

GULF = Locale(
    id="ar-gulf",
    tag="afb",
    script="Arab",
    name="Gulf Arabic",
    endonym="خليجي",
    direction="rtl",
)


@pytest.mark.parametrize("lang", ["afb", "ar-gulf", "", "afb-Arab"])
def test_the_packs_own_language(lang: str) -> None:
    assert is_own(lang, GULF)
    assert name_of(lang, GULF) == "Gulf Arabic"
    assert tag_of(lang, GULF) == "afb"


@pytest.mark.parametrize(
    ("lang", "name"),
    [
        ("en", "English"),
        ("arb", "Standard Arabic"),
        ("de-CH", "German"),
        ("arb_Arab", "Standard Arabic"),
        ("xyz", "xyz"),
    ],
)
def test_other_languages(lang: str, name: str) -> None:
    assert not is_own(lang, GULF)
    assert name_of(lang, GULF) == name
    assert tag_of(lang, GULF) == lang


def test_english_of_any_region() -> None:
    assert all(map(is_english, ("en", "en-GB", "eng", "eng_Latn")))
    assert not any(map(is_english, ("enm", "", "de")))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", 0),
        ("Bun di, co vai?", 4),
        ("  — ... !", 0),
        ("شلونك اليوم يا خوي", 4),
        ("東京タワー", 5),
        ("AI大学", 3),
        ("สวัสดี", 4),
        ("l'uffizi da la vischnanca 2024", 5),
    ],
)
def test_words(text: str, words: int) -> None:
    assert count_words(text) == words


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("", []),
        ("L’enviern è BEL, e – nauscha!", ["lenviern", "è", "bel", "e", "nauscha"]),
        ("شلونك اليوم؟", ["شلونك", "اليوم"]),
        ("हिन्दी", ["हिन्दी"]),  # marks belong to their word
        ("AI大学B", ["ai", "大", "学", "b"]),
        ("สวัสดี", ["ส", "วั", "ส", "ดี"]),  # and to their letter
    ],
)
def test_words_or_letters_are_what_is_compared(text: str, cut: list[str]) -> None:
    assert units(text) == cut
    assert count_words(text) == len(cut)


@pytest.mark.parametrize(
    ("text", "count", "beginning"),
    [
        ("la chasa  gronda\ne alva", 3, "la chasa gronda"),
        ("东京是日本的首都", 4, "东京是日"),
        ("بيت كبير في الحي", 2, "بيت كبير"),
        ("བོད་སྐད་ཡིག་", 2, "བོད་སྐད་"),
        ("curt", 9, "curt"),
        (" ", 3, ""),
    ],
)
def test_the_first_words_are_letters_where_no_spaces_part_them(
    text: str, count: int, beginning: str
) -> None:
    assert first_words(text, count) == beginning
