"""The same numbers on a CUDA device as on the CPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from locale_tune_assess.models import LocalModel, Shelf
from locale_tune_assess.settings import AssessSettings

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]
TEXTS = ["il lai è blau", "the lake is blue " * 40, "la chasa"]


@pytest.fixture
def both(folders: dict[str, Path]) -> tuple[Any, Any]:
    """Return one model on the CPU and on the device, with small windows and batches."""
    settings = AssessSettings(window=64, batch_tokens=256, max_new_tokens=6)
    shelf = Shelf(1 << 40)
    cpu, cuda = (
        LocalModel(device, folders["base"], settings, shelf, device) for device in ("cpu", "cuda")
    )
    return cpu, cuda


def test_likelihoods_agree(both: tuple[Any, Any]) -> None:
    one, other = (np.array(model.nll(TEXTS)) for model in both)
    np.testing.assert_allclose(one, other, rtol=1e-4)


def test_choices_agree_and_are_shared(both: tuple[Any, Any]) -> None:
    choices = [["blau", "la chasa gronda"], ["il lai", "x"]]
    one, other = (model.choice_logprobs(["il lai è\n", "la\n"], choices) for model in both)
    np.testing.assert_allclose(one, other, rtol=1e-4)
    assert both[1]._shares


def test_answers_agree(both: tuple[Any, Any]) -> None:
    one, other = (model.generate(["Bun di!", "la chasa gronda"]) for model in both)
    assert one == other


def test_memory_comes_back(both: tuple[Any, Any]) -> None:
    model = both[1]
    model.nll(TEXTS)
    held = torch.cuda.memory_allocated()
    model.unload()
    assert torch.cuda.memory_allocated() < held
