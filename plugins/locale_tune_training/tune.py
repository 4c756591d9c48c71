"""`tune`: instruction tuning with loss mask, prompt loss weight, label smoothing and packing.

Loss mask and prompt loss weight after Huerta-Enochian & Ko 2024 (arXiv 2401.13586), label smoothing
after Szegedy et al. 2016; the normaliser is the sum of token weights over the whole update.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from locale_tune.api import Job, StageFailed, read_records
from locale_tune_training.batches import rows, write_tokens
from locale_tune_training.encoding import Encoded, Encoder
from locale_tune_training.finish import facts_of, save
from locale_tune_training.loop import train
from locale_tune_training.model import LossModule, load_model, load_tokenizer


def run(job: Job) -> Mapping[str, Any]:
    """Train the model of `job.inputs` on its lessons."""
    settings = job.settings
    folder = job.inputs["model"].path
    tokenizer = load_tokenizer(folder)
    if tokenizer.chat_template is None:
        raise StageFailed(
            "this base model has no chat template, so its lessons cannot be rendered",
            "choose an instruct model as base, or leave 'tune' out of [pack] stages",
        )
    encoder = Encoder(tokenizer)
    lessons = write_tokens(job.work / "lessons", _encoded(job, encoder))
    if not lessons.total:
        raise StageFailed("there are no lessons to tune on", "leave 'tune' out of [pack] stages")
    wanted = settings.tokens or lessons.total * settings.epochs
    wanted = min(wanted, lessons.total * settings.max_epochs)
    # Lessons are not cut at the end of a row, so rows are not full: count the rows of one epoch.
    per_row = lessons.total / _rows_per_epoch(lessons, settings.sequence, job.seed)
    steps = max(1, round(wanted / (per_row * settings.rows_per_step)))
    module = LossModule(load_model(folder, job.machine), settings.label_smoothing)
    stream = rows(lessons, settings.sequence, job.seed, whole=True)
    state = train(module, stream, steps, settings, job)
    save(module.model, tokenizer, job)
    epochs = state.tokens / lessons.total
    facts = facts_of(state)
    return {
        **facts,
        "lessons": len(lessons),
        "lesson_tokens": lessons.total,
        "epochs": round(epochs, 3),
        "label_smoothing": settings.label_smoothing,
        "prompt_loss_weight": settings.prompt_loss_weight,
        "line": f"loss {state.first_loss:.3f} -> {facts['last_loss']:.3f}, "
        f"{len(lessons):,} lessons, {epochs:.1f} epochs, smoothing {settings.label_smoothing:g}",
    }


def _encoded(job: Job, encoder: Encoder) -> Iterator[Encoded]:
    for record in read_records(job.inputs["lessons"].path / "lessons"):
        chat = encoder.chat(record.messages, job.settings.prompt_loss_weight)
        # The end of a turn must be inside what is kept, or the model never learns to stop.
        if len(chat.ids) <= job.settings.sequence:
            yield chat


def _rows_per_epoch(lessons: Any, sequence: int, seed: int) -> int:
    total = count = 0
    for row in rows(lessons, sequence, seed, whole=True):
        total, count = total + len(row.ids), count + 1
        if total >= lessons.total:
            break
    return count
