"""Token distillation: a new token must leave the state its old pieces left (arXiv 2505.20133).

The teacher is the same frozen model on the same text in old tokens. By coarsening the old tokens
of a text are those each new token stands for, one after the other, so where a new token ends in
them is known exactly and nothing is searched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from locale_tune_tokenizer.embeddings.row_batches import Packed
from locale_tune_tokenizer.embeddings.row_losses import (
    Fed,
    Setup,
    head_loss,
    hidden,
    predicting,
    set_gradients,
    tensors,
)


@dataclass(frozen=True)
class Expanded:
    """One step in old tokens: ids and positions [B, M], padded at the end with texts of one token.

    `ends` [B, L] is the place of the old token that ends at the same byte as each new token;
    `inside` [B, M] marks old tokens that belong to no first token of a text, nor to the padding.
    """

    ids: Tensor
    positions: Tensor
    ends: Tensor
    inside: Tensor
    tokens: int


def distillation(setup: Setup, step: Sequence[Packed]) -> Fed:
    """Set the gradients of the new rows for one step of token distillation.

    Input rows follow L_in, the mean squared difference of the last hidden states; head rows the
    next-token loss. Tied rows follow L_in + stop_gradient(L_in / L_ce) * L_ce, on both sides.
    """
    tables = setup.tables
    expanded = expand(step, setup.pieces, tables.ids.device)
    target = taught(setup, expanded)
    ids, positions = tensors(step, tables.ids.device)
    embedded = tables.input[ids].detach().requires_grad_(True)
    states = hidden(setup, embedded, positions)
    seen, here = states.detach(), predicting(positions)
    loss, d_loss, d_rows = head_loss(seen[:, :-1][here], ids[:, 1:][here], setup)
    difference = seen.float() - target
    gap = float(difference.square().mean(dtype=torch.float64))
    d_states = difference * (2 / difference.numel())
    if tables.tied and loss > 0:
        d_states[:, :-1][here] += d_loss * (gap / loss)
        d_rows *= gap / loss
    states.backward(d_states.to(states.dtype))
    set_gradients(tables, ids, embedded, d_rows)
    return Fed(loss, ids.numel(), expanded.tokens, gap)


@torch.no_grad()
def taught(setup: Setup, expanded: Expanded) -> Tensor:
    """Return the teacher's last hidden state where each new token ends, float32 [B, L, d]."""
    states = hidden(setup, setup.tables.input[expanded.ids], expanded.positions)
    rows = torch.arange(len(states), device=states.device)[:, None]
    return states[rows, expanded.ends].float()


def expand(
    step: Sequence[Packed], pieces: Mapping[int, Sequence[int]], device: torch.device
) -> Expanded:
    """Spell the rows of one step in old tokens; `pieces` maps a new id to its old ones."""
    rows = [_expanded_row(row, pieces) for row in step]
    longest = max(len(ids) for ids, *_ in rows)

    def padded(place: int) -> Tensor:
        filled = [row[place] + [0] * (longest - len(row[place])) for row in rows]
        return torch.tensor(filled, device=device)

    ends = torch.tensor([row[2] for row in rows], device=device)
    tokens = sum(len(ids) for ids, *_ in rows)
    return Expanded(padded(0), padded(1), ends, padded(3).bool(), tokens)


def longest(steps: Sequence[Sequence[Packed]], pieces: Mapping[int, Sequence[int]]) -> int:
    """Return how many old tokens the longest text of these steps has."""
    rows = (_expanded_row(row, pieces) for step in steps for row in step)
    return max((1 + max(positions) for _, positions, *_ in rows), default=0)


def _expanded_row(
    row: Packed, pieces: Mapping[int, Sequence[int]]
) -> tuple[list[int], list[int], list[int], list[int]]:
    """Return old ids, their positions, the ends of the new tokens in them, and what is inside."""
    ids: list[int] = []
    positions: list[int] = []
    ends: list[int] = []
    inside: list[int] = []
    for number, position in zip(row.ids, row.positions, strict=True):
        old = pieces.get(number, (number,))
        first = positions[-1] + 1 if position else 0
        ids.extend(old)
        positions.extend(range(first, first + len(old)))
        ends.append(len(ids) - 1)
        inside.extend([int(position != 0)] * len(old))
    return ids, positions, ends, inside
