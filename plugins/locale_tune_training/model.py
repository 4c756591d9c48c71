"""The one module that is trained: a causal language model with the fused loss on top."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, AutoTokenizer

from locale_tune.api import Machine, StageFailed
from locale_tune_training.attention import Records, cut_rows, leave_rows_whole
from locale_tune_training.batches import AnyRow, Row
from locale_tune_training.loss import Sums, fused_ce
from locale_tune_training.parallel import world_of

DTYPES = {"bfloat16": torch.bfloat16, "float32": torch.float32}


class LossModule(nn.Module):
    """Map a packed row to loss sums; the logits of a whole row never exist."""

    def __init__(
        self, model: Any, smoothing: float = 0.0, smooth_over: Tensor | None = None
    ) -> None:
        super().__init__()
        self.model = model
        self.smoothing = smoothing
        self.smooth_over = smooth_over  # boolean [V]; None: every row of the head
        self.by_records = cut_rows(model)
        config = model.config
        self.cap = float(getattr(config, "final_logit_softcapping", None) or 0.0)
        self.scale = float(getattr(config, "logit_scale", None) or 1.0)
        self.scale /= float(getattr(config, "logits_scaling", None) or 1.0)

    def forward(self, row: Row) -> Sums:
        """Return the sums over one row. Token t is predicted from position t - 1."""
        ids, weights = self._on_device(row.ids), self._on_device(row.weights)
        return fused_ce(
            self.states(row)[:-1],
            labels=ids[1:],
            weights=weights[1:],
            smoothing=self.smoothing,
            smooth_over=self.smooth_over,
            **self.head(),
        )

    def states(self, row: AnyRow) -> Tensor:
        """Return the last hidden states [L, H] of one packed row."""
        ids, positions = self._on_device(row.ids), self._on_device(row.positions)
        records = Records(row.positions)
        hidden = self._hidden(ids, positions, records)
        if self.by_records and not records.used:  # this architecture keeps them from its attention
            leave_rows_whole(self.model)
            self.by_records = False
            hidden = self._hidden(ids, positions, records)
        return hidden

    def head(self) -> dict[str, Any]:
        """Return what turns hidden states into logits, as the loss takes it."""
        head = self.model.get_output_embeddings()
        bias = getattr(head, "bias", None)
        return {"head": head.weight, "scale": self.scale, "cap": self.cap, "bias": bias}

    def _on_device(self, part: Tensor) -> Tensor:
        return part.to(next(self.parameters()).device)

    def _hidden(self, ids: Tensor, positions: Tensor, records: Records) -> Tensor:
        """Return the last hidden states [L, H].

        No attention mask and no cache: only then do the positions keep packed records apart.
        """
        told = {"records": records} if self.by_records else {}
        row = {"input_ids": ids[None], "position_ids": positions[None]}
        found: Tensor = self.model.base_model(**row, use_cache=False, **told).last_hidden_state
        return found[0]

    def finish(self) -> None:
        """Make the model an ordinary one again."""
        leave_rows_whole(self.model)
        self.by_records = False


def load_model(folder: Path, machine: Machine) -> Any:
    """Load a model folder in float32 on the job's device, ready to train."""
    torch.set_num_threads(machine.threads)
    world_of(machine)  # several processes: each takes its own device
    if machine.device == "cuda" and not torch.cuda.is_available():
        raise StageFailed("the plan says cuda, but torch sees no GPU", "--device cpu")
    model: Any = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, use_safetensors=True, trust_remote_code=False
    )
    return model.to(machine.device).train()


def load_tokenizer(folder: Path) -> Any:
    """Load the tokenizer of a model folder."""
    return AutoTokenizer.from_pretrained(folder, trust_remote_code=False)


def cast(module: nn.Module, dtype: torch.dtype) -> None:
    """Change the dtype of the parameters only: rotary frequencies in bfloat16 would be wrong."""
    for parameter in module.parameters():
        parameter.data = parameter.data.to(dtype)


def resolve_dtype(wanted: str, machine: Machine) -> torch.dtype:
    """Return the dtype of the computation: `auto` is what the plan found this machine fast in."""
    return DTYPES[machine.dtype if wanted == "auto" else wanted]


def recompute(model: Any, on: bool = True) -> None:
    """Keep no activations inside layers and compute them again in the backward pass, or stop it.

    Dropout is drawn again the same. The name is transformers 5.23's; before, it was `gradient_...`.
    """
    kind = "activation" if hasattr(model, "activation_checkpointing_enable") else "gradient"
    if on:
        getattr(model, f"{kind}_checkpointing_enable")({"use_reentrant": False})
    else:
        getattr(model, f"{kind}_checkpointing_disable")()


def compile_layers(model: Any, on: bool = True) -> None:
    """Let torch.compile fuse what is between the products of each decoder layer, or stop it.

    Layer by layer: they share their code, so one is compiled, not the whole model. Raises
    StageFailed where the compiler that it needs on a CPU is missing.
    """
    if on and model.device.type == "cpu" and not shutil.which(os.environ.get("CXX", "g++")):
        raise StageFailed("compile = true needs a C++ compiler", "install g++, or set it to false")
    for layer in decoder_layers(model):
        if on:
            layer.compile(dynamic=True)
        else:
            layer._compiled_call_impl = None  # how nn.Module.compile keeps it


def decoder_layers(module: nn.Module) -> list[nn.Module]:
    """Return the decoder layers: the longest list of modules."""
    lists = [part for part in module.modules() if isinstance(part, nn.ModuleList)]
    return list(max(lists, key=len, default=[]))
