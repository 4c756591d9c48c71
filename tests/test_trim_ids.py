"""Every place that names a token's id gets the new one."""

from __future__ import annotations

import pytest
from trim_support import template

from locale_tune_tokenizer.pruning.trim_ids import (
    ids_named,
    new_id_of,
    renumbered_config,
    renumbered_decoder,
    renumbered_spec,
    tokens_named,
)

NEW = {2: 0, 5: 1, 9: 2}
SPEC = {
    "model": {"vocab": {"a": 2, "b": 5, "ab": 7}, "merges": ["a b"], "ignore_merges": True},
    "added_tokens": [{"id": 9, "content": "<s>", "special": True, "lstrip": False}],
}


def test_a_removed_token_takes_its_merge_along():
    new = renumbered_spec(SPEC, NEW)
    assert new["model"] == {
        "vocab": {"a": 0, "b": 1, "<s>": 2},
        "merges": [],
        "ignore_merges": True,
    }
    assert new["added_tokens"] == [{"id": 2, "content": "<s>", "special": True, "lstrip": False}]


def test_merges_are_written_as_lists():
    assert renumbered_spec(SPEC, {2: 0, 5: 1, 7: 2, 9: 3})["model"]["merges"] == [["a", "b"]]


@pytest.mark.parametrize(
    ("part", "old", "new"),
    [
        ("post_processor", template("<s>", 9), template("<s>", 2)),
        (
            "post_processor",
            {"type": "Sequence", "processors": [template("<s>", 9), {"type": "ByteLevel"}]},
            {"type": "Sequence", "processors": [template("<s>", 2), {"type": "ByteLevel"}]},
        ),
        (
            "post_processor",
            {"type": "RobertaProcessing", "sep": ["a", 2], "cls": ["<s>", 9], "trim_offsets": True},
            {"type": "RobertaProcessing", "sep": ["a", 0], "cls": ["<s>", 2], "trim_offsets": True},
        ),
        ("padding", {"pad_id": 9, "pad_type_id": 0}, {"pad_id": 2, "pad_type_id": 0}),
        ("padding", None, None),
    ],
)
def test_post_processor_and_padding_follow(part, old, new):
    assert renumbered_spec({**SPEC, part: old}, NEW)[part] == new


def test_configs_follow_with_lists_and_configs_inside():
    config = {
        "bos_token_id": 2,
        "eos_token_id": [5, 9, 7],
        "pad_token_id": -1,
        "decoder_start_token_id": None,
        "image_token_index": 9,
        "suppress_tokens": [5, 7],
        "bad_words_ids": [[2, 5], [7]],
        "hidden_size": 9,
        "text_config": {"eos_token_id": 5, "num_hidden_layers": 2},
    }
    assert renumbered_config(config, NEW) == {
        "bos_token_id": 0,
        "eos_token_id": [1, 2],
        "pad_token_id": -1,
        "decoder_start_token_id": None,
        "image_token_index": 2,
        "suppress_tokens": [1],
        "bad_words_ids": [[0, 1]],
        "hidden_size": 9,
        "text_config": {"eos_token_id": 1, "num_hidden_layers": 2},
    }


def test_an_id_that_no_token_has_becomes_none():
    assert new_id_of(7, NEW) is None
    assert new_id_of((9, 7), NEW) == [2]


def test_the_ids_named_are_found_in_configs_and_post_processors():
    assert set(ids_named({"eos_token_id": [5, 9], "x": {"pad_token_id": -1}})) == {5, 9}
    assert set(ids_named({"processors": [template("<s>", 9), {"sep": ["a", 2]}]})) == {2, 9}


def test_the_keys_of_added_tokens_follow():
    config = {"added_tokens_decoder": {"9": {"content": "<s>"}}, "pad_token_id": 5, "bos": "<s>"}
    assert renumbered_decoder(config, NEW) == {
        "added_tokens_decoder": {"2": {"content": "<s>"}},
        "pad_token_id": 1,
        "bos": "<s>",
    }
    assert renumbered_decoder({"bos": "<s>"}, NEW) == {"bos": "<s>"}


def test_tokens_named_by_text_are_found():
    config = {
        "eos_token": "</s>",
        "pad_token": {"content": "<pad>", "lstrip": False},
        "unk_token": None,
        "additional_special_tokens": ["<x>", {"content": "<y>"}],
        "extra_special_tokens": {"image_token": "<img>"},
        "add_bos_token": True,
        "chat_template": "no token",
    }
    assert set(tokens_named(config)) == {"</s>", "<pad>", "<x>", "<y>", "<img>"}
