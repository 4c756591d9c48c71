"""Tables sliced with one map: kept rows bit for bit, kept ids' logits as before."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from tiny import tiny_model, tiny_tokenizer
from torch import nn

from locale_tune.api import StageFailed
from locale_tune_tokenizer.learning.segments import open_tokenizer
from locale_tune_tokenizer.pruning.trim import Trimmed, count_use, prune
from locale_tune_tokenizer.pruning.trim_tables import (
    reason_against_slicing,
    slice_tables,
    trimmed_rows,
)

TOKENIZER = tiny_tokenizer()
SPEC: dict[str, Any] = json.loads(TOKENIZER.backend_tokenizer.to_str())
TEXT = "The people of the valley"
TOKENS = len(TOKENIZER)


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def trimmed() -> Trimmed:
    trimmed = prune(SPEC, count_use(SPEC, [TEXT]), min_count=1)
    assert 20 < trimmed.removed < 60
    return trimmed


@torch.no_grad()
def logits(model: Any, ids: list[int]) -> torch.Tensor:
    return model.eval()(input_ids=torch.tensor([ids]), use_cache=False).logits[0]


@pytest.mark.parametrize("tied", [True, False])
def test_kept_ids_score_as_before_on_text_without_removed_tokens(trimmed: Trimmed, tied: bool):
    model = tiny_model(TOKENIZER, tie_word_embeddings=tied)
    old_ids = open_tokenizer(SPEC).encode(TEXT).ids
    new_ids = open_tokenizer(trimmed.spec).encode(TEXT).ids
    assert [trimmed.kept[number] for number in new_ids] == old_ids
    before = logits(model, old_ids)
    slice_tables(model, trimmed.kept, torch.float32)
    after = logits(model, new_ids)[:, : len(trimmed.kept)]
    torch.testing.assert_close(after, before[:, trimmed.kept], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("rows", [320, 384, 333])
def test_kept_rows_are_the_old_ones_bit_for_bit(trimmed: Trimmed, tied: bool, rows: int):
    model = tiny_model(TOKENIZER, tie_word_embeddings=tied, vocab_size=rows)
    was = [model.get_input_embeddings().weight, model.get_output_embeddings().weight]
    figures = slice_tables(model, trimmed.kept, torch.bfloat16)
    now = [model.get_input_embeddings().weight, model.get_output_embeddings().weight]
    size = len(trimmed.kept)
    for old, new in zip(was, now, strict=True):
        assert torch.equal(new[:size], old[trimmed.kept])
        torch.testing.assert_close(new[size:], new[:size].mean(0).expand(len(new) - size, -1))
    assert (now[0] is now[1]) is tied is figures["tied"]
    assert figures["rows_after"] == len(now[0]) == model.config.vocab_size
    assert model.get_input_embeddings().num_embeddings == model.get_output_embeddings().out_features


@pytest.mark.parametrize(
    ("old_rows", "tokens", "rows"),
    [(49152, 24000, 24064), (320, 257, 320), (333, 281, 281), (128, 128, 128), (151936, 1, 128)],
)
def test_rows_are_padded_to_the_multiple_of_the_base(old_rows: int, tokens: int, rows: int):
    assert trimmed_rows(old_rows, tokens) == rows


@pytest.mark.parametrize("tied", [True, False])
def test_tied_tables_are_saved_once_in_the_count(trimmed: Trimmed, tied: bool):
    model = tiny_model(TOKENIZER, tie_word_embeddings=tied, vocab_size=333)
    every = sum(p.numel() for p in model.parameters())
    figures = slice_tables(model, trimmed.kept, torch.bfloat16)
    fewer = (333 - figures["rows_after"]) * 32 * (1 if tied else 2)
    assert (figures["parameters_before"], figures["parameters_saved"]) == (every, fewer)
    assert (
        figures["parameters_after"] == every - fewer == sum(p.numel() for p in model.parameters())
    )
    assert figures["bytes_saved"] == 2 * fewer


def test_every_id_in_the_model_follows(trimmed: Trimmed):
    # A token behind the pruned ones, so that its id moves.
    end, gone = trimmed.kept[-1], (set(range(TOKENS)) - set(trimmed.kept)).pop()
    model = tiny_model(TOKENIZER, eos_token_id=[2, end], pad_token_id=end, bos_token_id=gone)
    model.generation_config.suppress_tokens = [end, gone]
    slice_tables(model, trimmed.kept, torch.float32)
    new = trimmed.new_ids[end]
    assert new < end
    config = model.config
    assert (config.eos_token_id, config.pad_token_id, config.bos_token_id) == ([2, new], new, None)
    assert model.generation_config.eos_token_id == [2, new]
    assert model.generation_config.suppress_tokens == [new]
    assert model.get_input_embeddings().padding_idx == new == model.model.padding_idx
    assert model.vocab_size == config.vocab_size


def test_a_sliced_model_saves_and_loads(trimmed: Trimmed, tmp_path):
    model = tiny_model(TOKENIZER)
    slice_tables(model, trimmed.kept, torch.float32)
    model.save_pretrained(tmp_path)
    again = type(model).from_pretrained(tmp_path)
    ids = open_tokenizer(trimmed.spec).encode(TEXT).ids
    assert torch.equal(logits(again, ids), logits(model, ids))
    assert again.get_input_embeddings().weight is again.get_output_embeddings().weight


def test_a_model_without_a_row_for_each_token_is_refused(trimmed: Trimmed):
    model = tiny_model(TOKENIZER)
    with pytest.raises(StageFailed, match=f"the model only {TOKENS} rows"):
        slice_tables(model, [*trimmed.kept, TOKENS], torch.float32)


def test_a_model_with_other_tables_is_refused_untouched(trimmed: Trimmed):
    model = tiny_model(TOKENIZER)
    model.model.per_layer = nn.Embedding(TOKENS, 8)
    with pytest.raises(StageFailed, match=r"model\.per_layer"):
        slice_tables(model, trimmed.kept, torch.float32)
    assert len(model.get_input_embeddings().weight) == TOKENS


def test_a_head_with_a_bias_is_refused():
    model = tiny_model(TOKENIZER)
    model.lm_head.bias = nn.Parameter(torch.zeros(TOKENS))
    assert "bias" in reason_against_slicing(model)
