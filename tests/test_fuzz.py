"""Random texts: repeatable, valid, and of every kind that breaks tokenizers."""

from __future__ import annotations

import random
import unicodedata

import pytest

from locale_tune_tokenizer.checks import fuzz
from locale_tune_tokenizer.checks.fuzz import ZWJ, ZWNJ, fuzzed

LINES = ["Quai è ina chasa bella.", "كتاب في المدرسة"]
TEXTS = fuzzed(LINES, seed=3)
ALL = "".join(TEXTS)


def test_the_seed_and_the_lines_decide():
    assert fuzzed(LINES, seed=3) == TEXTS
    assert fuzzed(LINES, seed=4) != TEXTS
    assert fuzzed(LINES[:1], seed=3) != TEXTS
    assert len(TEXTS) == 500


def test_every_text_is_valid_and_short_enough_to_show():
    assert all(text.encode().decode() == text for text in TEXTS)
    assert max(map(len, TEXTS)) < 600


def test_without_lines_there_are_texts_all_the_same():
    assert len(fuzzed([], seed=0, count=30)) == 30


@pytest.mark.parametrize(
    "part",
    [
        ZWJ,
        ZWNJ,
        "\u0640",
        "\u200f",
        "\u2066",
        "\ufeff",
        "\x00",
        "\ufffd",
        "\ufe0f",
        "\U0001f3fd",
        "\U000e007f",
    ],
)
def test_what_breaks_tokenizers_is_there(part: str):
    assert part in ALL


def test_there_are_flags_private_use_presentation_forms_and_lone_marks():
    assert any("\U0001f1e6" <= letter <= "\U0001f1ff" for letter in ALL)
    assert any(unicodedata.category(letter) == "Co" for letter in ALL)
    assert any("\ufe70" <= letter <= "\ufefc" for letter in ALL)
    assert any(unicodedata.category(text[0]) == "Mn" for text in TEXTS if text)


def test_there_is_text_of_both_normal_forms_and_of_many_scripts():
    assert any(not unicodedata.is_normalized("NFC", text) for text in TEXTS)
    assert any(not unicodedata.is_normalized("NFD", text) for text in TEXTS)
    for letters in fuzz.LETTERS.values():
        assert set(letters) & set(ALL)


def test_there_are_long_runs_and_pieces_of_the_lines():
    assert any(
        letter * 20 in text for text in TEXTS for letter in (" ", "\n", "-", "0", "\u0640") if text
    )
    assert any("chasa" in text or "CHASA" in text for text in TEXTS)


@pytest.mark.parametrize("make", fuzz.MAKERS, ids=lambda make: make.__name__)
def test_every_maker_makes_text_of_several_kinds(make):
    chance = random.Random(0)
    made = {make(chance) for _ in range(40)}
    assert "" not in made
    assert len(made) > 15


def test_mixed_words_hold_several_scripts():
    chance = random.Random(1)
    names = {unicodedata.name(c, "?").split()[0] for c in fuzz.mixed_scripts(chance)}
    assert len(names) > 1


def test_the_joiners_stand_between_letters_of_scripts_that_use_them():
    chance = random.Random(2)
    words = "".join(fuzz.joiners(chance) for _ in range(30))
    assert {ZWJ, ZWNJ} < set(words)
    assert all(
        unicodedata.name(c).split()[0] in {"ARABIC", "DEVANAGARI", "BENGALI", "TAMIL", "KHMER"}
        for c in words
        if c not in ZWJ + ZWNJ and unicodedata.category(c)[0] == "L"
    )
