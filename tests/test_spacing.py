"""Scripts without spaces between words: one list, whoever counts."""

from __future__ import annotations

import unicodedata

import pytest

from locale_tune.api import spacing
from locale_tune_assess.languages import units as answer_units
from locale_tune_corpus.invisible import hidden
from locale_tune_corpus.units import units as text_units
from locale_tune_corpus.words import words
from locale_tune_curation.rouge import units as lesson_units

NAMES = {
    "CJK": "Hani",
    "HIRAGANA": "Jpan",
    "KATAKANA": "Jpan",
    "THAI": "Thai",
    "LAO": "Laoo",
    "MYANMAR": "Mymr",
    "KHMER": "Khmr",
    "NEW TAI LUE": "Talu",
    "TAI THAM": "Lana",
    "BALINESE": "Bali",
    "JAVANESE": "Java",
    "CHAM": "Cham",
    "TAI VIET": "Tavt",
}
SPACED = ("LATIN", "CYRILLIC", "ARABIC", "HEBREW", "DEVANAGARI", "TIBETAN", "ETHIOPIC", "HANGUL")


LETTERS = [  # with their names, of the first two planes: all that any of these scripts has
    (char, unicodedata.name(char, ""))
    for char in map(chr, range(0x20000))
    if unicodedata.category(char) in ("Lo", "Ll")
]


def letters(script):
    return [
        char
        for char, name in LETTERS
        if name.startswith(f"{script} ") and "COMPATIBILITY" not in name
    ]


@pytest.mark.parametrize("script", NAMES)
def test_every_letter_of_an_unspaced_script_is_known(script):
    found = letters(script)
    assert len(found) > 20
    assert all(map(spacing.is_unspaced, found))
    assert NAMES[script] in spacing.SCRIPTS


@pytest.mark.parametrize("script", SPACED)
def test_no_letter_of_another_script_is(script):
    found = letters(script)
    assert found
    assert not any(map(spacing.is_unspaced, found))


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("jau sun qua", 3),
        ("今天天气", 4),
        ("ภาษา", 4),
        ("bun 今天 di", 4),
        ("བོད་སྐད་", 2),
    ],
)
def test_all_that_count_words_count_alike(text, count):
    assert len(lesson_units(text)) == count
    assert len(answer_units(text)) == count
    assert len(text_units(text)) == count


def test_filters_go_by_the_packs_script():
    assert words("ภาษาไทย", "Thai") == list("ภาษาไทย")
    assert words("ภาษาไทย", "Latn") == ["ภาษาไทย"]


@pytest.mark.parametrize("text", ["ภาษา\u200bไทย", "བོད་\u200bསྐད་", "ᮘᮞ\u200bᮞᮥᮔ᮪ᮓ"])
def test_an_invisible_space_may_stand_where_lines_break_at_it(text):
    assert hidden(text) == ""
    assert "invisible space" in hidden("jau\u200bsun")
