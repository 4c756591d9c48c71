"""Train the rows of new tokens: AdamW on them alone, at a rate that rises and then stays."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from locale_tune.api import NotFinite
from locale_tune_tokenizer.embeddings.distill import distillation
from locale_tune_tokenizer.embeddings.row_batches import Packed
from locale_tune_tokenizer.embeddings.row_losses import Fed, Setup, next_token

LOSSES: Mapping[str, Callable[[Setup, Sequence[Packed]], Fed]] = {
    "next-token": next_token,
    "distillation": distillation,
}


class RowTrainer:
    """The optimizer of the new rows. `weight_decay` pulls on them and on nothing else."""

    def __init__(
        self, setup: Setup, *, lr: float, warmup_steps: int = 0, weight_decay: float = 0.0
    ) -> None:
        self.setup = setup
        self.lr, self.warmup_steps, self.weight_decay = lr, warmup_steps, weight_decay
        self.rows = setup.tables.parameters()
        setup.model.requires_grad_(False).eval()
        self.optimizer = self._fresh()

    def _fresh(self) -> torch.optim.AdamW:
        return torch.optim.AdamW(self.rows, lr=self.lr, weight_decay=self.weight_decay)

    def step(self, loss: str, batch: Sequence[Packed], number: int) -> Fed:
        """Make update `number` (from 0) and write the rows into the tables.

        Raises NotFinite, before anything is changed, when a loss or a gradient is not finite.
        """
        fed = LOSSES[loss](self.setup, batch)
        self._check(fed, number)
        for group in self.optimizer.param_groups:
            group["lr"] = self.lr * min(1.0, (number + 1) / (self.warmup_steps + 1))
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.setup.tables.write()
        return fed

    def state(self) -> dict[str, Tensor]:
        """Return a copy of the rows and of the optimizer's moments, by name."""
        kept = {f"{index}.row": row.detach().clone() for index, row in enumerate(self.rows)}
        for index, row in enumerate(self.rows):
            for name, value in self.optimizer.state[row].items():
                kept[f"{index}.{name}"] = value.clone()
        return kept

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Go on from what `state` returned; rows alone, without moments, are a fresh start."""
        self.optimizer = self._fresh()
        self.setup.tables.set([state[f"{index}.row"] for index in range(len(self.rows))])
        for key, value in state.items():
            number, name = key.split(".")
            if name != "row":
                row = self.rows[int(number)]
                # AdamW keeps its step count on the CPU, its moments beside the row.
                home = value.clone() if name == "step" else value.to(row.device, copy=True)
                self.optimizer.state[row][name] = home

    def _check(self, fed: Fed, number: int) -> None:
        gradients = [row.grad for row in self.rows if row.grad is not None]
        finite = all(bool(gradient.isfinite().all()) for gradient in gradients)
        if not (finite and math.isfinite(fed.loss) and math.isfinite(fed.gap)):
            raise NotFinite(
                f"the warm-up of the new rows met a loss of {fed.loss} at step {number + 1}",
                "lower extend.row_lr, or set extend.compute to float32",
            )
