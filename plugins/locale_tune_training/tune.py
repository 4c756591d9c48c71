"""`tune`: instruction tuning with loss mask, prompt loss weight, label smoothing and packing.

Loss mask and prompt loss weight after Huerta-Enochian & Ko 2024 (arXiv 2401.13586), instruction
modelling (prompt loss weight 1) after Shi et al. 2024 (arXiv 2405.14394), label smoothing after
Szegedy et al. 2016; the normaliser is the sum of token weights over the whole update.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from locale_tune.api import Job, StageFailed
from locale_tune_training.batches import rows
from locale_tune_training.encoding import Encoder
from locale_tune_training.finish import facts_of, save
from locale_tune_training.hooks import joined
from locale_tune_training.lessons import Mix, encode
from locale_tune_training.loop import train
from locale_tune_training.model import LossModule, load_model, load_tokenizer
from locale_tune_training.neftune import Noise
from locale_tune_training.pinpoint import pinpoint_of
from locale_tune_training.smoothing import language_tokens


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
    lessons, tally, weights = encode(job, encoder)
    if not lessons.total:
        raise StageFailed("there are no lessons to tune on", _remedy(settings))
    mix = Mix(lessons, tally, settings, job.seed)
    wanted = settings.tokens or lessons.total * settings.epochs
    wanted = min(wanted, mix.most_tokens(settings.max_epochs))
    steps = max(1, round(wanted / (mix.tokens_per_row() * settings.rows_per_step)))
    model = load_model(folder, job.machine)
    pinpoint = pinpoint_of(job, encoder, model)
    over = _smooth_over(job, encoder, model)
    module = LossModule(model, settings.label_smoothing, over)
    noise = Noise(module, settings.neftune, job.seed) if settings.neftune else None
    hooks = joined(*(part.hooks() for part in (noise, pinpoint) if part))
    stream = rows(lessons, settings.sequence, job.seed, True, mix.order, mix.fit)
    state = train(module, stream, steps, settings, job, hooks)
    if pinpoint:
        pinpoint.check()
    save(module.model, tokenizer, job)
    epochs = state.tokens / lessons.total
    facts = facts_of(state)
    found = {
        **facts,
        "lessons": len(lessons),
        "lesson_tokens": lessons.total,
        "epochs": round(epochs, 3),
        "label_smoothing": settings.label_smoothing,
        "prompt_loss_weight": settings.prompt_loss_weight,
        "line": f"loss {state.first_loss:.3f} -> {facts['last_loss']:.3f}, "
        f"{len(lessons):,} lessons, {epochs:.1f} epochs, smoothing {settings.label_smoothing:g}",
    }
    found |= pinpoint.facts() if pinpoint else {}
    if weights:
        found["prompt_loss_weights"] = {" ".join(key): value for key, value in weights.items()}
    if mix.shares:
        found["languages"] = mix.facts(state.tokens)
    if over is not None:
        found["smoothed_over"] = int(over.sum())
    return found


def _smooth_over(job: Job, encoder: Encoder, model: Any) -> Tensor | None:
    if job.settings.smooth_over == "vocabulary" or not job.settings.label_smoothing:
        return None
    return language_tokens(job, encoder, model.get_output_embeddings().weight.shape[0])


def _remedy(settings: Any) -> str:
    if settings.only_sources or settings.only_tags:
        return "look at only_sources and only_tags: no lesson fits them"
    return "leave 'tune' out of [pack] stages"
