"""Load the model to grow, and choose the arithmetic."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import AutoModelForCausalLM

from locale_tune.api import Machine


def load_model(folder: Path, machine: Machine) -> tuple[Any, torch.dtype]:
    """Return the model on its device and the dtype it is stored in.

    On a CPU the weights are widened to float32, which is exact and so is the way back.
    """
    torch.set_num_threads(machine.threads)
    silence: Any = transformers.utils.logging.disable_progress_bar
    silence()
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype="auto", trust_remote_code=False)
    stored: torch.dtype = model.dtype
    if machine.device == "cpu":
        model = model.float()
    return model.to(machine.device).requires_grad_(False).eval(), stored


def compute_dtype(wish: str, machine: Machine) -> torch.dtype:
    """Return the arithmetic of the frozen layers; `auto` is what the plan found fast here."""
    return {"float32": torch.float32, "bfloat16": torch.bfloat16}[
        machine.dtype if wish == "auto" else wish
    ]
