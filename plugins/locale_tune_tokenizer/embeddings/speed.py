"""How fast the row-only warm-up trains here: a few real steps on made-up ids."""

from __future__ import annotations

import time

import torch

from locale_tune.api import Job
from locale_tune_tokenizer.embeddings.loading import compute_dtype, load_model
from locale_tune_tokenizer.embeddings.row_batches import Packed
from locale_tune_tokenizer.embeddings.row_losses import Setup
from locale_tune_tokenizer.embeddings.row_training import RowTrainer
from locale_tune_tokenizer.embeddings.rows import Tables
from locale_tune_tokenizer.settings import ExtendSettings

TIMED_STEPS = 2
# Every second made-up token is new and has four pieces: 2.5 old tokens each, as Arabic needs on
# an English vocabulary of 49k (5.53 against 2.20 per word). Text that needs fewer is done sooner.
PIECES = 4


def tokens_per_second(job: Job) -> float:
    """Return trained tokens per second: two steps timed after one that warms up.

    Timed is the slowest loss that the settings allow, so that a budget in time holds whichever
    wins. No text is needed: ids are drawn with the seed, and the last rows of the table stand for
    new ones. The model is loaded, changed in memory and thrown away.
    """
    settings: ExtendSettings = job.settings
    model, _ = load_model(job.inputs["model"].path, job.machine)
    rows = len(model.get_input_embeddings().weight)
    new = min(settings.max_new_tokens, rows // 2) + 1
    chance = torch.Generator().manual_seed(job.seed)
    cuts = torch.randint(rows - new, (new, PIECES), generator=chance).tolist()
    pieces = dict(zip(range(rows - new, rows), cuts, strict=True))
    compute = compute_dtype(settings.compute, job.machine)
    setup = Setup(model, Tables(model, list(pieces)), compute, pieces)
    step = _made_up(rows, new, settings, chance)
    trainer = RowTrainer(setup, lr=settings.row_lr)
    loss = "next-token" if settings.rows_loss == "next-token" else "distillation"

    def train(count: int) -> int:
        return sum(trainer.step(loss, step, number).tokens for number in range(count))

    train(1)
    started = time.perf_counter()
    tokens = train(TIMED_STEPS)
    return tokens / (time.perf_counter() - started)


def _made_up(
    rows: int, new: int, settings: ExtendSettings, chance: torch.Generator
) -> list[Packed]:
    shape = (settings.row_batch, settings.row_length)
    ids = torch.randint(rows - new, shape, generator=chance)
    ids[:, ::2] = torch.randint(rows - new, rows, ids[:, ::2].shape, generator=chance)
    return [Packed(row, list(range(settings.row_length))) for row in ids.tolist()]
