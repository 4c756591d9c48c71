"""What a GGUF file needs to know of a tokenizer, in both styles."""

from __future__ import annotations

from pathlib import Path

import pytest
from broken_tokenizers import continued
from tokenizer_support import ROMANSH, sentences, toy_spec
from trim_support import piece_spec

from locale_tune_tokenizer.checks.gguf_vocabulary import (
    entries,
    puts_a_space_first,
    scores,
    write_vocabulary,
)
from locale_tune_tokenizer.formats.bytelevel import merges_of
from locale_tune_tokenizer.learning.segments import open_tokenizer

NEW_WORDS = sentences(("mintgin", "sulegl", "viadi", *ROMANSH), 80)


def test_byte_level_tokens_are_normal_and_special_ones_control():
    tokens, types = entries(toy_spec(), open_tokenizer(toy_spec()))
    assert tokens[:3] == ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    assert types[:3] == ["CONTROL"] * 3
    assert set(types[3:]) == {"NORMAL"}
    assert len(tokens) == len(types) == 330


def test_an_id_that_nobody_uses_gets_a_filler():
    spec = toy_spec()
    spec["model"]["vocab"]["zzz"] = 333
    tokens, types = entries(spec, open_tokenizer(spec))
    assert tokens[330:334] == ["[PAD330]", "[PAD331]", "[PAD332]", "zzz"]
    assert types[330:334] == ["UNUSED"] * 3 + ["NORMAL"]


def test_special_tokens_outside_the_vocabulary_are_there():
    tokens, types = entries(toy_spec(high=True), open_tokenizer(toy_spec(high=True)))
    assert tokens[330:] == ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    assert types[330:] == ["CONTROL"] * 3


def test_bytes_and_the_unknown_piece_have_types_of_their_own():
    tokens, types = entries(piece_spec(), open_tokenizer(piece_spec()))
    kinds = dict(zip(tokens, types, strict=True))
    assert kinds["<unk>"] == "UNKNOWN"
    assert kinds["<s>"] == "CONTROL"
    assert kinds["<0xE2>"] == "BYTE"
    assert kinds["e"] == "NORMAL"


def test_an_added_token_that_is_not_special_is_written_as_text():
    spec = piece_spec()
    number = len(spec["model"]["vocab"])
    spec["model"]["vocab"]["\u2581\u2581x"] = number
    entry = {**spec["added_tokens"][0], "id": number, "content": "\u2581\u2581x", "special": False}
    spec["added_tokens"].append(entry)
    tokens, types = entries(spec, open_tokenizer(spec))
    assert (tokens[number], types[number]) == ("  x", "USER_DEFINED")


@pytest.mark.parametrize("extend", [False, True])
def test_scores_fall_strictly_in_the_order_of_the_merges(extend: bool):
    spec = continued(piece_spec(), NEW_WORDS).spec if extend else piece_spec()
    tokens, _ = entries(spec, open_tokenizer(spec))
    score = dict(zip(tokens, scores(spec, tokens), strict=True))
    made = list(dict.fromkeys(left + right for left, right in merges_of(spec)))
    falling = [score[token] for token in made]
    assert falling == sorted(set(falling), reverse=True)
    assert len(made) > 40
    others = [score[token] for token in tokens if token not in set(made)]
    assert max(others) < min(falling)


def test_new_pieces_score_below_all_old_ones():
    base = piece_spec()
    extension = continued(base, NEW_WORDS)
    tokens, _ = entries(extension.spec, open_tokenizer(extension.spec))
    score = dict(zip(tokens, scores(extension.spec, tokens), strict=True))
    old = {left + right for left, right in merges_of(base)}
    assert len(extension.ids) > 5
    assert max(score[token] for token in extension.ids) < min(score[token] for token in old)


def test_only_a_prepended_space_counts_as_one():
    spec = piece_spec()
    assert not puts_a_space_first(spec)
    prepend = {"type": "Prepend", "prepend": "\u2581"}
    wrapped = {"type": "Sequence", "normalizers": [prepend, spec["normalizer"]]}
    assert puts_a_space_first({**spec, "normalizer": wrapped})
    metaspace = {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first"}
    assert puts_a_space_first({**spec, "pre_tokenizer": metaspace})
    never = {**metaspace, "prepend_scheme": "never"}
    assert not puts_a_space_first({**spec, "pre_tokenizer": never})


@pytest.mark.parametrize("spec", [toy_spec(), piece_spec()], ids=["byte-level", "sentencepiece"])
def test_the_file_says_what_was_asked(tmp_path: Path, spec: dict):
    gguf = pytest.importorskip("gguf", reason="gguf is not installed: no file to write")
    path = tmp_path / "vocabulary.gguf"
    write_vocabulary(path, spec, open_tokenizer(spec), "smollm")
    read = gguf.GGUFReader(path)
    model = read.get_field("tokenizer.ggml.model").contents()
    tokens = read.get_field("tokenizer.ggml.tokens").contents()
    assert tokens == entries(spec, open_tokenizer(spec))[0]
    if model == "gpt2":
        assert read.get_field("tokenizer.ggml.pre").contents() == "smollm"
        merges = read.get_field("tokenizer.ggml.merges").contents()
        assert merges == [" ".join(pair) for pair in merges_of(spec)]
    else:
        assert model == "llama"
        assert len(read.get_field("tokenizer.ggml.scores").contents()) == len(tokens)
        assert read.get_field("tokenizer.ggml.add_space_prefix").contents() is False
