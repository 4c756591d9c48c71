"""How many tokens a second this machine trains: a few real updates on the base model."""

from __future__ import annotations

import time

import torch

from locale_tune.api import Job
from locale_tune_training.batches import Row
from locale_tune_training.loop import ready
from locale_tune_training.model import LossModule, load_model, resolve_dtype
from locale_tune_training.parallel import world_of
from locale_tune_training.trainer import Trainer

WARM_UP, TIMED = 1, 2


def measure(job: Job) -> float:
    """Return trained tokens per second over two updates, after one that is not counted."""
    settings = job.settings
    model = load_model(job.inputs["model"].path, job.machine)
    dtype = resolve_dtype(settings.dtype, job.machine)
    module = LossModule(model)
    ready(module, settings)
    trainer = Trainer(module, settings, dtype, world_of(job.machine))
    generator = torch.Generator().manual_seed(job.seed)
    length = settings.sequence
    ids = torch.randint(0, model.config.vocab_size, (length,), generator=generator)
    window = [Row(ids, torch.arange(length), torch.ones(length))] * settings.rows_per_step
    for _ in range(WARM_UP):
        trainer.step(window, 0.0)
    began = time.perf_counter()
    for _ in range(TIMED):
        trainer.step(window, 0.0)
    trained: int = TIMED * length * settings.rows_per_step
    return trained / (time.perf_counter() - began)
