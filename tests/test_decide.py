"""Zero is an answer, and every zero gives its figures."""

from __future__ import annotations

from locale_tune_tokenizer.learning.decide import llamacpp_notes, none_taken, notes, reason_for_none
from locale_tune_tokenizer.learning.new_tokens import Sized
from locale_tune_tokenizer.learning.segments import Figures
from locale_tune_tokenizer.settings import ExtendSettings

SETTINGS = ExtendSettings(min_bytes=1_000_000)
ENOUGH = 20_000_000


def figures(fertility: float, floor: float = 1.0, words: int = 500) -> Figures:
    return Figures(words, fertility, floor, 3.0)


def reason(
    fertility: float = 2.5,
    floor: float = 1.0,
    size: int = ENOUGH,
    english: float | None = 1.3,
    settings: ExtendSettings = SETTINGS,
) -> str:
    native = figures(fertility, floor)
    other = figures(english) if english else None
    return reason_for_none(settings, size, native, native, other)


def test_a_wasteful_tokenizer_with_enough_text_is_extended():
    assert reason() == ""


def test_too_little_text_names_both_sizes():
    assert reason(size=400_000).startswith("too little text: 0.40 MB after filters, 1.00 MB needed")


def test_already_compact_is_relative_to_english():
    assert "1.90 tokens per word, English has 1.30" in reason(fertility=1.9)
    assert reason(fertility=1.96) == ""
    assert reason(fertility=1.9, english=None) == ""
    off = SETTINGS.model_copy(update={"compact_ratio": 0.0})
    assert reason(fertility=1.3, settings=off) == ""


def test_parallel_text_is_compared_when_it_is_there():
    beside = figures(1.4)
    found = reason_for_none(SETTINGS, ENOUGH, figures(2.5), beside, figures(1.3))
    assert found.startswith("already compact: 1.40")


def test_the_floor_is_told_from_the_vocabulary():
    assert reason(fertility=3.6, floor=3.45).startswith("the floor, not the vocabulary: 3.60")
    assert reason(fertility=3.7, floor=3.45) == ""


def test_no_words_and_not_asked_for():
    empty = Figures(0, 0.0, 0.0, 0.0)
    assert reason_for_none(SETTINGS, ENOUGH, empty, empty, None).startswith("no words")
    none = SETTINGS.model_copy(update={"max_new_tokens": 0})
    assert reason(settings=none).startswith("not asked for")


def test_a_lowered_threshold_leaves_a_note():
    (note,) = notes(SETTINGS, 2_000_000)
    assert "2.00 MB" in note
    assert "recommended 5.00 MB (setting min_bytes)" in note
    assert notes(SETTINGS, ENOUGH) == []


def test_no_token_taken_is_told_by_what_ruled_it_out():
    assert "100 times" in none_taken(Sized(), SETTINGS)
    assert none_taken(Sized(frequent=1200), SETTINGS).startswith("nothing saved: 1,200 frequent")


def test_what_llama_cpp_cannot_run_is_said():
    assert llamacpp_notes({}, None) == []
    (trimmed,) = llamacpp_notes({"passed": True}, None)
    assert trimmed.startswith("not for llama.cpp: the vocabulary is trimmed")
    assert len(llamacpp_notes({"passed": True}, {"model": {}})) == 2
