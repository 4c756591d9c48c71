"""Next-token loss of a frozen model, and its gradient on the rows of new tokens alone.

Gradients are written out rather than left to autograd at the two tables, because autograd would
allocate [V, d] for each: the head's is taken from chunks of logits, the input's from the
embedded sequence, and both keep the new rows alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from locale_tune.api import NotFinite
from locale_tune_tokenizer.embeddings.row_batches import Packed
from locale_tune_tokenizer.embeddings.rows import Tables

HEAD_ROWS = 256  # positions whose logits are held at once: 256 x 50,000 x 4 bytes is 51 MB


@dataclass(frozen=True)
class Setup:
    """A frozen model, the rows that train, and the arithmetic of the frozen layers.

    `pieces` maps each new id to the old ids it stands for; only distillation needs it.
    """

    model: Any
    tables: Tables
    compute: torch.dtype
    pieces: Mapping[int, Sequence[int]]


@dataclass(frozen=True)
class Fed:
    """What one step fed and found: next-token loss in nats per token, tokens of both models.

    `gap` is the mean squared difference of the hidden states to the teacher's; 0 without one.
    """

    loss: float
    tokens: int
    teacher_tokens: int = 0
    gap: float = 0.0


def next_token(setup: Setup, step: Sequence[Packed]) -> Fed:
    """Set the gradients of the new rows for one step of next-token loss.

    Positions restart with each text, and no mask is given, so that transformers keeps packed
    texts apart. The first token of a text is nobody's target.
    """
    tables = setup.tables
    ids, positions = tensors(step, tables.ids.device)
    embedded = tables.input[ids].detach().requires_grad_(True)
    states = hidden(setup, embedded, positions)
    here = predicting(positions)
    loss, d_states, d_rows = head_loss(states.detach()[:, :-1][here], ids[:, 1:][here], setup)
    states[:, :-1][here].backward(d_states.to(states.dtype))
    set_gradients(tables, ids, embedded, d_rows)
    return Fed(loss, ids.numel())


@torch.no_grad()
def mean_loss(setup: Setup, steps: Sequence[Sequence[Packed]]) -> float:
    """Return next-token loss in nats per token, over all predicted tokens; 0.0 for no text."""
    total, count = 0.0, 0
    for step in steps:
        ids, positions = tensors(step, setup.tables.ids.device)
        here = predicting(positions)
        states = hidden(setup, setup.tables.input[ids], positions)[:, :-1][here]
        total += summed_loss(states, ids[:, 1:][here], setup.tables.output, setup.compute)
        count += len(states)
    return total / max(1, count)


def tensors(step: Sequence[Packed], device: torch.device) -> tuple[Tensor, Tensor]:
    """Return ids and positions of one step, [B, L] each."""
    ids = torch.tensor([row.ids for row in step], device=device)
    return ids, torch.tensor([row.positions for row in step], device=device)


def predicting(positions: Tensor) -> Tensor:
    """Return which places but the last predict a token of their own text, bool [B, L - 1]."""
    return positions[:, 1:] != 0


def hidden(setup: Setup, embedded: Tensor, positions: Tensor) -> Tensor:
    """Return the last hidden states [B, L, d] of rows of the input table, [B, L, d]."""
    kind = embedded.device.type
    with torch.autocast(kind, setup.compute, enabled=setup.compute != torch.float32):
        states: Tensor = setup.model.base_model(
            inputs_embeds=embedded * setup.tables.scale, position_ids=positions, use_cache=False
        ).last_hidden_state
    return states


def head_loss(states: Tensor, targets: Tensor, setup: Setup) -> tuple[float, Tensor, Tensor]:
    """Return mean next-token loss, its gradient on `states` [N, d] and on the new head rows [k, d].

    Logits are held for HEAD_ROWS positions at a time and turned into their own gradient in place:
    d loss / d z = (softmax(z) - onehot(target)) / N.
    """
    table = setup.tables.output.detach().to(setup.compute)
    d_states = torch.empty(states.shape, dtype=torch.float32, device=states.device)
    d_rows = torch.zeros_like(setup.tables.new_output)
    total = 0.0
    for start in range(0, len(states), HEAD_ROWS):
        part = states[start : start + HEAD_ROWS].to(setup.compute)
        target = targets[start : start + HEAD_ROWS, None]
        z = (part @ table.T).float()
        z -= z.logsumexp(dim=1, keepdim=True)
        total -= float(z.gather(1, target).sum(dtype=torch.float64))
        z.exp_().scatter_add_(1, target, z.new_full(target.shape, -1.0)).div_(len(states))
        d_states[start : start + HEAD_ROWS] = (z.to(setup.compute) @ table).float()
        d_rows += z[:, setup.tables.ids].T @ part.float()
    return total / max(1, len(states)), d_states, d_rows


def summed_loss(states: Tensor, targets: Tensor, head: Tensor, compute: torch.dtype) -> float:
    """Return next-token loss in nats, summed over `states` [N, d]; `head` is a table [V, d]."""
    table = head.detach().to(compute)
    total = 0.0
    for part, target in zip(states.split(HEAD_ROWS), targets.split(HEAD_ROWS), strict=True):
        z = (part.to(compute) @ table.T).float()
        chosen = z.gather(1, target[:, None])[:, 0]
        total += float((z.logsumexp(dim=1) - chosen).sum(dtype=torch.float64))
    return total


def set_gradients(tables: Tables, ids: Tensor, embedded: Tensor, d_rows: Tensor) -> None:
    """Set `.grad` of the new rows: head part, and the input part of places that hold a new id."""
    if embedded.grad is None:
        raise NotFinite("the warm-up found no path from the loss to the embeddings")
    slots = tables.slot[ids]
    here = slots >= 0
    d_input = torch.zeros_like(tables.new_input)
    d_input.index_add_(0, slots[here], embedded.grad[here].float())
    if tables.tied:
        d_input += d_rows
    else:
        tables.new_output.grad = d_rows
    tables.new_input.grad = d_input
