"""Vectors of texts by a transformers model: a multilingual encoder, or a language model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModel, AutoTokenizer

from locale_tune.api import SourceMissing

TOKENS, BATCH = 256, 16


def encoded(texts: Sequence[str], name: str) -> NDArray[np.float32]:
    """Return a vector of length 1 for each text, [texts, dimensions].

    It is the mean of the model's last states over at most 256 tokens, as NovelSum takes it of a
    language model. `name` is a folder, or `hub:organisation/model@COMMIT`. Raises SourceMissing.
    """
    folder = folder_of(name)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    model: Any = AutoModel.from_pretrained(folder, use_safetensors=True, dtype=torch.float32)
    model.eval()
    order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
    made: dict[int, NDArray[np.float32]] = {}
    with torch.inference_mode():
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            batch = tokenizer(
                [texts[row] for row in rows],
                truncation=True,
                max_length=TOKENS,
                padding=True,
                return_tensors="pt",
            )
            states = model(**batch).last_hidden_state
            mask = batch["attention_mask"].unsqueeze(-1)
            mean = (states * mask).sum(1) / mask.sum(1).clamp(min=1)
            unit = torch.nn.functional.normalize(mean, dim=1)
            made |= dict(zip(rows, unit.numpy(), strict=True))
    return np.stack([made[row] for row in range(len(texts))])


def folder_of(name: str) -> str:
    """Return the folder of a model on this machine, downloading one of the Hub."""
    if not name.startswith("hub:"):
        if not (Path(name) / "config.json").is_file():
            raise SourceMissing(
                f"no model in '{name}'", "give a folder, or hub:organisation/model@COMMIT"
            )
        return name
    from huggingface_hub import snapshot_download

    repository, _, commit = name.removeprefix("hub:").partition("@")
    if len(commit) != 40:
        raise SourceMissing(f"'{name}' is not pinned", "write hub:organisation/model@COMMIT")
    wanted = ["*.json", "*.safetensors", "*.model", "*.txt"]
    return str(snapshot_download(repository, revision=commit, allow_patterns=wanted))
