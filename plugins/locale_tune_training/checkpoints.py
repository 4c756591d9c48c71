"""Checkpoints that are whole or absent: safetensors and JSON, verified before they are loaded."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from locale_tune.api import NotFinite, commit_folder, discard, read_json, verified, write_json

KEPT = 2


class Checkpoints:
    """The checkpoints of one run, in its work folder."""

    def __init__(self, work: Path, fingerprint: str) -> None:
        self.work = work
        self.fingerprint = fingerprint

    def save(self, trainer: Any, state: Any) -> None:
        """Write `checkpoint-STEP`, then drop all but the newest two. Refuses non-finite weights."""
        for master in trainer.masters:
            if not torch.isfinite(master).all():
                raise NotFinite(f"a weight is not finite at step {state.step}", "lower lr")

        def fill(folder: Path) -> dict[str, Any]:
            save_file(_numbered(trainer.masters), folder / "model.safetensors")
            moments: dict[str, torch.Tensor] = {}
            for index, master in enumerate(trainer.masters):
                for name, value in trainer.optimizer.state[master].items():
                    moments[f"{index}.{name}"] = value
            save_file(moments, folder / "optim.safetensors")
            save_file({"cpu": torch.get_rng_state()}, folder / "rng.safetensors")
            write_json(folder / "state.json", asdict(state))
            return {"fingerprint": self.fingerprint, "step": state.step}

        commit_folder(self.work / f"checkpoint-{state.step:08d}", fill)
        self._rotate()

    def resume(self, trainer: Any, fresh: Any) -> Any:
        """Load the newest checkpoint that verifies and is of this very run; else start fresh."""
        for folder in sorted(self.work.glob("checkpoint-*"), reverse=True):
            manifest = verified(folder)
            if manifest is None or manifest.get("fingerprint") != self.fingerprint:
                print(f"{folder.name} is damaged or of another run: not used")
                continue
            self._load(folder, trainer)
            return type(fresh)(**read_json(folder / "state.json"))
        return fresh

    def _load(self, folder: Path, trainer: Any) -> None:
        weights = load_file(folder / "model.safetensors")
        moments = load_file(folder / "optim.safetensors")
        with torch.no_grad():
            for index, master in enumerate(trainer.masters):
                master.copy_(weights[str(index)])
        for key, value in moments.items():
            number, name = key.split(".")
            master = trainer.masters[int(number)]
            # AdamW keeps its step count on the CPU unless fused on a GPU; both accept this.
            home = (
                value if name == "step" and master.device.type == "cpu" else value.to(master.device)
            )
            trainer.optimizer.state[master][name] = home
        trainer.refresh()
        torch.set_rng_state(load_file(folder / "rng.safetensors")["cpu"])

    def _rotate(self) -> None:
        for old in sorted(self.work.glob("checkpoint-*"))[:-KEPT]:
            discard(old)


def _numbered(tensors: list[torch.Tensor]) -> dict[str, torch.Tensor]:
    return {str(index): tensor.detach().contiguous() for index, tensor in enumerate(tensors)}
