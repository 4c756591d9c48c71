"""The same promises on a GPU: run with `pytest -m gpu` where there is one."""

from __future__ import annotations

import pytest
import torch
from test_loop import TOKENIZER, job, stream, weights
from tiny import tiny_model
from torch.nn.functional import cross_entropy

from locale_tune.api import Machine
from locale_tune_training.batches import Row
from locale_tune_training.loop import train
from locale_tune_training.loss import fused_ce
from locale_tune_training.model import LossModule
from locale_tune_training.settings import TrainSettings

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine"),
]
GPU = Machine(device="cuda", threads=1, dtype="bfloat16")


@pytest.mark.parametrize("cap", [0.0, 30.0])
def test_the_loss_equals_torch(cap):
    torch.manual_seed(0)
    h = torch.randn(1500, 64, dtype=torch.float64, device="cuda", requires_grad=True)
    head = torch.randn(4000, 64, dtype=torch.float64, device="cuda", requires_grad=True)
    labels = torch.randint(0, 4000, (1500,), device="cuda")
    weights = torch.rand(1500, dtype=torch.float64, device="cuda")
    fused_ce(h, head, labels, weights, 0.1, cap=cap).loss.backward()
    got = h.grad.clone(), head.grad.clone()
    h.grad = head.grad = None
    z = h @ head.T
    z = cap * torch.tanh(z / cap) if cap else z
    expected = cross_entropy(z, labels, reduction="none", label_smoothing=0.1)
    (expected * weights).sum().backward()
    torch.testing.assert_close(got[0], h.grad, rtol=1e-8, atol=1e-9)
    torch.testing.assert_close(got[1], head.grad, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_packed_equals_separate(attention):
    model = tiny_model(TOKENIZER, attn_implementation=attention).double().cuda().eval()
    module = LossModule(model, smoothing=0.1)
    pieces = [torch.randint(0, 300, (n,)) for n in (7, 19, 3, 30)]
    parts = []
    for piece in pieces:
        weight = torch.ones(len(piece))
        weight[0] = 0.0
        parts.append(Row(piece, torch.arange(len(piece)), weight))
    packed = Row(*(torch.cat(column) for column in zip(*parts, strict=True)))
    apart = sum(module(part).loss for part in parts)
    torch.testing.assert_close(module(packed).loss, apart, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_it_learns_on_the_gpu(tmp_path, dtype):
    module = LossModule(tiny_model(TOKENIZER).cuda())
    settings = TrainSettings(lr=5e-3, rows_per_step=2, dtype=dtype)
    here = job(tmp_path)
    rows = [next(stream())] * 200
    state = train(module, iter(rows), 60, settings, here)
    assert state.loss < 0.5 * state.first_loss
    assert weights(module).device.type == "cuda"


def test_a_resumed_run_ends_in_the_same_bits(tmp_path):
    settings = TrainSettings(rows_per_step=2, dtype="bfloat16", checkpoint_seconds=1e9)
    whole = LossModule(tiny_model(TOKENIZER).cuda())
    train(whole, stream(), 12, settings, job(tmp_path, "whole"))
    often = settings.model_copy(update={"checkpoint_seconds": 0.0})
    here = job(tmp_path, "b")
    train(LossModule(tiny_model(TOKENIZER).cuda()), stream(), 12, often, here)
    assert len(list(here.work.glob("checkpoint-*"))) == 2
    again = LossModule(tiny_model(TOKENIZER, seed=9).cuda())
    train(again, stream(), 12, often, here)
    assert torch.equal(weights(again), weights(whole))
