"""Training: the base model made ready, injection, tuning, preferences; one loop for all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from locale_tune.api import Job, Stage, hookimpl
from locale_tune_training.settings import (
    AlignSettings,
    BaseSettings,
    InjectSettings,
    TuneSettings,
)

LIBRARIES = ("torch", "transformers", "tokenizers", "safetensors")


def _base(job: Job) -> Mapping[str, Any]:
    from locale_tune_training.base import run

    return run(job)


def _inject(job: Job) -> Mapping[str, Any]:
    from locale_tune_training.inject import run

    return run(job)


def _tune(job: Job) -> Mapping[str, Any]:
    from locale_tune_training.tune import run

    return run(job)


def _align(job: Job) -> Mapping[str, Any]:
    from locale_tune_training.align import run

    return run(job)


def _speed(job: Job) -> float:
    from locale_tune_training.speed import measure

    return measure(job)


@hookimpl
def locale_tune_stages() -> Iterator[Stage]:
    """Offer `base`, `inject`, `tune` and `align`."""
    yield Stage(
        "base",
        needs=(),
        makes="model",
        run=_base,
        settings=BaseSettings,
        heavy=True,
        libraries=("transformers", "tokenizers", "gguf"),
        doc="the base model as plain safetensors, de-quantised once",
    )
    yield Stage(
        "inject",
        needs=("model", "corpus"),
        makes="model",
        run=_inject,
        version="3",
        settings=InjectSettings,
        heavy=True,
        libraries=LIBRARIES,
        doc="continued pretraining on native text with replay",
        speed=_speed,
        budget_share=0.6,
        parallel=True,
    )
    yield Stage(
        "tune",
        needs=("model", "lessons"),
        makes="model",
        run=_tune,
        version="3",
        settings=TuneSettings,
        heavy=True,
        libraries=LIBRARIES,
        doc="instruction tuning: loss mask, prompt loss weight, label smoothing, packing",
        speed=_speed,
        budget_share=0.3,
        parallel=True,
    )
    yield Stage(
        "align",
        needs=("model", "lessons"),
        makes="model",
        run=_align,
        version="2",
        settings=AlignSettings,
        heavy=True,
        libraries=LIBRARIES,
        uses=("filters",),
        doc="preferences: DPO, DPOP, IPO, SPIN rounds, judged rounds, curriculum",
        speed=_speed,
        budget_share=0.3,
        parallel=True,
    )
