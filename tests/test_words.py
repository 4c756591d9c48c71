"""Words in any script, and strings that must not become tokens."""

from __future__ import annotations

import pytest
from tokenizer_support import to_letters

from locale_tune_tokenizer.formats.bytelevel import to_bytes, to_text
from locale_tune_tokenizer.learning.words import refusal, script_of, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("L'aura, d’üna sumbrïva!", ["L'aura", "d’üna", "sumbrïva"]),
        ("'quoted' and rock 'n' roll", ["quoted", "and", "rock", "n", "roll"]),
        ("مُعَلِّمٌ جديد ١٢٣", ["مُعَلِّمٌ", "جديد"]),
        ("می\u200cخواهم\u200c", ["می\u200cخواهم"]),
        ("हिन्दी 42", ["हिन्दी"]),
        ("e\u0301tat", ["e\u0301tat"]),
        ("1 + 1 = 2 \U0001f600", []),
        ("", []),
    ],
)
def test_words_are_runs_of_letters_and_marks(text: str, expected: list[str]):
    assert list(words(text)) == expected


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (" quai", ""),
        ("مدر", ""),
        ("d'", ""),
        ("カナ漢字", ""),
        ("µa", ""),
        ("é\u0301", ""),
        ("2", "digit"),
        (" a2", "digit"),
        ("٣", "digit"),
        ("½", "digit"),
        ("a\u200d", "control"),
        ("\n\n", "control"),
        ("\u200f", "control"),
        ("   ", "only spaces"),
        ("\u00a0", "only spaces"),
        ("aб", "two scripts"),
        ("مa", "two scripts"),
        ("a" * 11, "too long"),
    ],
)
def test_what_may_not_be_one_token(token: str, reason: str):
    assert refusal(token.encode(), max_chars=10) == reason


def test_an_unfinished_character_is_judged_when_it_is_finished():
    digit = "٣".encode()
    assert refusal(digit[:1], 10) == ""
    assert refusal(digit, 10) == "digit"
    joiner = "\u200d".encode()
    assert [refusal(joiner[:n], 10) for n in (1, 2, 3)] == ["", "", "control"]


def test_scripts_come_from_unicode_names():
    assert [script_of(letter) for letter in "aбم漢カ"] == [
        "LATIN",
        "CYRILLIC",
        "ARABIC",
        "HAN",
        "HAN",
    ]
    assert script_of("\u0301") == script_of("'") == script_of("4") == ""


def test_the_byte_alphabet_spells_every_byte_and_reads_back():
    every = "".join(to_letters(chr(code)) for code in (0, 10, 32, 65, 0x7F, 0xA0, 0xAD, 0xFF))
    assert to_bytes(every).decode() == "\x00\n A\x7f\xa0\xad\xff"
    assert to_letters(" a") == "\u0120a"
    assert to_text(to_letters("é")[:1]) == "\ufffd"
