"""The loop: exact over accumulation, the same bits after a stop, and never past a NaN."""

from __future__ import annotations

import math
import os
import random
import signal
from itertools import islice

import pytest
import torch
from tiny import save_tiny, tiny_model, tiny_tokenizer
from torch.nn.functional import cross_entropy

from locale_tune.api import Job, Machine, NotFinite, Parts, Stopped, verified
from locale_tune_training.batches import Row
from locale_tune_training.checkpoints import Checkpoints
from locale_tune_training.loop import State, Trainer, learning_rate, train
from locale_tune_training.model import LossModule
from locale_tune_training.settings import TrainSettings

TOKENIZER = tiny_tokenizer()


def stream(count=10_000, length=24):
    for i in range(count):
        generator = torch.Generator().manual_seed(i)
        ids = torch.randint(0, 300, (length,), generator=generator)
        weights = torch.rand(length, generator=generator)
        yield Row(ids, torch.arange(length), weights)


def job(tmp_path, name="a", report=lambda *a: None):
    for folder in ("out", "work"):
        (tmp_path / name / folder).mkdir(parents=True, exist_ok=True)
    return Job(
        pack=None,
        parts=Parts(),
        settings=None,
        inputs={},
        seed=0,
        fingerprint="print",
        out=tmp_path / name / "out",
        work=tmp_path / name / "work",
        machine=Machine(),
        progress=report,
    )


def weights(module):
    return torch.cat([p.detach().flatten() for p in module.parameters()])


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_it_learns(tmp_path, dtype):
    module = LossModule(tiny_model(TOKENIZER))
    rows = [next(stream())] * 400
    settings = TrainSettings(lr=5e-3, rows_per_step=2, dtype=dtype)
    state = train(module, iter(rows), 60, settings, job(tmp_path))
    assert state.loss < 0.5 * state.first_loss
    assert weights(module).dtype == torch.float32


def test_one_window_split_any_way_gives_one_update():
    rows = list(islice(stream(), 4))
    results = []
    for parts in ([rows], [rows[:1], rows[1:]]):
        module = LossModule(tiny_model(TOKENIZER).double())
        trainer = Trainer(module, TrainSettings(clip=1e9), torch.float64)
        total = sum(float(r.weights[1:].sum()) for r in rows)
        for part in parts:
            for row in part:
                (trainer.module(row).loss / total).backward()
        results.append(torch.cat([p.grad.flatten() for p in module.parameters()]))
    torch.testing.assert_close(results[0], results[1], rtol=1e-12, atol=1e-15)


def ragged():
    """Return records of eight lengths; two of them weigh nothing (all their labels are -100)."""
    made = []
    for number, length in enumerate((5, 40, 2, 17, 31, 1, 9, 64)):
        generator = torch.Generator().manual_seed(number)
        ids = torch.randint(0, 300, (length,), generator=generator)
        weights = torch.rand(length, generator=generator) * (number not in (3, 6))
        weights[0] = 0.0
        made.append(Row(ids, torch.arange(length), weights))
    return made


def splits(count):
    """Yield `count` ways to put eight records into rows: each alone, all in one, then at random."""
    yield [[n] for n in range(8)]
    yield [list(range(8))]
    for seed in range(count - 2):
        chance = random.Random(seed)
        order, cuts = chance.sample(range(8), 8), sorted(chance.sample(range(1, 8), 3))
        yield [order[a:b] for a, b in zip([0, *cuts], [*cuts, 8], strict=True)]


def reference(records, eps):
    """Return the loss by torch in float64 with all logits, and the mean of each record's mean."""
    model = tiny_model(TOKENIZER).double()
    losses = [torch.zeros(0, dtype=torch.float64)]
    for record in records:
        with torch.no_grad():
            z = model(input_ids=record.ids[None], use_cache=False).logits[0, :-1]
        losses.append(cross_entropy(z, record.ids[1:], reduction="none", label_smoothing=eps))
    weights = [record.weights[1:].double() for record in records]
    sums = [float((a * w).sum()) for a, w in zip(losses[1:], weights, strict=True)]
    whole = [float(w.sum()) for w in weights]
    means = [a / w for a, w in zip(sums, whole, strict=True) if w]
    return sum(sums) / sum(whole), sum(means) / len(means)


@pytest.mark.parametrize("eps", [0.0, 0.1])
def test_the_loss_is_that_of_torch_in_float64_however_records_are_split(eps):
    """Row N3 of docs/reliability.md: loss and gradient, in float32, over eight splits."""
    records = ragged()
    expected, mean_of_means = reference(records, eps)
    assert abs(mean_of_means / expected - 1) > 1e-4, "the negative control: another number"
    losses, found = [], []

    def keep(trainer, _step):
        found.append(torch.cat([m.grad.flatten().clone() for m in trainer.masters]))

    for split in splits(8):
        rows = [Row(*map(torch.cat, zip(*(records[n] for n in row), strict=True))) for row in split]
        trainer = Trainer(LossModule(tiny_model(TOKENIZER), eps), TrainSettings(), torch.float32)
        losses.append(trainer.step(rows, 1e-3, before_update=keep).loss)
    far = max((other - found[0]).abs().max() / found[0].abs().max() for other in found)
    print(f"loss {max(abs(x / expected - 1) for x in losses):.1e}, gradient {float(far):.1e}")
    assert losses == pytest.approx([expected] * 8, rel=1e-6)
    assert far < 1e-6


def test_rows_that_weigh_nothing_change_nothing():
    nothing = [record for record in ragged() if not record.weights.any()]
    module = LossModule(tiny_model(TOKENIZER), 0.1)
    before = weights(module)
    update = Trainer(module, TrainSettings(weight_decay=0.1), torch.float32).step(nothing, 1e-3)
    assert (update.loss, update.norm) == (0.0, 0.0)
    assert torch.equal(weights(module), before)


def test_small_updates_are_not_lost_in_bfloat16():
    module = LossModule(tiny_model(TOKENIZER))
    before = weights(module)
    trainer = Trainer(module, TrainSettings(lr=1e-6), torch.bfloat16)
    for row in islice(stream(), 5):
        trainer.step([row], 1e-6)
    moved = (weights(trainer.finished()) != before).float().mean()
    assert moved > 0.9


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_stopped_run_ends_in_the_same_bits(tmp_path, dtype):
    settings = TrainSettings(rows_per_step=2, dtype=dtype, checkpoint_seconds=1e9)
    whole = LossModule(tiny_model(TOKENIZER))
    train(whole, stream(), 12, settings, job(tmp_path, "whole"))

    def stop_at(done, total, note=""):
        if done == 5:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Stopped) as caught:
        train(
            LossModule(tiny_model(TOKENIZER)), stream(), 12, settings, job(tmp_path, "b", stop_at)
        )
    assert caught.value.exit_code == 75
    again = LossModule(tiny_model(TOKENIZER, seed=99))  # all that counts is in the checkpoint
    state = train(again, stream(), 12, settings, job(tmp_path, "b"))
    assert state.step == 12
    assert len(state.history) == 12
    assert torch.equal(weights(again), weights(whole))


def test_a_damaged_checkpoint_is_passed_over(tmp_path):
    settings = TrainSettings(rows_per_step=1, checkpoint_seconds=0)
    here = job(tmp_path)
    train(LossModule(tiny_model(TOKENIZER)), stream(), 6, settings, here)
    newest = sorted(here.work.glob("checkpoint-*"))
    assert len(newest) == 2, "two are kept"
    data = bytearray((newest[1] / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (newest[1] / "model.safetensors").write_bytes(data)
    trainer = Trainer(LossModule(tiny_model(TOKENIZER)), settings, torch.float32)
    told = []
    recipe = verified(newest[0])["recipe"]
    state = Checkpoints(here.work, recipe, told.append).resume(trainer, State())
    assert f"checkpoint-{state.step:08d}" == newest[0].name
    assert told == [f"{newest[1].name} is damaged and not used; the one before it is"]
    assert not newest[1].exists(), "it would outlive the good ones"


def test_nan_stops_before_anything_changes():
    module = LossModule(tiny_model(TOKENIZER))
    trainer = Trainer(module, TrainSettings(), torch.float32)
    with torch.no_grad():
        next(module.parameters())[5] = math.nan
    before = weights(module).clone()
    row = Row(torch.full((8,), 5), torch.arange(8), torch.ones(8))
    with pytest.raises(NotFinite):
        trainer.step([row], 1e-3)
    torch.testing.assert_close(weights(module), before, equal_nan=True, rtol=0, atol=0)


def test_the_schedule_is_a_function_of_the_step():
    settings = TrainSettings(lr=1.0, warmup=0.1, final_lr=0.1)
    rates = [learning_rate(step, 100, settings) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == pytest.approx(1.0)
    assert rates.index(max(rates)) in (9, 10)
    assert rates[-1] == pytest.approx(0.1, abs=1e-3)
    assert rates[10:] == sorted(rates[10:], reverse=True)


def test_a_saved_tiny_model_reloads(tmp_path):
    from transformers import AutoModelForCausalLM

    folder = save_tiny(tmp_path / "m")
    model = AutoModelForCausalLM.from_pretrained(folder, use_safetensors=True)
    assert model.get_input_embeddings().weight is model.get_output_embeddings().weight
