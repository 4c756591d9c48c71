"""The warm-up: gradients equal autograd's, packed texts stay apart, and only new rows move."""

from __future__ import annotations

import pytest
import torch
from tiny import tiny_model, tiny_tokenizer
from torch.nn import functional

from locale_tune.api import Machine, NotFinite
from locale_tune_tokenizer import row_training
from locale_tune_tokenizer.loading import compute_dtype
from locale_tune_tokenizer.row_batches import Packed, pack
from locale_tune_tokenizer.row_training import backward, mean_loss, train_rows
from locale_tune_tokenizer.rows import Tables

TOKENIZER = tiny_tokenizer()
NEW = [300, 305, 309]
F32 = torch.float32


def make(tied: bool = True, seed: int = 0):
    torch.set_num_threads(1)
    model = tiny_model(TOKENIZER, seed=seed, tie_word_embeddings=tied).eval().requires_grad_(False)
    return model, Tables(model, NEW)


def random_rows(count: int, length: int = 12, seed: int = 1) -> list[Packed]:
    chance = torch.Generator().manual_seed(seed)
    ids = torch.randint(0, 290, (count, length), generator=chance)
    ids[:, 3:8:2] = torch.tensor(NEW)
    return [Packed(row, list(range(length))) for row in ids.tolist()]


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("chunk", [5, 256])
def test_loss_and_gradients_equal_those_of_autograd(monkeypatch, tied: bool, chunk: int):
    monkeypatch.setattr(row_training, "HEAD_ROWS", chunk)
    model, tables = make(tied)
    rows = random_rows(3)
    found = backward(model, tables, rows, F32)
    model.requires_grad_(True)
    ids = torch.tensor([row.ids for row in rows])
    logits = model(input_ids=ids, use_cache=False).logits[:, :-1]
    expected = functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
    expected.backward()
    assert found == pytest.approx(expected.item(), rel=1e-5)
    torch.testing.assert_close(tables.new_input.grad, tables.input.grad[NEW])
    torch.testing.assert_close(tables.new_output.grad, tables.output.grad[NEW])
    assert (tables.new_input is tables.new_output) is tied


def test_packed_texts_do_not_see_each_other():
    texts = [row.ids for row in random_rows(3, 8)]
    model, tables = make()
    together = backward(model, tables, pack(texts, 24), F32)
    gradient = tables.new_input.grad.clone()
    apart = backward(model, tables, [Packed(ids, list(range(8))) for ids in texts], F32)
    assert together == pytest.approx(apart, rel=1e-5)
    torch.testing.assert_close(gradient, tables.new_input.grad)
    # The control: without restarting positions the same row gives another loss.
    mixed = backward(
        model, tables, [Packed([n for ids in texts for n in ids], list(range(24)))], F32
    )
    assert abs(mixed - together) > 1e-4


@pytest.mark.parametrize("tied", [True, False])
def test_only_new_rows_move_and_the_loss_falls(tied: bool):
    model, tables = make(tied)
    before = {name: value.detach().clone() for name, value in model.state_dict().items()}
    seen: list[tuple[float, float, str]] = []
    done = train_rows(
        model,
        tables,
        [random_rows(4)] * 20,
        lr=1e-2,
        warmup_steps=2,
        compute=F32,
        progress=lambda done, total, note="": seen.append((done, total, note)),
    )
    assert (done.tokens, done.steps) == (20 * 48, 20)
    assert done.loss_last < done.loss_first - 0.1
    assert [entry[0] for entry in seen] == [48 * (n + 1) for n in range(20)]
    assert seen[-1][1] == done.tokens
    assert seen[-1][2].startswith("loss ")
    for name, value in model.state_dict().items():
        others = [n for n in range(len(value)) if n not in NEW]
        same = ("embed" not in name) and ("lm_head" not in name)
        assert torch.equal(
            value if same else value[others], before[name] if same else before[name][others]
        )
    for table, name in (
        (tables.input, "model.embed_tokens.weight"),
        (tables.output, "lm_head.weight"),
    ):
        assert not (table[NEW] == before[name][NEW]).any(dim=1).all()


def test_the_rate_rises_and_then_stays():
    model, tables = make()
    moves = []
    for warmup in (0, 9):
        model, tables = make()
        start = tables.new_input.detach().clone()
        train_rows(model, tables, [random_rows(2)], lr=1e-2, warmup_steps=warmup, compute=F32)
        moves.append((tables.new_input - start).abs().max().item())
    assert moves[0] == pytest.approx(1e-2, rel=1e-2)
    assert moves[1] == pytest.approx(1e-3, rel=1e-2)


def test_small_updates_survive_a_bfloat16_table():
    model, _ = make()
    tables = Tables(model.bfloat16(), NEW)
    start = tables.new_input.detach().clone()
    train_rows(model, tables, [random_rows(2)] * 4, lr=1e-6, warmup_steps=0, compute=torch.bfloat16)
    assert tables.new_input.dtype == F32
    assert ((tables.new_input - start).abs() > 0).float().mean() > 0.9


def test_bfloat16_arithmetic_stays_near_float32():
    model, tables = make()
    exact = backward(model, tables, random_rows(4), F32)
    gradient = tables.new_input.grad.clone()
    near = backward(model, tables, random_rows(4), torch.bfloat16)
    assert near == pytest.approx(exact, rel=1e-2)
    assert (
        functional.cosine_similarity(
            gradient.flatten(), tables.new_input.grad.flatten(), dim=0
        ).item()
        > 0.99
    )


def test_a_loss_that_is_not_finite_stops_the_stage():
    model, tables = make()
    with torch.no_grad():
        model.model.norm.weight.fill_(float("nan"))
    with pytest.raises(NotFinite, match="at step 1"):
        train_rows(model, tables, [random_rows(1)], lr=1e-3, warmup_steps=0, compute=F32)


def test_the_mean_loss_weighs_every_predicted_token_alike():
    model, tables = make()
    long, short = random_rows(4), random_rows(1, 8, seed=7)
    apart = [backward(model, tables, step, F32) for step in (long, short)]
    expected = (44 * apart[0] + 7 * apart[1]) / 51
    assert mean_loss(model, tables, [long, short], F32) == pytest.approx(expected, rel=1e-5)
    assert mean_loss(model, tables, [], F32) == 0.0


def test_no_step_leaves_the_rows_as_they_started():
    model, tables = make()
    start = tables.input.detach().clone()
    done = train_rows(model, tables, [], lr=1e-3, warmup_steps=5, compute=F32)
    assert (done.tokens, done.steps) == (0, 0)
    assert torch.equal(tables.input.detach(), start)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("tied", [True, False])
def test_a_gpu_trains_the_same_rows_in_bfloat16(tied: bool):
    model, tables = make(tied)
    exact = backward(model, tables, random_rows(4), F32)
    gradient = tables.new_input.grad.clone()
    model = model.cuda()
    tables = Tables(model, NEW)
    near = backward(model, tables, random_rows(4), torch.bfloat16)
    assert near == pytest.approx(exact, rel=1e-2)
    cosine = functional.cosine_similarity(
        gradient.flatten(), tables.new_input.grad.cpu().flatten(), dim=0
    )
    assert cosine.item() > 0.99
    done = train_rows(
        model, tables, [random_rows(4)] * 10, lr=1e-2, warmup_steps=0, compute=torch.bfloat16
    )
    assert done.loss_last < done.loss_first


def test_arithmetic_is_chosen_by_device_unless_set():
    assert compute_dtype("auto", Machine()) == F32
    assert compute_dtype("auto", Machine(dtype="bfloat16")) == torch.bfloat16
    assert compute_dtype("bfloat16", Machine()) == torch.bfloat16
    assert compute_dtype("float32", Machine(dtype="bfloat16")) == F32
