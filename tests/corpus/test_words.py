"""Words of scripts with and without spaces."""

from __future__ import annotations

import pytest

from locale_tune_corpus.words import per_word, words


@pytest.mark.parametrize(
    ("text", "script", "found"),
    [
        ("Bun di, signur Caduff!", "Latn", ["bun", "di", "signur", "caduff"]),
        ("الأحرفُ العربيّة", "Arab", ["الاحرف", "العربيه"]),
        ("ሰላም፡ለዓለም።", "Ethi", ["ሰላም", "ለዓለም"]),
        ("བོད་སྐད།", "Tibt", ["བོད", "སྐད"]),
        ("น้ำใจ", "Thai", ["น้ํ", "า", "ใ", "จ"]),
        ("ใช้ iPhone15 นะ", "Thai", ["ใ", "ช้", "iphone15", "น", "ะ"]),
        ("東京 Tokyo", "Jpan", ["東", "京", "tokyo"]),
        ("ខ្មែរ", "Khmr", ["ខ្", "មែ", "រ"]),
        ("", "Thai", []),
    ],
)
def test_words(text: str, script: str, found: list[str]) -> None:
    assert words(text, script) == found


def test_a_word_of_a_script_without_spaces_is_some_letters() -> None:
    assert per_word("Arab") == 1
    assert per_word("Thai") > 1
