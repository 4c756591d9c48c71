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
from locale_tune_tokenizer.embeddings.distill import longest
from locale_tune_tokenizer.embeddings.first_rows import Initializer, Sight
from locale_tune_tokenizer.embeddings.held_out import HeldOut, held_out, unextended
from locale_tune_tokenizer.embeddings.initializers import INITIALIZERS, require
from locale_tune_tokenizer.embeddings.loading import compute_dtype
from locale_tune_tokenizer.embeddings.row_batches import Packed, batches, draw_windows, pack
from locale_tune_tokenizer.embeddings.row_checkpoints import RowCheckpoints
from locale_tune_tokenizer.embeddings.row_checks import Before, check_learning, check_rows
from locale_tune_tokenizer.embeddings.row_facts import facts_of
from locale_tune_tokenizer.embeddings.row_losses import Setup, mean_loss
from locale_tune_tokenizer.embeddings.row_stage import RowPlan, RowStage, plan_rows
from locale_tune_tokenizer.embeddings.row_training import LOSSES, RowTrainer
from locale_tune_tokenizer.embeddings.rows import Tables, grow, row_count
from locale_tune_tokenizer.formats.model_folder import Extension
from locale_tune_tokenizer.formats.styles import style_of
from locale_tune_tokenizer.settings import ExtendSettings
from locale_tune_tokenizer.texts import lines_of

# Held-out tokens: at most 2,048, and a sixteenth of what is trained on, since they are read up to
# five times and that must not outweigh the training; never fewer than 256.
HELD_OUT_TOKENS, HELD_OUT_SHARE, HELD_OUT_LEAST = 2_048, 16, 256
NOT_EXACT = "the pre-tokenizer changed, so old tokens need not end where new ones do"
TOO_LONG = "the model has too few positions for the same text in its old tokens"


@dataclass(frozen=True)
class Grown:
    """The entries "rows" and "learning" of the certificate, and the figures for the facts."""

    checks: Mapping[str, Mapping[str, Any]]
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
    cuts = pieces or [[part.id for part in old.model.tokenize(t)] for t in extension.ids]
    compute = compute_dtype(settings.compute, job.machine)
    setup = Setup(model, tables, compute, dict(zip(ids, cuts, strict=True)))
    sight = _sight(job, before, cuts, old, new, extension)
    stage = _stage(job, setup, new, extension, lines, exact)
    _begin(stage, tables, INITIALIZERS[settings.initializer], sight)
    learning = check_learning(
        setup,
        before,
        list(LOSSES) if exact else [stage.plan.loss],
        lr=settings.row_lr,
        weight_decay=settings.row_weight_decay,
    )
    state = stage.run()
    after = mean_loss(setup, stage.held.steps)
    base = unextended(setup, stage.held, before[1]) if exact and stage.held.tokens else None
    checks = {"rows": check_rows(tables, before), "learning": learning}
    save(model.to(stored), job.inputs["model"].path, job.out)
    sizes = {"tied": tables.tied, "rows_before": len(before[0]), "rows_after": len(tables.input)}
    facts = facts_of(stage.plan, state, stage.held, after, base)
    return Grown(checks, {"initializer": settings.initializer, **sizes, **facts})


def _stage(
    job: Job, setup: Setup, new: Any, extension: Extension, lines: list[str], exact: bool
) -> RowStage:
    """Draw the texts, decide on the loss, and return the warm-up, not yet begun."""
    settings: ExtendSettings = job.settings
    known = frozenset(setup.pieces)
    text = lines_of(read_records(job.inputs["corpus"].path / "text"))
    tokens = settings.row_tokens_cap if settings.tokens is None else settings.tokens
    steps = _steps(job, new, known, text, tokens)
    most = min(HELD_OUT_TOKENS, max(HELD_OUT_LEAST, tokens // HELD_OUT_SHARE))
    held = held_out(_steps(job, new, known, lines, most if steps else 0), extension.spec)
    plan = plan_rows(settings.rows_loss, steps, held, _reason_against(setup, steps, exact))
    trainer = RowTrainer(
        setup,
        lr=settings.row_lr,
        warmup_steps=settings.row_warmup_steps,
        weight_decay=settings.row_weight_decay,
    )
    saves = RowCheckpoints(job.work / "rows", _recipe(job, setup, plan, held))
    return RowStage(trainer, plan, held, saves, job.progress)


def _begin(stage: RowStage, tables: Tables, initializer: Initializer, sight: Sight) -> None:
    """Go on from the newest checkpoint, or start the rows."""
    if saved := stage.saves.resume():
        stage.go_on(saved)
        return
    first = initializer(sight)
    tables.start(first)
    stage.begin(dict(first.rows_from))


def _sight(
    job: Job,
    before: Before,
    pieces: Sequence[Sequence[int]],
    old: Any,
    new: Any,
    extension: Extension,
) -> Sight:
    return Sight(
        input=before[0].detach(),
        output=before[1].detach(),
        pieces=pieces,
        tokens=list(extension.ids),
        old=old,
        new=new,
        style=style_of(extension.spec),
        corpus=job.inputs["corpus"].path,
        work=job.work,
        seed=job.seed,
        learn_bytes=job.settings.learn_bytes,
    )


def _reason_against(setup: Setup, steps: Sequence[list[Packed]], exact: bool) -> str:
    """Say why nothing can be distilled; "" when it can."""
    if not exact:
        return NOT_EXACT
    limit = getattr(setup.model.config.get_text_config(), "max_position_embeddings", None)
    return TOO_LONG if limit and longest(steps, setup.pieces) > limit else ""


def _recipe(job: Job, setup: Setup, plan: RowPlan, held: HeldOut) -> str:
    """Return the digest of all that a checkpoint of the warm-up depends on."""
    told = [
        job.fingerprint,
        job.seed,
        job.settings.model_dump(mode="json"),
        job.machine.model_dump(),
        torch.__version__,
        str(setup.compute),
        [[number, *old] for number, old in setup.pieces.items()],
        [plan.loss, plan.probe],
        [[[row.ids, row.positions] for row in step] for step in (*plan.batches, *held.steps)],
    ]
    return sha256(canonical(told).encode()).hexdigest()


def _steps(
    job: Job, new: Any, ids: frozenset[int], lines: Iterable[str], tokens: int
) -> list[list[Packed]]:
    """Draw, pack and batch lines that hold new tokens: once each, and at most `tokens` in all."""
    settings: ExtendSettings = job.settings
    length = settings.row_length
    drawn = draw_windows(new, lines, ids, length, tokens, job.seed) if tokens else []
    return list(batches(pack(drawn, length)[: -(-tokens // length)], settings.row_batch))


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
