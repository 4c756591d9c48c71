"""Next-token loss of the new rows: gradients equal autograd's, and packed texts stay apart."""

from __future__ import annotations

import pytest
import torch
from rowing import F32, NEW, make, random_rows
from torch.nn import functional

from locale_tune_tokenizer.embeddings import row_losses
from locale_tune_tokenizer.embeddings.row_batches import Packed, pack
from locale_tune_tokenizer.embeddings.row_losses import mean_loss, next_token


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("chunk", [5, 256])
def test_loss_and_gradients_equal_those_of_autograd(monkeypatch, tied: bool, chunk: int):
    monkeypatch.setattr(row_losses, "HEAD_ROWS", chunk)
    setup = make(tied)
    rows = random_rows(3)
    found = next_token(setup, rows)
    tables, model = setup.tables, setup.model
    model.requires_grad_(True)
    ids = torch.tensor([row.ids for row in rows])
    logits = model(input_ids=ids, use_cache=False).logits[:, :-1]
    expected = functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
    expected.backward()
    assert found.loss == pytest.approx(expected.item(), rel=1e-5)
    assert (found.tokens, found.teacher_tokens) == (36, 0)
    torch.testing.assert_close(tables.new_input.grad, tables.input.grad[NEW])
    torch.testing.assert_close(tables.new_output.grad, tables.output.grad[NEW])
    assert (tables.new_input is tables.new_output) is tied


def test_packed_texts_do_not_see_each_other():
    texts = [row.ids for row in random_rows(3, 8)]
    setup = make()
    together = next_token(setup, pack(texts, 24)).loss
    gradient = setup.tables.new_input.grad.clone()
    apart = next_token(setup, [Packed(ids, list(range(8))) for ids in texts]).loss
    assert together == pytest.approx(apart, rel=1e-5)
    torch.testing.assert_close(gradient, setup.tables.new_input.grad)
    # The control: without restarting positions the same row gives another loss.
    mixed = next_token(setup, [Packed([n for ids in texts for n in ids], list(range(24)))])
    assert abs(mixed.loss - together) > 1e-4


def test_bfloat16_arithmetic_stays_near_float32():
    setup = make()
    exact = next_token(setup, random_rows(4)).loss
    gradient = setup.tables.new_input.grad.clone()
    half = make(compute=torch.bfloat16)
    near = next_token(half, random_rows(4)).loss
    assert near == pytest.approx(exact, rel=1e-2)
    cosine = functional.cosine_similarity(
        gradient.flatten(), half.tables.new_input.grad.flatten(), dim=0
    )
    assert cosine.item() > 0.99


def test_the_mean_loss_weighs_every_predicted_token_alike():
    setup = make()
    long, short = random_rows(4), random_rows(1, 8, seed=7)
    apart = [next_token(setup, step).loss for step in (long, short)]
    expected = (44 * apart[0] + 7 * apart[1]) / 51
    assert mean_loss(setup, [long, short]) == pytest.approx(expected, rel=1e-5)
    assert mean_loss(setup, []) == 0.0


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("tied", [True, False])
def test_a_gpu_finds_the_same_gradients_in_bfloat16(tied: bool):
    from locale_tune_tokenizer.embeddings.row_losses import Setup
    from locale_tune_tokenizer.embeddings.rows import Tables

    setup = make(tied)
    exact = next_token(setup, random_rows(4)).loss
    gradient = setup.tables.new_input.grad.clone()
    model = setup.model.cuda()
    there = Setup(model, Tables(model, NEW), torch.bfloat16, setup.pieces)
    assert next_token(there, random_rows(4)).loss == pytest.approx(exact, rel=1e-2)
    cosine = functional.cosine_similarity(
        gradient.flatten(), there.tables.new_input.grad.cpu().flatten(), dim=0
    )
    assert cosine.item() > 0.99
    assert there.tables.new_input.dtype == F32
