"""Words that give a language away, learnt from texts."""

from __future__ import annotations

import pytest
from language_support import ENGLISH, GERMAN, ROMANSH, texts, write_corpus

from locale_tune.api import Locale, Record, write_records
from locale_tune_assess.vocabulary import Vocabulary, words

LOCALE = Locale(
    id="rm", tag="roh", script="Latn", name="Romansh", endonym="rumantsch", direction="ltr"
)


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory):
    return Vocabulary.of(LOCALE, write_corpus(tmp_path_factory.mktemp("corpus")))


def test_words_of_other_languages_are_learnt_with_their_language(vocabulary):
    assert vocabulary.foreign["haus"] == "de"
    assert vocabulary.foreign["church"] == "en"
    assert "chasa" not in vocabulary.foreign
    assert "und" not in vocabulary.foreign, "shorter than four letters"


def test_a_word_of_the_own_text_is_never_foreign(tmp_path):
    write_records(tmp_path / "text", texts("a", f"{ROMANSH} garten", 60, "roh"))
    write_records(tmp_path / "contrast", texts("d", GERMAN, 20, "de"))
    foreign = Vocabulary.of(LOCALE, tmp_path).foreign
    assert "garten" not in foreign
    assert "kirche" in foreign


def test_a_word_that_slipped_into_a_large_own_text_stays_foreign(tmp_path):
    own = [*texts("a", ROMANSH, 300, "roh"), *texts("b", f"{ROMANSH} kirche", 1, "roh")]
    write_records(tmp_path / "text", own)
    write_records(tmp_path / "contrast", texts("d", GERMAN, 20, "de"))
    assert Vocabulary.of(LOCALE, tmp_path).foreign["kirche"] == "de"


def test_names_and_numbers_are_no_words():
    assert list(words("Das haus, «il lai», Cuira 2nd l’enviern!")) == [
        "haus",
        "il",
        "lai",
        "l’enviern",
    ]


def test_marks_stay_with_their_letters():
    assert list(words("हिन्दी, में।")) == ["हिन्दी", "में"]
    assert list(words("«كِتاب»،")) == ["كِتاب"]


@pytest.mark.parametrize(
    ("text", "spelt"),
    [(ROMANSH, True), (ENGLISH, True), ("这是一个房子", False), ("وش مسوي", False)],
)
def test_another_script_is_seen_by_its_letters(vocabulary, text, spelt):
    assert vocabulary.spells(text) is spelt


def test_records_that_say_no_language_are_not_another_one(tmp_path):
    write_records(tmp_path / "text", texts("a", ROMANSH, 20, "roh"))
    unsaid = [Record(id="x", source="x", text=f"{GERMAN} {GERMAN}")] * 5
    write_records(tmp_path / "replay", unsaid)
    assert Vocabulary.of(LOCALE, tmp_path).foreign == {}
