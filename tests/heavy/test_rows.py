"""Tables grow without touching what they held, and take the rows of new tokens by id."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tiny import tiny_model, tiny_tokenizer

from locale_tune_tokenizer.embeddings.first_rows import First
from locale_tune_tokenizer.embeddings.plain_head import reason_against_rows
from locale_tune_tokenizer.embeddings.row_batches import pack
from locale_tune_tokenizer.embeddings.row_losses import Setup, next_token
from locale_tune_tokenizer.embeddings.rows import Tables, grow, row_count

TOKENIZER = tiny_tokenizer()


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


@pytest.mark.parametrize("tied", [True, False])
def test_untied_rows_start_on_each_side_and_tied_ones_from_the_mean(tied: bool):
    model = tiny_model(TOKENIZER, tie_word_embeddings=tied)
    grow(model, 384)
    tables = Tables(model, [340, 350])
    chance = torch.Generator().manual_seed(0)
    read, write = torch.randn(2, 2, 32, generator=chance)
    before = tables.input.detach().clone()
    tables.start(First(read, write, {}))
    expected = (read + write) / 2 if tied else read
    torch.testing.assert_close(tables.input[[340, 350]].detach(), expected)
    torch.testing.assert_close(tables.output[[340, 350]].detach(), expected if tied else write)
    assert len(tables.parameters()) == (1 if tied else 2)
    others = [n for n in range(384) if n not in (340, 350)]
    assert torch.equal(tables.input[others].detach(), before[others])


def test_rows_of_another_shape_are_refused():
    tables = Tables(tiny_model(TOKENIZER, tie_word_embeddings=False), [300])
    with pytest.raises(ValueError, match="zip"):
        tables.set([torch.zeros(1, 32)])


def test_a_plain_head_is_told_from_others():
    from transformers import GPT2Config, GPT2LMHeadModel

    assert reason_against_rows(tiny_model(TOKENIZER)) == ""
    assert reason_against_rows(tiny_model(TOKENIZER, tie_word_embeddings=False)) == ""
    small = GPT2Config(vocab_size=64, n_embd=16, n_layer=1, n_head=2, n_positions=64)
    assert reason_against_rows(GPT2LMHeadModel(small)) == ""
    biased = tiny_model(TOKENIZER, tie_word_embeddings=False)
    biased.lm_head = torch.nn.Linear(32, len(TOKENIZER), bias=True)
    assert "bias" in reason_against_rows(biased)


def gemma(kind: str) -> Any:
    import transformers

    torch.manual_seed(0)
    config = getattr(transformers, f"{kind}Config")(
        vocab_size=64,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
    )
    name = {"Gemma2": "Gemma2ForCausalLM", "Gemma3Text": "Gemma3ForCausalLM"}[kind]
    return getattr(transformers, name)(config)


def test_a_soft_cap_is_not_plain_and_a_scale_is():
    assert "soft cap" in reason_against_rows(gemma("Gemma2"))
    model = gemma("Gemma3Text")
    assert reason_against_rows(model) == ""
    assert Tables(model, [3]).scale == pytest.approx(4.0)  # the root of 16
    model.model.embed_tokens.forward = lambda ids: model.model.embed_tokens.weight[ids] + 1
    assert "more to its rows" in reason_against_rows(model)


@pytest.mark.filterwarnings("ignore:.*attention implementation.*")
def test_gradients_through_a_scaled_embedding_equal_those_of_autograd():
    model = gemma("Gemma3Text").eval()
    setup = Setup(model, Tables(model, [5, 9]), torch.float32, {})
    rows = pack([[1, 5, 2, 9, 5, 3, 4, 9]], 8)
    found = next_token(setup, rows)
    model.requires_grad_(True)
    ids = torch.tensor([rows[0].ids])
    loss = model(input_ids=ids, labels=ids, use_cache=False).loss
    loss.backward()
    assert found.loss == pytest.approx(loss.item(), rel=1e-5)
    torch.testing.assert_close(setup.tables.new_input.grad, setup.tables.input.grad[[5, 9]])
