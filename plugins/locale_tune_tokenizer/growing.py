"""Grow the tables of a loaded model, start and train the new rows, check the old, save."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import GenerationConfig

from locale_tune.api import Job, StageFailed, read_records
from locale_tune_tokenizer.loading import compute_dtype
from locale_tune_tokenizer.model_folder import Extension
from locale_tune_tokenizer.row_batches import Packed, batches, draw_windows, pack
from locale_tune_tokenizer.row_training import Warmup, train_rows
from locale_tune_tokenizer.rows import Tables, grow, row_count
from locale_tune_tokenizer.settings import ExtendSettings
from locale_tune_tokenizer.texts import lines_of


@dataclass(frozen=True)
class Grown:
    """The rows' entry of the certificate, and their figures for the facts."""

    check: Mapping[str, Any]
    facts: Mapping[str, Any]


def grow_and_train(
    job: Job, model: Any, stored: torch.dtype, old: Any, new: Any, extension: Extension
) -> Grown:
    """Write the model with rows for the new tokens into `job.out`.

    `old` and `new` are the raw tokenizers; `stored` is the dtype to write. Raises StageFailed
    when an old row moved.
    """
    settings: ExtendSettings = job.settings
    before = (model.get_input_embeddings().weight, model.get_output_embeddings().weight)
    ids = list(extension.ids.values())
    grow(model, row_count(len(before[0]), max(ids)))
    tables = Tables(model, ids)
    tables.start(_pieces(old, extension), settings.initializer)
    steps = _steps(job, new, frozenset(ids))
    warmup = train_rows(
        model,
        tables,
        steps,
        lr=settings.row_lr,
        warmup_steps=settings.row_warmup_steps,
        compute=compute_dtype(settings.compute, job.machine.device),
        progress=job.progress,
    )
    check = check_rows(tables, before)
    save(model.to(stored), job.inputs["model"].path, job.out)
    return Grown(check, _facts(settings, tables, warmup, len(before[0])))


def _pieces(old: Any, extension: Extension) -> list[list[int]]:
    """Return the old pieces of each new token; by coarsening there is only one way to cut it."""
    return [[part.id for part in old.model.tokenize(token)] for token in extension.ids]


def _steps(job: Job, new: Any, ids: frozenset[int]) -> list[list[Packed]]:
    """Draw, pack and batch the warm-up's text: at most one epoch, at most the tokens asked for."""
    settings: ExtendSettings = job.settings
    tokens = settings.row_tokens_cap if settings.tokens is None else settings.tokens
    lines = lines_of(read_records(job.inputs["corpus"].path / "text"))
    drawn = draw_windows(new, lines, ids, settings.row_length, tokens, job.seed) if tokens else []
    rows = pack(drawn, settings.row_length)[: -(-tokens // settings.row_length)]
    return list(batches(rows, settings.row_batch))


def check_rows(tables: Tables, before: tuple[torch.Tensor, torch.Tensor]) -> dict[str, Any]:
    """Check that no old row moved, bit for bit, and that the new ones are finite."""
    old_rows = len(before[0])
    kept = torch.ones(old_rows, dtype=torch.bool, device=tables.ids.device)
    kept[tables.ids[tables.ids < old_rows]] = False
    for name, table, was in zip(
        ("input", "output"), (tables.input, tables.output), before, strict=True
    ):
        if not torch.equal(table.detach()[:old_rows][kept], was.detach()[kept]):
            raise StageFailed(
                f"an old row of the {name} table moved while only new rows were to train",
                "report this model as a bug; leave 'extend' out of the pack's stages meanwhile",
            )
        if not bool(table.detach()[tables.ids].isfinite().all()):
            raise StageFailed(f"a new row of the {name} table is not finite", "lower extend.row_lr")
    return {"passed": True, "old_rows_unchanged": int(kept.sum()), "rows": len(tables.input)}


def save(model: Any, source: Path, out: Path) -> None:
    """Save weights and config; the generation config stays the base's, unread.

    transformers refuses to save a model whose generation config it finds inconsistent, and many
    bases ship one.
    """
    unread: Any = GenerationConfig
    model.generation_config = unread()
    model.save_pretrained(out)
    theirs, ours = source / "generation_config.json", out / "generation_config.json"
    if theirs.exists():
        ours.write_bytes(theirs.read_bytes())
    else:
        ours.unlink(missing_ok=True)


def _facts(
    settings: ExtendSettings, tables: Tables, warmup: Warmup, old_rows: int
) -> dict[str, Any]:
    return {
        "initializer": settings.initializer,
        "tied": tables.tied,
        "rows_before": old_rows,
        "rows_after": len(tables.input),
        "trained_tokens": warmup.tokens,
        "steps": warmup.steps,
        "loss_first": warmup.loss_first if warmup.steps else None,
        "loss_last": warmup.loss_last if warmup.steps else None,
    }
