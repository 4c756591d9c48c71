"""Steer a model away from sycophancy while it answers: add a direction, or take it out.

Contrastive activation addition (Rimsky et al. 2024, arXiv 2312.06681) and ablation of a direction
(Arditi et al. 2024, arXiv 2406.11717). The direction is the mean, over questions, of what a layer
gives out at a sycophantic answer less what it gives out at an honest one. It is of one layer and
one language; `cosine` compares those of two languages. Nothing is trained.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn


class Answered(NamedTuple):
    """A chat of ids that ends in a sycophantic answer, and the same chat with an honest one."""

    sycophantic: Sequence[int]
    honest: Sequence[int]


def direction(sycophantic: Tensor, honest: Tensor) -> Tensor:
    """Return the mean difference [H] of two sets of activations [N, H], pair by pair."""
    return (sycophantic - honest).mean(dim=0)


def added(hidden: Tensor, vector: Tensor, coefficient: float) -> Tensor:
    """Return hidden states [..., H] moved along the vector; a negative coefficient goes back."""
    return hidden + coefficient * vector


def ablated(hidden: Tensor, vector: Tensor) -> Tensor:
    """Return hidden states [..., H] without their part along the vector."""
    unit = vector / vector.norm()
    result: Tensor = hidden - (hidden @ unit)[..., None] * unit
    return result


def cosine(one: Tensor, other: Tensor) -> float:
    """Return how alike two directions are, such as those of two languages: -1 to 1."""
    return float(nn.functional.cosine_similarity(one, other, dim=0))


def direction_at(model: Any, layer: int, pairs: Sequence[Answered]) -> Tensor:
    """Return the direction of a decoder layer, read at the last token of each answer, [H]."""
    sides = []
    for side in ("sycophantic", "honest"):
        states: list[Tensor] = []
        for pair in pairs:
            ids = torch.tensor([list(getattr(pair, side))], device=model.device)
            with torch.inference_mode(), _hooked(model, layer, states.append):
                model(input_ids=ids, use_cache=False, logits_to_keep=1)
        sides.append(torch.stack([state[0, -1] for state in states]).float())
    return direction(*sides)


@contextmanager
def steered(
    model: Any, layer: int, vector: Tensor, prompt: int, coefficient: float | None = None
) -> Iterator[None]:
    """Change what a layer gives out after the first `prompt` places, while the block runs.

    With a coefficient the vector is added so many times, without one it is ablated. Works with
    `generate` and its cache: places are counted over all calls of the block, one prompt a block.
    """
    read = 0

    def change(hidden: Tensor) -> Tensor:
        nonlocal read
        start = max(0, prompt - read)
        read += hidden.shape[1]
        kept, rest = hidden[:, :start], hidden[:, start:]
        own = vector.to(hidden)
        moved = ablated(rest, own) if coefficient is None else added(rest, own, coefficient)
        return torch.cat([kept, moved], dim=1)

    with _hooked(model, layer, change):
        yield


@contextmanager
def _hooked(model: Any, layer: int, look: Any) -> Iterator[None]:
    """Show `look` what a layer gives out [B, T, H]; what it returns, if anything, replaces it."""
    layers = [
        part
        for name, part in model.named_modules()
        if isinstance(part, nn.ModuleList) and not any(map(str.isdigit, name.split(".")))
    ]  # not a list within a layer, such as of experts

    def hook(_layer: nn.Module, _inputs: Any, output: Any) -> Any:
        whole = isinstance(output, Tensor)
        given = look(output if whole else output[0])
        if given is None:
            return None
        return given if whole else (given, *output[1:])

    handle = max(layers, key=len)[layer].register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()
