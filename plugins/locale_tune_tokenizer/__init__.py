"""Teach a tokenizer a language: continued BPE, first embeddings, row-only warm-up (`extend`).

The stage is offered here; everything heavy is imported when it runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from locale_tune.api import Command, Job, Stage, hookimpl
from locale_tune_tokenizer.settings import ExtendSettings


def run_extend(job: Job) -> Mapping[str, Any]:
    """Extend the vocabulary of `model` from `corpus`, or pass the model on and say why not."""
    from locale_tune_tokenizer.extend import run

    return run(job)


def measure_speed(job: Job) -> float:
    """Return trained tokens per second of the row-only warm-up on this machine."""
    from locale_tune_tokenizer.embeddings.speed import tokens_per_second

    return tokens_per_second(job)


@hookimpl
def locale_tune_stages() -> Iterable[Stage]:
    """Offer `extend`."""
    yield Stage(
        "extend",
        needs=("model", "corpus"),
        makes="model",
        run=run_extend,
        settings=ExtendSettings,
        version="2",
        heavy=True,
        libraries=("torch", "transformers", "tokenizers", "safetensors", "fasttext-community"),
        doc="new tokens by continued BPE, first embeddings, row-only warm-up; or why not",
        speed=measure_speed,
        budget_share=0.1,
    )


def load_command() -> Any:
    """Import `locale-tune extend`."""
    from locale_tune_tokenizer.command import command

    return command


@hookimpl
def locale_tune_commands() -> Iterable[Command]:
    """Offer `locale-tune extend`."""
    yield Command(
        "extend",
        load=load_command,
        doc="Teach a tokenizer a language and certify it; needs no pack, only text.",
    )
