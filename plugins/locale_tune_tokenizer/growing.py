"""Grow the tables of a loaded model, start and train the new rows, check them all, save."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from transformers import GenerationConfig

from locale_tune.api import Job, canonical, read_records
from locale_tune_tokenizer.first_rows import Sight
from locale_tune_tokenizer.held_out import HeldOut, held_out, unextended
from locale_tune_tokenizer.initializers import INITIALIZERS, require
from locale_tune_tokenizer.learning import Before, check_learning, check_rows
from locale_tune_tokenizer.loading import compute_dtype
from locale_tune_tokenizer.model_folder import Extension
from locale_tune_tokenizer.row_batches import Packed, batches, draw_windows, pack
from locale_tune_tokenizer.row_checkpoints import RowCheckpoints
from locale_tune_tokenizer.row_facts import facts_of
from locale_tune_tokenizer.row_losses import Setup
from locale_tune_tokenizer.row_stage import RowPlan, RowStage, plan_rows
from locale_tune_tokenizer.row_training import LOSSES, RowTrainer
from locale_tune_tokenizer.rows import Tables, grow, row_count
from locale_tune_tokenizer.settings import ExtendSettings
from locale_tune_tokenizer.styles import style_of
from locale_tune_tokenizer.texts import lines_of

# Held-out tokens: at most 2,048, and a sixteenth of what is trained on, since they are read up to
# five times and that must not outweigh the training; never fewer than 256.
HELD_OUT_TOKENS, HELD_OUT_SHARE, HELD_OUT_LEAST = 2_048, 16, 256
NOT_EXACT = "the pre-tokenizer changed, so old tokens need not end where new ones do"
TOO_LONG = "the model has too few positions for the same text in its old tokens"


@dataclass(frozen=True)
class Grown:
    """The entries "rows" and "learning" of the certificate, and the figures for the facts."""

    check: Mapping[str, Any]
    learning: Mapping[str, Any]
    facts: Mapping[str, Any]


def grow_and_train(
    job: Job,
    model: Any,
    stored: torch.dtype,
    old: Any,
    new: Any,
    extension: Extension,
    lines: list[str],
    *,
    exact: bool = True,
    pieces: Sequence[Sequence[int]] | None = None,
) -> Grown:
    """Write the model with rows for the new tokens into `job.out`.

    `old` and `new` are the raw tokenizers; `stored` is the dtype to write; `lines` are held out,
    to measure on before and after. `pieces` are the old ids of each new token, if not those the
    old model itself cuts it into; `exact` says that they are the only way the old tokenizer cuts
    it, without which nothing is distilled. A warm-up that was stopped goes on where it was.
    Raises StageFailed when a check fails, NotFinite, or Stopped on request.
    """
    settings: ExtendSettings = job.settings
    require(settings.initializer, job.inputs["corpus"].path)
    before = (model.get_input_embeddings().weight, model.get_output_embeddings().weight)
    ids = list(extension.ids.values())
    grow(model, row_count(len(before[0]), max(ids)))
    tables = Tables(model, ids)
    pieces = pieces or [[part.id for part in old.model.tokenize(t)] for t in extension.ids]
    compute = compute_dtype(settings.compute, job.machine)
    setup = Setup(model, tables, compute, dict(zip(ids, pieces, strict=True)))
    steps, held = _texts(job, new, extension, lines)
    plan = plan_rows(settings.rows_loss, steps, held, _reason_against(setup, steps, exact))
    trainer = _trainer(setup, settings)
    saves = RowCheckpoints(job.work / "rows", _recipe(job, setup, plan, held))
    stage = RowStage(trainer, plan, held, saves, job.progress)
    if saved := saves.resume():
        stage.go_on(saved)
    else:
        stage.begin(_start(job, tables, before, extension, pieces, old, new))
    learning = _learning(setup, before, exact)
    ...
