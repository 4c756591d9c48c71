"""What a run's numbers depend on, in one flat record, so that no resume mixes two recipes.

The folder of a run's checkpoints is already named after the fingerprint of its step. The recipe
catches what a fingerprint made before the run cannot know (threads, processes, the horizon, files
changed behind the store's back), and it can name what differs.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from locale_tune.api import (
    Job,
    LocaleTuneError,
    canonical,
    read_json,
    sha256_file,
    without_result,
)

LIBRARIES = ("torch", "transformers", "tokenizers", "safetensors", "accelerate", "peft")
MODEL_FILES = ("*.safetensors", "config.json", "tokenizer.json", "chat_template.jinja")
SHOWN = 5
ALLOW = "LOCALE_TUNE_ALLOW_DRIFT"


class RecipeChanged(LocaleTuneError):
    """The checkpoints of this run were made by another recipe."""


def recipe_of(job: Job, settings: Any, steps: int, model: Any, world: int) -> dict[str, Any]:
    """Return {field: value} of everything that changes the numbers of this run."""
    said = settings.model_dump(mode="json", exclude=set(without_result(type(settings))))
    recipe: dict[str, Any] = {f"settings.{key}": value for key, value in said.items()}
    recipe |= {"seed": job.seed, "steps": steps, "processes": world}
    recipe |= {"threads": torch.get_num_threads(), "device": _device(job.machine.device)}
    recipe |= {"dtype": job.machine.dtype, "attention": _attention(model)}
    recipe |= {f"version of {name}": _version(name) for name in ("locale-tune", *LIBRARIES)}
    if "model" in job.inputs:
        recipe |= model_digests(job.inputs["model"].path)
    shards = sorted([*job.work.glob("*/ids.bin"), *job.work.glob("*/weights.bin")])
    recipe |= {f"data {file.parent.name}/{file.name}": sha256_file(file) for file in shards}
    recipe |= {"fingerprint": job.fingerprint}
    return recipe


def refuse_other(made_by: Mapping[str, Any], recipe: Mapping[str, Any], folder: Path) -> list[str]:
    """Return the fields that differ and may. Raise RecipeChanged, naming fields that may not."""
    fields = sorted({*made_by, *recipe})
    differ = [f for f in fields if canonical(made_by.get(f)) != canonical(recipe.get(f))]
    allowed = {field.strip() for field in os.environ.get(ALLOW, "").split(",")}
    refused = [field for field in differ if field not in allowed]
    if refused:
        told = [f"{f} {_short(made_by.get(f))} -> {_short(recipe.get(f))}" for f in refused[:SHOWN]]
        told += [f"and {len(refused) - SHOWN} more"] if len(refused) > SHOWN else []
        raise RecipeChanged(
            f"{folder.name} was made by another recipe: {'; '.join(told)}",
            f"put it back as it was, or delete {folder.parent} to start this step again, "
            f'or accept numbers that cannot be made again with {ALLOW}="{",".join(refused)}"',
        )
    return differ


def _short(value: Any) -> str:
    text = canonical(value)
    return text if len(text) <= 24 else f"{text[:17]}..."


def _device(kind: str) -> str:
    """Name the kind of device: two GPUs of different kinds give different bits."""
    return f"cuda: {torch.cuda.get_device_name()}" if kind == "cuda" else kind


def _attention(model: Any) -> str:
    return str(getattr(model.config, "_attn_implementation", None))


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def model_digests(folder: Path) -> dict[str, str]:
    """Return sha256 per file; an artifact's manifest has them, and was verified against them."""
    manifest = folder / "MANIFEST.json"
    known = read_json(manifest)["files"] if manifest.exists() else {}
    files = sorted(file for pattern in MODEL_FILES for file in folder.glob(pattern))
    return {
        f"model {file.name}": known[file.name]["sha256"]
        if file.name in known
        else sha256_file(file)
        for file in files
    }
