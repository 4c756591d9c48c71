"""Schedules, the normaliser, gradient checkpointing and the spike rule."""

from __future__ import annotations

import math
import os
import random
import signal
import statistics

import pytest
import torch
from forking import TOKENIZER, first_rows, job_in, rows, settings_of
from tiny import tiny_model

from locale_tune.api import StageFailed, Stopped
from locale_tune_training.hooks import Hooks
from locale_tune_training.loop import ready, train
from locale_tune_training.model import LossModule
from locale_tune_training.schedule import learning_rate
from locale_tune_training.settings import TrainSettings, TuneSettings
from locale_tune_training.spikes import WINDOW, Spikes
from locale_tune_training.trainer import Trainer


def flat(module):
    return torch.cat([p.detach().flatten() for p in module.parameters()])


def test_wsd_is_flat_and_then_falls_by_the_root():
    settings = TrainSettings(lr=2.0, warmup=0.1, final_lr=0.0, schedule="wsd", decay=0.25)
    rates = [learning_rate(step, 100, settings) for step in range(100)]
    assert rates[:10] == pytest.approx([0.2 * (k + 1) for k in range(10)])
    assert set(rates[10:75]) == {2.0}
    tail = [2 * (1 - math.sqrt(k / 25)) for k in range(25)]
    assert rates[75:] == pytest.approx(tail)
    assert rates[76] - rates[77] > rates[98] - rates[99], "steep first: not a linear tail"


@pytest.mark.parametrize("schedule", ["cosine", "wsd"])
def test_every_schedule_ends_near_final_lr_and_survives_one_step(schedule):
    settings = TrainSettings(lr=1.0, warmup=0.0, final_lr=0.1, schedule=schedule, decay=1.0)
    assert learning_rate(0, 1, settings) == pytest.approx(1.0)
    assert learning_rate(999, 1000, settings) == pytest.approx(0.1, abs=2e-3)
    assert all(learning_rate(step, 50, settings) >= 0.1 for step in range(50))


def gradient(normalizer, window):
    module = LossModule(tiny_model(TOKENIZER))
    settings = TrainSettings(normalizer=normalizer, clip=1e9)
    found = []
    Trainer(module, settings, torch.float32).step(
        window,
        1e-4,
        before_update=lambda trainer, _s: found.append(trainer.masters[0].grad.clone()),
    )
    return found[0]


def test_the_normalizers_differ_by_what_they_count():
    window = first_rows("tune", 3)  # prompts weigh 0.1, answers 1
    weights = torch.cat([row.weights[1:] for row in window])
    base = gradient("sum_w", window) * weights.sum()
    for name, count in (("completion", (weights == 1).sum()), ("nonzero", (weights > 0).sum())):
        torch.testing.assert_close(gradient(name, window) * count, base, rtol=1e-4, atol=1e-6)
    assert (weights == 1).sum() < weights.sum() < (weights > 0).sum()


@pytest.mark.parametrize("normalizer", ["sum_w", "completion", "nonzero"])
def test_masked_prompts_make_them_one(normalizer):
    window = [row._replace(weights=(row.weights == 1).float()) for row in first_rows("tune", 3)]
    torch.testing.assert_close(gradient(normalizer, window), gradient("sum_w", window))


def test_completion_needs_prompts_that_it_can_tell_apart():
    settings = TuneSettings(normalizer="completion", prompt_loss_weight=1.0)
    with pytest.raises(StageFailed, match="cannot tell"):
        ready(LossModule(tiny_model(TOKENIZER)), settings)


def test_a_window_without_weights_makes_no_update():
    row = first_rows("tune", 1)[0]
    module = LossModule(tiny_model(TOKENIZER))
    before = flat(module)
    trainer = Trainer(module, TrainSettings(), torch.float32)
    assert trainer.step([row._replace(weights=torch.zeros(len(row.ids)))], 1e-3) == (
        0.0,
        0.0,
        False,
    )
    assert torch.equal(flat(module), before)


@pytest.mark.parametrize("kind", ["none", "lora"])
def test_gradient_checkpointing_changes_nothing_but_memory(tmp_path, kind):
    if kind == "lora":
        pytest.importorskip("peft", reason="peft is optional")
    found = []
    for recompute in (False, True):
        module = LossModule(tiny_model(TOKENIZER, attention_dropout=0.1))
        settings = settings_of("tune", gradient_checkpointing=recompute, adapter=kind, lr=1e-2)
        calls = []
        layer = module.model.model.layers[0].mlp
        layer.register_forward_pre_hook(lambda *a, calls=calls: calls.append(1))
        train(module, rows("tune"), 3, settings, job_in(tmp_path / str(recompute)))
        found.append((flat(module), len(calls)))
        assert not any(getattr(m, "gradient_checkpointing", 0) for m in module.modules())
    assert torch.equal(found[0][0], found[1][0]), "dropout is drawn again the same"
    assert found[1][1] == 2 * found[0][1], "each layer ran twice"


def test_the_spike_rule_is_that_of_olmo_core():
    """Compare with the rule written out: mean and deviation of the window before."""
    draw = torch.Generator().manual_seed(0)
    pairs = (torch.randn(400, 2, generator=draw) + 5).tolist()
    for at in (80, 200, 201, 300):
        pairs[at][at % 2] += 20
    spikes, skipped = Spikes(6.0, []), []
    for index, (loss, norm) in enumerate(pairs):
        past = pairs[max(0, index - WINDOW) : index]
        expected = len(past) >= WINDOW // 2 and any(
            value - statistics.mean(column) > 6 * statistics.stdev(column)
            for value, column in zip((loss, norm), zip(*past, strict=True), strict=True)
        )
        assert spikes.accept(loss, norm) is not expected
        skipped += [index] if expected else []
    assert skipped == [80, 200, 201, 300]
    assert len(spikes.seen) == WINDOW


def test_without_sigmas_nothing_is_skipped_or_kept():
    spikes = Spikes(0.0, [])
    assert all(spikes.accept(10.0**k, 1.0) for k in range(100))
    assert spikes.seen == []


def spiked(folder, at, sigmas, steps=70, stop=0):
    """Train; the gradient of update `at` is a thousand times too large."""

    def swell(trainer, step):
        if step == at:
            for master in trainer.masters:
                master.grad *= 1000

    def ask(_trainer, state):
        if state.step == stop:
            os.kill(os.getpid(), signal.SIGTERM)
        return "go on"

    module = LossModule(tiny_model(TOKENIZER))
    settings = settings_of("inject", skip_spikes=sigmas, checkpoint_seconds=1e9, rows_per_step=1)
    job = job_in(folder)
    state = train(
        module, rows("inject"), steps, settings, job, Hooks(before_update=swell, after_step=ask)
    )
    return flat(module), state, (job.out / "metrics.jsonl").read_text().splitlines()


@pytest.mark.parametrize("filled", [64, 90, 100, 127, 128])
def test_a_value_equal_to_all_before_it_is_no_spike(filled):
    """A mean of equal numbers that is rounded can lie below them, and their deviation is 0."""
    draw = random.Random(0)
    for value in (draw.uniform(0.5, 5) for _ in range(100)):
        assert Spikes(6.0, [[value, value]] * filled).accept(value, value)


def test_a_spike_is_skipped_and_recorded(tmp_path, monkeypatch):
    with pytest.raises(Stopped):  # just before, so that the rule looks back into the checkpoint
        spiked(tmp_path / "rule", 66, 6.0, stop=66)
    weights, state, lines = spiked(tmp_path / "rule", 66, 6.0)
    assert state.resumed_at == [66]
    assert state.skipped == [67]
    assert ['"skipped": true' in line for line in lines].index(True) == 66
    accept = Spikes.accept
    monkeypatch.setattr(
        Spikes, "accept", lambda self, loss, norm: accept(self, loss, norm) and norm < 500
    )
    left_out, other, _ = spiked(tmp_path / "left out", 66, 0.0)
    assert other.skipped == [67]
    assert torch.equal(weights, left_out), "the rest is a run without that update"
    monkeypatch.undo()
    taken, third, _ = spiked(tmp_path / "taken", 66, 0.0)
    assert third.skipped == []
    assert not torch.equal(weights, taken)
