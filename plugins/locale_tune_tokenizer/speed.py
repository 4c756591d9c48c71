"""How fast the row-only warm-up trains here: a few real steps on made-up ids."""

from __future__ import annotations

import time

import torch

from locale_tune.api import Job
from locale_tune_tokenizer.loading import compute_dtype, load_model
from locale_tune_tokenizer.row_batches import Packed
from locale_tune_tokenizer.row_training import train_rows
from locale_tune_tokenizer.rows import Tables
from locale_tune_tokenizer.settings import ExtendSettings

TIMED_STEPS = 2


def tokens_per_second(job: Job) -> float:
    """Return trained tokens per second: two steps timed after one that warms up.

    No text is needed: ids are drawn with the seed, and the last rows of the table stand for new
    ones. The model is loaded, changed in memory and thrown away.
    """
    settings: ExtendSettings = job.settings
    model, _ = load_model(job.inputs["model"].path, job.machine)
    rows = len(model.get_input_embeddings().weight)
    tables = Tables(model, range(rows - min(settings.max_new_tokens, rows // 2) - 1, rows))
    compute = compute_dtype(settings.compute, job.machine)
    step = _made_up(rows, settings, job.seed)

    def train(count: int) -> int:
        done = train_rows(
            model, tables, [step] * count, lr=settings.row_lr, warmup_steps=0, compute=compute
        )
        return done.tokens

    train(1)
    started = time.perf_counter()
    tokens = train(TIMED_STEPS)
    return tokens / (time.perf_counter() - started)


def _made_up(rows: int, settings: ExtendSettings, seed: int) -> list[Packed]:
    chance = torch.Generator().manual_seed(seed)
    shape = (settings.row_batch, settings.row_length)
    ids = torch.randint(rows, shape, generator=chance).tolist()
    return [Packed(row, list(range(settings.row_length))) for row in ids]
