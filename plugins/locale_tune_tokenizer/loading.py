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
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype="auto")
    stored: torch.dtype = model.dtype
    if machine.device == "cpu":
        model = model.float()
    return model.to(machine.device).requires_grad_(False).eval(), stored


def compute_dtype(wish: str, device: str) -> torch.dtype:
    """Return the arithmetic of the frozen layers: bfloat16 on a GPU, float32 on a CPU, or as set.

    "auto" stays at float32 on every CPU, because few have fast bfloat16 and the bits of a result
    should not depend on which.
    """
    if wish != "auto":
        return torch.bfloat16 if wish == "bfloat16" else torch.float32
    return torch.float32 if device == "cpu" else torch.bfloat16
