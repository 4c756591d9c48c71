"""Checkpoints of the warm-up: whole or absent, verified, and never of another run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from locale_tune.api import NotFinite, commit_folder, discard, read_json, verified, write_json

KEPT = 2
Saved = tuple[dict[str, Tensor], dict[str, Any]]


class RowCheckpoints:
    """The checkpoints in one folder, of the run whose recipe has the digest `recipe`."""

    def __init__(self, folder: Path, recipe: str) -> None:
        self.folder, self.recipe = folder, recipe

    def save(self, number: int, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
        """Write checkpoint `number`, which grows, and drop all but the newest two.

        Raises NotFinite rather than keep a number that is not finite, DiskError on a full disk.
        """
        for name, tensor in tensors.items():
            if not bool(torch.isfinite(tensor).all()):
                raise NotFinite(f"{name} of the new rows is not finite", "lower extend.row_lr")

        def fill(stage: Path) -> dict[str, Any]:
            flat = {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}
            save_file(flat, stage / "rows.safetensors")
            write_json(stage / "state.json", dict(state))
            return {"recipe": self.recipe}

        commit_folder(self.folder / f"checkpoint-{number:08d}", fill)
        for old in sorted(self.folder.glob("checkpoint-*"))[:-KEPT]:
            discard(old)

    def resume(self) -> Saved | None:
        """Return the newest checkpoint that verifies and is of this very run; drop newer ones."""
        for folder in sorted(self.folder.glob("checkpoint-*"), reverse=True):
            manifest = verified(folder)
            if manifest is not None and manifest.get("recipe") == self.recipe:
                return load_file(folder / "rows.safetensors"), read_json(folder / "state.json")
            print(f"{folder.name} of the new rows is damaged or of another run: not used")
            discard(folder)  # left here, it would outlive the checkpoints of this run
        return None
