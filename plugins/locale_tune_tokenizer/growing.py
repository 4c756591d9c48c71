"""Grow the tables of a loaded model, start and train the new rows, check the old, save."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import GenerationConfig

from locale_tune.api import Job, StageFailed, read_records
from locale_tune_tokenizer.loading import compute_dtype
from locale_tune_tokenizer.model_folder import Extension
from locale_tune_tokenizer.row_batches import Packed, batches, draw_windows, pack
from locale_tune_tokenizer.row_training import mean_loss, train_rows
from locale_tune_tokenizer.rows import Tables, grow, row_count
from locale_tune_tokenizer.settings import ExtendSettings
from locale_tune_tokenizer.texts import lines_of

PROBE_TOKENS = 2_048


@dataclass(frozen=True)
class Grown:
    """The rows' entry of the certificate, and their figures for the facts."""

    check: Mapping[str, Any]
    facts: Mapping[str, Any]


def grow_and_train(
    job: Job,
    model: Any,
    stored: torch.dtype,
    old: Any,
    new: Any,
    extension: Extension,
    held_out: list[str],
) -> Grown:
    """Write the model with rows for the new tokens into `job.out`.

    `old` and `new` are the raw tokenizers; `stored` is the dtype to write; `held_out` are lines
    to measure on before and after. Raises StageFailed when an old row moved.
    """
    settings: ExtendSettings = job.settings
    before = (model.get_input_embeddings().weight, model.get_output_embeddings().weight)
    ids = list(extension.ids.values())
    grow(model, row_count(len(before[0]), max(ids)))
    tables = Tables(model, ids)
    tables.start(_pieces(old, extension), settings.initializer)
    facts = _train(job, model, tables, new, held_out)
    check = check_rows(tables, before)
    save(model.to(stored), job.inputs["model"].path, job.out)
    sizes = {"tied": tables.tied, "rows_before": len(before[0]), "rows_after": len(tables.input)}
    return Grown(check, {"initializer": settings.initializer, **sizes, **facts})


def _train(job: Job, model: Any, tables: Tables, new: Any, held_out: list[str]) -> dict[str, Any]:
    """Warm the rows up; return steps, tokens and losses, the held-out ones before and after."""
    settings: ExtendSettings = job.settings
    compute = compute_dtype(settings.compute, job.machine)
    ids = frozenset(tables.ids.tolist())
    tokens = settings.row_tokens_cap if settings.tokens is None else settings.tokens
    steps = _steps(job, new, ids, lines_of(read_records(_text(job))), tokens)
    probe = _steps(job, new, ids, held_out, PROBE_TOKENS if steps else 0)
    before = mean_loss(model, tables, probe, compute)
    warmup = train_rows(
        model,
        tables,
        steps,
        lr=settings.row_lr,
        warmup_steps=settings.row_warmup_steps,
        compute=compute,
        progress=job.progress,
    )
    after = mean_loss(model, tables, probe, compute)
    return {
        "trained_tokens": warmup.tokens,
        "steps": warmup.steps,
        "loss_first": warmup.loss_first if steps else None,
        "loss_last": warmup.loss_last if steps else None,
        "probe_loss_before": before if probe else None,
        "probe_loss_after": after if probe else None,
    }


def _text(job: Job) -> Path:
    return job.inputs["corpus"].path / "text"


def _pieces(old: Any, extension: Extension) -> list[list[int]]:
    """Return the old pieces of each new token; by coarsening there is only one way to cut it."""
    return [[part.id for part in old.model.tokenize(token)] for token in extension.ids]


def _steps(
    job: Job, new: Any, ids: frozenset[int], lines: Iterable[str], tokens: int
) -> list[list[Packed]]:
    """Draw, pack and batch lines that hold new tokens: once each, and at most `tokens` in all."""
    settings: ExtendSettings = job.settings
    length = settings.row_length
    drawn = draw_windows(new, lines, ids, length, tokens, job.seed) if tokens else []
    return list(batches(pack(drawn, length)[: -(-tokens // length)], settings.row_batch))


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
