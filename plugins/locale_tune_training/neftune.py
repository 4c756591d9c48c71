"""NEFTune: uniform noise on the input embeddings while training (Jain et al. 2023, 2310.05914).

The noise of a token is alpha / sqrt(L * d) * U(-1, 1), L the length of its record and d the width.
It is a function of (seed, step, ids of the row), not of torch's global generator: a resumed run
sees the same noise, and so does a run whose rows are spread over processes.
"""

from __future__ import annotations

import hashlib
from typing import Any

import torch
from torch import Tensor, nn

from locale_tune_training.batches import Row
from locale_tune_training.hooks import Hooks


class Noise:
    """Noise for one module, while it is in training mode."""

    def __init__(self, module: nn.Module, alpha: float, seed: int) -> None:
        self.alpha, self.seed, self.step = alpha, seed, 0
        self.row: Row | None = None
        model: Any = module.model
        module.register_forward_pre_hook(self._look)
        model.get_input_embeddings().register_forward_hook(self._add)

    def hooks(self) -> Hooks:
        """Return what tells the noise which update it is in."""
        return Hooks(before_step=self._begin)

    def _begin(self, _trainer: Any, step: int) -> None:
        self.step = step

    def _look(self, _module: nn.Module, arguments: tuple[Any, ...]) -> None:
        self.row = arguments[0]

    def _add(self, table: nn.Module, _arguments: tuple[Any, ...], out: Tensor) -> Tensor | None:
        if not table.training or self.row is None:
            return None
        return out + noise(self.row, self.alpha, self.seed, self.step, out)


def noise(row: Row, alpha: float, seed: int, step: int, like: Tensor) -> Tensor:
    """Return the noise [..., L, d] of one row, in the shape, dtype and place of `like`."""
    ids = row.ids.detach().cpu().contiguous().numpy().tobytes()
    key = hashlib.sha256(f"{seed}:{step}:".encode() + ids).digest()
    generator = torch.Generator(like.device).manual_seed(int.from_bytes(key[:8], "big") >> 1)
    drawn = torch.rand(like.shape, generator=generator, device=like.device)
    scale = alpha / (record_lengths(row.positions) * like.shape[-1]).sqrt()
    return ((2 * drawn - 1) * scale[:, None].to(like.device)).to(like.dtype)


def record_lengths(positions: Tensor) -> Tensor:
    """Return for each position of a packed row the length of its record, float32 [L]."""
    starts = positions == 0
    counts = torch.bincount(starts.long().cumsum(0))
    return counts[starts.long().cumsum(0)].float()
