"""The optimizer of the new rows: only they move, whatever the loss and the decay."""

from __future__ import annotations

import pytest
import torch
from rowing import F32, NEW, everything, make, random_rows

from locale_tune.api import Machine, NotFinite
from locale_tune_tokenizer.embeddings.loading import compute_dtype
from locale_tune_tokenizer.embeddings.row_losses import Setup
from locale_tune_tokenizer.embeddings.row_training import LOSSES, RowTrainer
from locale_tune_tokenizer.embeddings.rows import Tables


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_only_new_rows_move_and_the_loss_falls(tied: bool, loss: str, decay: float):
    setup = make(tied)
    before = everything(setup)
    trainer = RowTrainer(setup, lr=1e-2, warmup_steps=2, weight_decay=decay)
    fed = [trainer.step(loss, random_rows(4), number) for number in range(20)]
    learned = [one.gap if loss == "distillation" else one.loss for one in fed]
    assert learned[-1] < learned[0] - 0.05
    others = [n for n in range(len(setup.tables.input)) if n not in NEW]
    for name, value in setup.model.state_dict().items():
        rows = others if "embed" in name or "lm_head" in name else slice(None)
        assert torch.equal(value[rows], before[name][rows]), name
    for table, name in (
        (setup.tables.input, "model.embed_tokens.weight"),
        (setup.tables.output, "lm_head.weight"),
    ):
        assert not (table[NEW] == before[name][NEW]).any(dim=1).all()


def test_the_gap_to_the_teacher_falls_when_it_is_what_is_learned():
    setup = make(tied=False)
    trainer = RowTrainer(setup, lr=1e-2)
    gaps = [trainer.step("distillation", random_rows(4), n).gap for n in range(30)]
    assert gaps[-1] < 0.8 * gaps[0]


def test_decay_pulls_new_rows_towards_zero():
    sizes = {}
    for decay in (0.0, 0.5):
        setup = make(tied=False)
        trainer = RowTrainer(setup, lr=1e-2, weight_decay=decay)
        for number in range(10):
            trainer.step("next-token", random_rows(4), number)
        sizes[decay] = setup.tables.new_output.norm().item()
    assert sizes[0.5] < sizes[0.0]


def test_the_rate_rises_and_then_stays():
    moves = []
    for warmup in (0, 9):
        setup = make()
        start = setup.tables.new_input.detach().clone()
        RowTrainer(setup, lr=1e-2, warmup_steps=warmup).step("next-token", random_rows(2), 0)
        moves.append((setup.tables.new_input - start).abs().max().item())
    assert moves[0] == pytest.approx(1e-2, rel=1e-2)
    assert moves[1] == pytest.approx(1e-3, rel=1e-2)


def test_small_updates_survive_a_bfloat16_table():
    model = make().model.bfloat16()
    setup = Setup(model, Tables(model, NEW), torch.bfloat16, {})
    start = setup.tables.new_input.detach().clone()
    trainer = RowTrainer(setup, lr=1e-6)
    for number in range(4):
        trainer.step("next-token", random_rows(2), number)
    assert setup.tables.new_input.dtype == F32
    assert ((setup.tables.new_input - start).abs() > 0).float().mean() > 0.9


@pytest.mark.parametrize("loss", LOSSES)
def test_a_loss_that_is_not_finite_stops_before_anything_changes(loss: str):
    setup = make()
    start = setup.tables.new_input.detach().clone()
    with torch.no_grad():
        setup.model.model.norm.weight.fill_(float("nan"))
    with pytest.raises(NotFinite, match="at step 3"):
        RowTrainer(setup, lr=1e-3).step(loss, random_rows(1), 2)
    assert torch.equal(setup.tables.new_input, start)


@pytest.mark.parametrize("tied", [True, False])
def test_a_state_brings_back_rows_and_moments(tied: bool):
    straight, halfway = RowTrainer(make(tied), lr=1e-2), RowTrainer(make(tied), lr=1e-2)
    for number in range(4):
        straight.step("distillation", random_rows(2), number)
        if number == 1:
            halfway.load(straight.state())
    for number in (2, 3):
        halfway.step("distillation", random_rows(2), number)
    for one, other in zip(straight.rows, halfway.rows, strict=True):
        assert torch.equal(one, other)
    assert torch.equal(straight.setup.tables.input, halfway.setup.tables.input)


def test_arithmetic_is_chosen_by_device_unless_set():
    assert compute_dtype("auto", Machine()) == F32
    assert compute_dtype("auto", Machine(dtype="bfloat16")) == torch.bfloat16
    assert compute_dtype("bfloat16", Machine()) == torch.bfloat16
    assert compute_dtype("float32", Machine(dtype="bfloat16")) == F32
