"""Which tokenizers can be extended, and how their files are read."""

from __future__ import annotations

import copy

import pytest
from tokenizer_support import SPECIAL, toy_spec

from locale_tune_tokenizer.formats.bytelevel import (
    LETTER_OF,
    added_ids,
    merges_of,
    pieces_of,
    reason_against_ids,
)
from locale_tune_tokenizer.formats.styles import reason_against
from locale_tune_tokenizer.learning.segments import open_tokenizer

SPEC = toy_spec()


def test_the_alphabet_has_one_letter_per_byte():
    assert sorted(LETTER_OF) == list(range(256))
    assert set(LETTER_OF.values()) <= set(SPEC["model"]["vocab"])


@pytest.mark.parametrize("options", [{}, {"digits": True}, {"ignore_merges": True}, {"high": True}])
def test_byte_level_bpe_can_be_extended(options: dict):
    assert reason_against(toy_spec(**options)) == ""


@pytest.mark.parametrize("kind", ["Unigram", "WordPiece", "WordLevel"])
def test_other_models_are_named_in_the_reason(kind: str):
    assert kind in reason_against({"model": {"type": kind, "vocab": []}})


def test_a_file_without_a_type_is_refused_with_words():
    assert "unnamed type" in reason_against({"model": {}})


def test_bpe_of_neither_style_is_refused():
    fallback = {**SPEC, "model": {**SPEC["model"], "byte_fallback": True}}
    assert "byte pieces" in reason_against(fallback)
    spec = {**copy.deepcopy(SPEC), "pre_tokenizer": None}
    assert "neither byte-level letters nor byte fallback" in reason_against(spec)


def test_plain_tokens_come_in_the_order_of_their_ids():
    plain = pieces_of(SPEC)
    assert not set(SPECIAL) & set(plain)
    assert [SPEC["model"]["vocab"][token] for token in plain] == sorted(
        number for token, number in SPEC["model"]["vocab"].items() if token not in SPECIAL
    )


def test_other_decoders_and_options_are_refused():
    assert "decoder" in reason_against({**SPEC, "decoder": None})
    for option in ("dropout", "continuing_subword_prefix", "end_of_word_suffix"):
        model = {**SPEC["model"], option: 0.1 if option == "dropout" else "x"}
        assert option in reason_against({**SPEC, "model": model})


def test_an_id_used_twice_is_refused():
    vocab = SPEC["model"]["vocab"]
    doubled = {**SPEC, "model": {**SPEC["model"], "vocab": {**vocab, "zzz": 5}}}
    assert "one id for two tokens" in reason_against(doubled)
    moved = {**SPEC, "model": {**SPEC["model"], "vocab": {**vocab, "<|im_end|>": 999}}}
    assert "two ids" in reason_against(moved)


def test_an_added_token_that_the_loader_renumbers_is_refused():
    spec = toy_spec(high=True)
    spec["added_tokens"][0]["id"] += 7
    loaded = open_tokenizer(spec).get_added_tokens_decoder()
    found = reason_against_ids(spec, {number: str(token) for number, token in loaded.items()})
    assert found == "the loader does not give the added token '<|endoftext|>' its id 337"
    assert reason_against_ids(SPEC, {0: SPECIAL[0], 1: SPECIAL[1], 2: SPECIAL[2]}) == ""


def test_merges_are_read_from_lists_and_from_strings():
    spec = {"model": {"merges": [["a", "b"], ["c", "d"]]}}
    assert merges_of(spec) == [("a", "b"), ("c", "d")]
    assert merges_of({"model": {"merges": ["a b", "c d"]}}) == merges_of(spec)


def test_added_tokens_may_be_missing():
    assert added_ids({"added_tokens": None}) == {}
    assert added_ids(SPEC) == {"<|endoftext|>": 0, "<|im_start|>": 1, "<|im_end|>": 2}
