"""Segments as the tokenizer itself cuts them, and figures that can be counted by hand."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from tokenizer_support import ENGLISH, SPECIAL, llama3_split, sentences, to_letters, toy_spec

from locale_tune_tokenizer.learning.segments import (
    BATCH_CHARS,
    count_segments,
    encodings,
    measure,
    open_tokenizer,
    pairs,
)


def test_segments_are_the_pre_tokens_cut_by_the_old_merges():
    tokenizer = open_tokenizer(toy_spec())
    lines = [*ENGLISH, *sentences(("مُعَلِّم", "chasa", "42", "l'aura"), 40)]
    by_hand: Counter[tuple[str, ...]] = Counter()
    for line in lines:
        for piece, _ in tokenizer.pre_tokenizer.pre_tokenize_str(line):
            by_hand[tuple(token.value for token in tokenizer.model.tokenize(piece))] += 1
    assert count_segments(tokenizer, lines) == by_hand


def test_words_the_vocabulary_holds_whole_stay_whole_under_ignore_merges():
    spec = toy_spec(ignore_merges=True)
    word = to_letters("chasa")
    spec["model"]["vocab"][word] = 900
    assert count_segments(open_tokenizer(spec), ["chasa"]) == Counter({(word,): 1})
    spec["model"]["ignore_merges"] = False
    assert (word,) not in count_segments(open_tokenizer(spec), ["chasa"])


def test_an_added_token_in_the_text_stands_alone():
    found = count_segments(open_tokenizer(toy_spec()), ["xx<|im_end|>xx"])
    assert found == Counter({("x", "x"): 2, ("<|im_end|>",): 1})
    assert pairs(open_tokenizer(toy_spec()), ["xx<|im_end|>xx"]) == {("x", "x")}


def test_pairs_do_not_cross_pre_tokens():
    space = to_letters(" ")
    assert pairs(open_tokenizer(toy_spec()), ["xz xz"]) == {("x", "z"), (space, "x")}


def test_figures_of_text_whose_letters_are_all_tokens():
    spec = toy_spec(vocabulary=259)  # the bytes and three special tokens: no merge at all
    found = measure(open_tokenizer(spec), ["xyz xyz", "ü!"])
    # Words after a space: " xyz" has 4 tokens, twice; " ü" has 3.
    assert found.words == 3
    assert found.fertility == (4 + 4 + 3) / 3
    assert found.floor == 1.0
    assert found.bytes_per_token == 1.0


def test_the_floor_counts_the_pieces_a_pre_tokenizer_makes():
    spec = toy_spec()
    tokenizer = open_tokenizer(spec)
    assert measure(tokenizer, ["مُعَلِّم"]).floor > 1.0
    tokenizer.pre_tokenizer = llama3_split()
    vocalised = measure(tokenizer, ["مُعَلِّم كتاب"])
    assert vocalised.floor == (7 + 1) / 2  # every vowel sign cuts, and no sign joins a letter


def test_nothing_to_measure_is_zero():
    found = measure(open_tokenizer(toy_spec()), [])
    assert (found.words, found.fertility, found.floor, found.bytes_per_token) == (0, 0.0, 0.0, 0.0)


def test_a_tokenizer_that_truncates_is_opened_without():
    spec = toy_spec()
    spec["truncation"] = {
        "direction": "Right",
        "max_length": 3,
        "strategy": "LongestFirst",
        "stride": 0,
    }
    assert len(open_tokenizer(spec).encode(ENGLISH[0]).ids) > 3


class Counting:
    """A tokenizer that notes how much text it is given at a time."""

    def __init__(self) -> None:
        self.given: list[list[int]] = []

    def encode_batch(self, batch: list[str], **_: Any) -> list[str]:
        self.given.append([len(text) for text in batch])
        return batch


def test_long_texts_are_encoded_few_at_a_time_and_in_order():
    texts = ["a" * BATCH_CHARS, "b", "c" * (BATCH_CHARS - 1), "d", "e"]
    tokenizer = Counting()
    assert list(encodings(tokenizer, iter(texts))) == texts
    assert tokenizer.given == [[BATCH_CHARS], [1, BATCH_CHARS - 1], [1, 1]]
    assert list(encodings(tokenizer, [])) == []


def without(letters: str, unk: str | None) -> dict[str, Any]:
    spec = toy_spec()
    vocab, merges = spec["model"]["vocab"], spec["model"]["merges"]
    spec["model"]["vocab"] = {
        t: n for t, n in vocab.items() if t in SPECIAL or not set(t) & set(letters)
    }
    spec["model"]["merges"] = [m for m in merges if not set("".join(m)) & set(letters)]
    return {**spec, "model": {**spec["model"], "unk_token": unk}}


def test_what_stands_for_unknown_letters_joins_with_nothing():
    tokenizer = open_tokenizer(without("q", "<|endoftext|>"))
    assert count_segments(tokenizer, ["aqbb"]) == {("a",): 1, ("<|endoftext|>",): 1, ("b", "b"): 1}
    assert pairs(tokenizer, ["aqb"]) == set()


@pytest.mark.parametrize("unk", [None, "<|endoftext|>"])
def test_a_vocabulary_without_every_byte_is_measured(unk):
    assert measure(open_tokenizer(without("x", unk)), ["xa xa"]).words == 2
