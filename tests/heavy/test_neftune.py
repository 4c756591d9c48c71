"""NEFTune: the scale of the paper, a function of seed, step and row, and none when not training."""

from __future__ import annotations

import os
import signal
from itertools import islice

import pytest
import torch
from feeding import a_job
from tiny import tiny_model, tiny_tokenizer

from locale_tune.api import Stopped
from locale_tune_training.batches import Row
from locale_tune_training.loop import train
from locale_tune_training.model import LossModule
from locale_tune_training.neftune import Noise, noise, record_lengths
from locale_tune_training.settings import TrainSettings

torch.set_num_threads(1)
TOKENIZER = tiny_tokenizer()


def rows():
    number = 0
    while True:
        draw = torch.Generator().manual_seed(number)
        ids = torch.randint(3, 300, (24,), generator=draw)
        positions = torch.cat([torch.arange(10), torch.arange(14)])
        yield Row(ids, positions, torch.ones(24))
        number += 1


def test_lengths_are_those_of_the_records_in_the_row():
    positions = torch.tensor([0, 1, 2, 0, 0, 1])
    assert record_lengths(positions).tolist() == [3, 3, 3, 1, 2, 2]


def test_the_scale_is_alpha_by_the_root_of_length_times_width():
    row = Row(torch.arange(400), torch.cat([torch.arange(100), torch.arange(300)]), torch.ones(400))
    got = noise(row, 5.0, 0, 0, torch.zeros(1, 400, 64))[0]
    for part, length in ((got[:100], 100), (got[100:], 300)):
        bound = 5.0 / (length * 64) ** 0.5
        assert float(part.abs().max()) <= bound
        assert float(part.abs().max()) > 0.99 * bound
        assert float(part.mean()) == pytest.approx(0, abs=0.05 * bound)
        assert float(part.var()) == pytest.approx(bound**2 / 3, rel=0.05)


def test_noise_is_a_function_of_seed_step_and_row():
    first, second = islice(rows(), 2)
    like = torch.zeros(1, 24, 8)
    same = noise(first, 5.0, 1, 2, like)
    torch.rand(7)  # the global generator has no say
    assert torch.equal(same, noise(first, 5.0, 1, 2, like))
    for other in (
        noise(first, 5.0, 2, 2, like),
        noise(first, 5.0, 1, 3, like),
        noise(second, 5.0, 1, 2, like),
    ):
        assert not torch.equal(same, other)


def test_the_global_generator_is_left_alone():
    state = torch.get_rng_state()
    noise(next(rows()), 5.0, 0, 0, torch.zeros(1, 24, 8))
    assert torch.equal(state, torch.get_rng_state())


def test_the_embeddings_get_it_while_training_only():
    module = LossModule(tiny_model(TOKENIZER))
    plain = float(module(next(rows())).loss.detach())
    hooks = Noise(module, 50.0, 0).hooks()
    losses = []
    for step in (0, 1):
        hooks.before_step(None, step)
        losses.append(float(module(next(rows())).loss.detach()))
    assert len({plain, *losses}) == 3
    module.eval()
    assert float(module(next(rows())).loss.detach()) == pytest.approx(plain, rel=1e-6)


def weights(module):
    return torch.cat([p.detach().flatten() for p in module.parameters()])


def test_a_resumed_run_sees_the_same_noise(tmp_path):
    settings = TrainSettings(lr=1e-2, rows_per_step=2, checkpoint_seconds=1e9)

    def run(name, report=lambda *a: None, alpha=20.0):
        module = LossModule(tiny_model(TOKENIZER, attention_dropout=0.1))
        hooks = Noise(module, alpha, 0).hooks()
        train(module, rows(), 6, settings, a_job(tmp_path, settings, report, name), hooks)
        return weights(module)

    def stop(done, _total, _note=""):
        if done == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Stopped):
        run("b", stop)
    whole = run("a")
    assert torch.equal(run("b"), whole)
    assert not torch.equal(run("c", alpha=10.0), whole)
