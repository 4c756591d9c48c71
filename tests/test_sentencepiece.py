"""SentencePiece's spelling, its rules for pieces, and letters that had no piece."""

from __future__ import annotations

import pytest
from tokenizer_support import ENGLISH, toy_sentencepiece, toy_spec

from locale_tune_tokenizer.formats.model_folder import extended
from locale_tune_tokenizer.formats.sentencepiece import missing_letters, refusal, to_bytes, to_text
from locale_tune_tokenizer.formats.styles import BYTE_LEVEL, SENTENCEPIECE, reason_against, style_of
from locale_tune_tokenizer.learning.bpe import Learned
from locale_tune_tokenizer.learning.new_tokens import new_tokens
from locale_tune_tokenizer.learning.segments import count_segments, in_text, measure, open_tokenizer
from locale_tune_tokenizer.settings import ExtendSettings

SOME = ExtendSettings(max_new_tokens=40, min_frequency=5, size="frequency")


def test_a_piece_stands_for_bytes_of_text():
    assert to_bytes("\u2581ün") == " ün".encode()
    assert to_bytes("<0xC3>") == b"\xc3"
    assert to_text("<0xC3>") == "\ufffd"
    assert to_bytes("<0xG3>") == b"<0xG3>"


@pytest.mark.parametrize(
    ("piece", "reason"),
    [
        ("\u2581quai", ""),
        ("\u2581", ""),
        ("quai", ""),
        ("--", ""),
        ("हिन्दी", ""),
        ("quai\u2581", "space inside"),
        ("\u2581\u2581a", "space inside"),
        ("l'aura", "letters with other signs"),
        ("a<0xC3>", "byte"),
    ],
)
def test_pieces_follow_the_rules_of_sentencepiece(piece: str, reason: str):
    assert refusal(piece) == reason


@pytest.mark.parametrize("prepend", [False, True])
def test_both_kinds_are_accepted_and_told_apart(prepend: bool):
    spec = toy_sentencepiece(prepend=prepend)
    assert (reason_against(spec), style_of(spec)) == ("", SENTENCEPIECE)
    assert style_of(toy_spec()) is BYTE_LEVEL


def test_what_cannot_be_extended_is_said_in_a_sentence():
    spec = toy_sentencepiece()
    assert "Unigram" in reason_against({"model": {"type": "Unigram", "vocab": []}})
    assert "leave 'extend' out" in reason_against({"model": {"type": "Unigram", "vocab": []}})
    del spec["model"]["vocab"]["<0x41>"]
    assert "lacks 1 of the 256 byte pieces" in reason_against(spec)
    assert "U+2581" in reason_against({**toy_sentencepiece(), "normalizer": None})


def test_text_falls_into_stretches_at_the_space_marks():
    tokenizer = open_tokenizer(toy_sentencepiece())
    found = count_segments(tokenizer, ["zx qx zx"])
    assert sum(found.values()) == 3
    assert sum(segment[0].startswith("\u2581") for segment in found) == 2
    assert all("\u2581" not in token[1:] for segment in found for token in segment)


def test_words_are_measured_after_one_space_however_it_gets_there():
    plain, prepending = (open_tokenizer(toy_sentencepiece(prepend=p)) for p in (False, True))
    assert in_text(plain, ["the"]) == [" the"]
    assert in_text(prepending, ["the"]) == ["the"]
    assert measure(plain, ["the people"]).fertility == measure(prepending, ["the people"]).fertility
    assert measure(plain, ["the people"]).floor == 1.0


def test_frequent_letters_without_a_piece_come_first():
    texts = ["üüüü ñññ ø 9 \U0001f600\U0001f600\U0001f600"]
    assert missing_letters(texts, {" "}, avoid="", share=1.0, least=1) == ["ü", "ñ", "ø"]
    assert missing_letters(texts, {" "}, avoid="ü", share=1.0, least=1) == ["ñ", "ø"]
    assert missing_letters(texts, {" "}, avoid="", share=1.0, least=3) == ["ü", "ñ"]
    assert missing_letters(texts, {" ", "ü"}, avoid="", share=0.6, least=1) == ["ñ"]
    assert missing_letters([""], set(), avoid="", share=1.0, least=1) == []


def test_letters_and_tokens_are_added_and_protected_text_keeps_its_ids():
    spec = toy_sentencepiece()
    text = ["cumün cumün sün", "ñandú ñandú"] * 20
    protected = [*ENGLISH, "ñu"]
    found = new_tokens(spec, lambda: text, text[:4], protected, SOME).learned
    assert found.letters == ["ü", "ú"]
    assert "\u2581cumün" in found.tokens
    assert not any("ñ" in token for token in found.added)
    extension = extended(spec, found)
    old, new = open_tokenizer(spec), open_tokenizer(extension.spec)
    for line in protected:
        assert new.encode(line).ids == old.encode(line).ids
    for token, number in extension.ids.items():
        assert [t.id for t in new.model.tokenize(token)] == [number]
    assert new.decode(new.encode(text[0]).ids) == text[0]


def test_every_way_to_make_up_a_new_piece_is_written_once():
    spec = toy_sentencepiece()
    learned = Learned(merges=[("z", "x"), ("zx", "z")], tokens=["zx", "zxz"])
    spec["model"]["vocab"] |= {"z": 900, "x": 901, "xz": 902}
    new = extended(spec, learned).spec
    old = spec["model"]["merges"]
    assert new["model"]["merges"][: len(old)] == old
    assert new["model"]["merges"][len(old) :] == [["z", "x"], ["z", "xz"], ["zx", "z"]]
