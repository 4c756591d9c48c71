"""First rows in closed form, and tables that grow without touching what they held."""

from __future__ import annotations

import math

import pytest
import torch
from tiny import tiny_model, tiny_tokenizer

from locale_tune_tokenizer.plain_head import reason_against_rows
from locale_tune_tokenizer.rows import Tables, edge_weights, first_rows, grow, row_count

TOKENIZER = tiny_tokenizer()
TABLE = torch.tensor([[1.0, 0.0], [0.0, 1.0], [4.0, 4.0]])


def test_edge_leans_on_the_last_piece_to_read_and_on_the_first_to_write():
    share = 1 / (1 + math.exp(-2))
    torch.testing.assert_close(edge_weights(2, "input"), torch.tensor([1 - share, share]))
    torch.testing.assert_close(edge_weights(2, "output"), torch.tensor([share, 1 - share]))
    torch.testing.assert_close(edge_weights(3, "input"), edge_weights(3, "output").flip(0))
    assert edge_weights(1, "input").tolist() == [1.0]


def test_long_tokens_do_not_overflow():
    weights = edge_weights(500, "input")
    assert weights.isfinite().all()
    assert weights.sum().item() == pytest.approx(1.0)


def test_first_rows_are_weighted_sums_in_float32():
    share = 1 / (1 + math.exp(-2))
    rows = first_rows(TABLE.bfloat16(), [[0, 1]], "edge", "input")
    assert rows.dtype == torch.float32
    torch.testing.assert_close(rows, torch.tensor([[1 - share, share]]))
    torch.testing.assert_close(
        first_rows(TABLE, [[0, 1, 2], [2]], "mean", "output"),
        torch.tensor([[5 / 3, 5 / 3], [4.0, 4.0]]),
    )


@pytest.mark.parametrize(
    ("rows", "largest", "expected"),
    [
        (49152, 49152, 49280),  # 128 divides the base
        (49152, 49279, 49280),
        (320, 320, 384),  # 64 does
        (1100, 900, 1100),  # room in the padding: never fewer
        (1100, 1100, 1101),  # no multiple
        (512, 511, 512),
    ],
)
def test_row_count_keeps_the_multiple_of_the_base(rows: int, largest: int, expected: int):
    assert row_count(rows, largest) == expected


@pytest.mark.parametrize("tied", [True, False])
def test_growing_keeps_old_rows_ties_and_logits(tied: bool):
    model = tiny_model(TOKENIZER, tie_word_embeddings=tied).eval()
    ids = torch.tensor([[5, 6, 7]])
    embed, head = (m.weight.detach().clone() for m in tables_of(model))
    logits = model(input_ids=ids).logits
    grow(model, 400)
    assert (tables_of(model)[0].weight is tables_of(model)[1].weight) is tied
    assert torch.equal(tables_of(model)[0].weight[: len(embed)], embed)
    assert torch.equal(tables_of(model)[1].weight[: len(head)], head)
    torch.testing.assert_close(tables_of(model)[1].weight[-1], head.mean(dim=0))
    assert model.config.vocab_size == tables_of(model)[1].out_features == 400
    torch.testing.assert_close(model(input_ids=ids).logits[..., : len(head)], logits)


def tables_of(model):
    return model.get_input_embeddings(), model.get_output_embeddings()


def test_untied_rows_start_on_each_side_and_tied_ones_from_the_mean():
    pieces = [[10, 11, 12], [20, 21]]
    for tied in (True, False):
        model = tiny_model(TOKENIZER, tie_word_embeddings=tied)
        grow(model, 384)
        tables = Tables(model, [340, 350])
        read = first_rows(tables.input, pieces, "edge", "input")
        write = first_rows(tables.output, pieces, "edge", "output")
        before = tables.input.detach().clone()
        tables.start(pieces, "edge")
        expected = (read + write) / 2 if tied else read
        torch.testing.assert_close(tables.input[[340, 350]].detach(), expected)
        torch.testing.assert_close(tables.output[[340, 350]].detach(), expected if tied else write)
        assert len(tables.parameters()) == (1 if tied else 2)
        others = [n for n in range(384) if n not in (340, 350)]
        assert torch.equal(tables.input[others].detach(), before[others])


def test_a_plain_head_is_told_from_others():
    from transformers import GPT2Config, GPT2LMHeadModel

    assert reason_against_rows(tiny_model(TOKENIZER)) == ""
    assert reason_against_rows(tiny_model(TOKENIZER, tie_word_embeddings=False)) == ""
    small = GPT2Config(vocab_size=64, n_embd=16, n_layer=1, n_head=2, n_positions=64)
    assert reason_against_rows(GPT2LMHeadModel(small)) == ""
    biased = tiny_model(TOKENIZER, tie_word_embeddings=False)
    biased.lm_head = torch.nn.Linear(32, len(TOKENIZER), bias=True)
    assert "bias" in reason_against_rows(biased)


def test_scaled_embeddings_are_not_plain():
    from transformers import Gemma2Config, Gemma2ForCausalLM

    config = Gemma2Config(
        vocab_size=64,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
    )
    assert "not a plain embedding" in reason_against_rows(Gemma2ForCausalLM(config))
