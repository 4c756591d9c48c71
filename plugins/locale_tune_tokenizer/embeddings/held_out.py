"""Held-out text of the warm-up: bits per byte, which two tokenizers can be compared by."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from locale_tune_tokenizer.embeddings.distill import expand
from locale_tune_tokenizer.embeddings.row_batches import Packed
from locale_tune_tokenizer.embeddings.row_losses import Setup, hidden, summed_loss
from locale_tune_tokenizer.formats.styles import style_of


@dataclass(frozen=True)
class HeldOut:
    """Steps of held-out text, the tokens predicted in them, and the UTF-8 bytes those stand for.

    The first token of a text is predicted from nothing and left out of both counts.
    """

    steps: Sequence[Sequence[Packed]] = ()
    tokens: int = 0
    size: int = 0

    def bits(self, nats_per_token: float) -> float:
        """Return bits per byte of a mean loss over these tokens."""
        return nats_per_token * self.tokens / (math.log(2) * max(1, self.size))


def held_out(steps: Sequence[Sequence[Packed]], spec: Mapping[str, Any]) -> HeldOut:
    """Count tokens and bytes of steps in the tokens of a `tokenizer.json`."""
    predicted = [
        number
        for step in steps
        for row in step
        for number, position in zip(row.ids, row.positions, strict=True)
        if position
    ]
    sizes = _sizes(spec, set(predicted))
    return HeldOut(steps, len(predicted), sum(sizes[number] for number in predicted))


def _sizes(spec: Mapping[str, Any], ids: set[int]) -> dict[int, int]:
    """Return the UTF-8 bytes of some tokens by id; an added token is its own text."""
    spelled = style_of(spec).to_bytes
    added = {entry["id"]: entry["content"] for entry in spec.get("added_tokens", [])}
    sizes = {number: len(added[number].encode()) for number in ids & added.keys()}
    for token, number in spec["model"]["vocab"].items():
        if number in ids and number not in added:
            sizes[number] = len(spelled(token))
    return sizes


@torch.no_grad()
def unextended(setup: Setup, text: HeldOut, head: Tensor) -> float:
    """Return bits per byte of the model before it grew, on the same bytes in its own tokens.

    `head` is its own output table, without rows for new tokens.
    """
    total = 0.0
    for step in text.steps:
        old = expand(step, setup.pieces, setup.tables.ids.device)
        states = hidden(setup, setup.tables.input[old.ids], old.positions)
        here = old.inside[:, 1:]
        total += summed_loss(states[:, :-1][here], old.ids[:, 1:][here], head, setup.compute)
    return total / (math.log(2) * max(1, text.size))
