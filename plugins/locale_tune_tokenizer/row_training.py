"""Row-only warm-up: next-token loss, and only the rows of new tokens move.

Gradients are written out rather than left to autograd at the two tables, because autograd would
allocate [V, d] for each: the head's is taken from chunks of logits, the input's from the
embedded sequence, and both keep the new rows alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from locale_tune.api import NotFinite, Progress
from locale_tune_tokenizer.row_batches import Packed
from locale_tune_tokenizer.rows import Tables

HEAD_ROWS = 256  # positions whose logits are held at once: 256 x 50,000 x 4 bytes is 51 MB


@dataclass(frozen=True)
class Warmup:
    """What the warm-up did: tokens fed, steps, and loss (nats per token) at both ends.

    The ends are the first and the last quarter of the steps, ten at most. They are of different
    texts; `mean_loss` on the same text before and after says what was gained.
    """

    tokens: int
    steps: int
    loss_first: float
    loss_last: float


def train_rows(
    model: Any,
    tables: Tables,
    steps: Sequence[list[Packed]],
    *,
    lr: float,
    warmup_steps: int,
    compute: torch.dtype,
    progress: Progress | None = None,
) -> Warmup:
    """Train the new rows over `steps` with AdamW without decay; lr is constant after its rise.

    `compute` is the arithmetic of the frozen layers; the new rows and their updates are float32.
    Raises NotFinite when a loss or a gradient is NaN or infinite.
    """
    model.requires_grad_(False).eval()
    optimizer = torch.optim.AdamW(tables.parameters(), lr=lr, weight_decay=0.0)
    total = sum(_tokens(step) for step in steps)
    losses: list[float] = []
    done = 0
    for number, step in enumerate(steps):
        losses.append(backward(model, tables, step, compute))
        _check(losses[-1], tables, number)
        for group in optimizer.param_groups:
            group["lr"] = lr * min(1.0, (number + 1) / (warmup_steps + 1))
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        tables.write()
        done += _tokens(step)
        if progress:
            progress(done, total, f"loss {losses[-1]:.3f}")
    ends = max(1, min(10, len(losses) // 4))
    weighted = list(zip(losses, map(_tokens, steps), strict=True))
    return Warmup(done, len(losses), _mean(weighted[:ends]), _mean(weighted[-ends:]))


def backward(model: Any, tables: Tables, step: list[Packed], compute: torch.dtype) -> float:
    """Set the gradients of the new rows for one step; return its mean loss in nats per token.

    Positions restart with each text, and no mask is given, so that transformers keeps packed
    texts apart. The first token of a text is nobody's target.
    """
    ids, positions = _tensors(tables, step)
    embedded = tables.input[ids].detach().requires_grad_(True)
    states = _states(model, embedded, positions, compute)
    loss, d_states, d_rows = head_loss(states.detach(), _targets(ids, positions), tables, compute)
    states.backward(d_states.to(states.dtype))
    if embedded.grad is None:
        raise NotFinite("the warm-up found no path from the loss to the embeddings")
    _accumulate(tables, ids, embedded.grad, d_rows)
    return loss


@torch.no_grad()
def mean_loss(
    model: Any, tables: Tables, steps: Sequence[list[Packed]], compute: torch.dtype
) -> float:
    """Return next-token loss in nats per token, over all predicted tokens; 0.0 for no text."""
    total, count = 0.0, 0
    for step in steps:
        ids, positions = _tensors(tables, step)
        states = _states(model, tables.input[ids], positions, compute)
        total += len(states) * head_loss(states, _targets(ids, positions), tables, compute)[0]
        count += len(states)
    return total / max(1, count)


def _tensors(tables: Tables, step: list[Packed]) -> tuple[Tensor, Tensor]:
    device = tables.input.device
    ids = torch.tensor([row.ids for row in step], device=device)
    return ids, torch.tensor([row.positions for row in step], device=device)


def _states(model: Any, embedded: Tensor, positions: Tensor, compute: torch.dtype) -> Tensor:
    """Return the last hidden states that predict a token of their own text, [N, d]."""
    device = embedded.device
    with torch.autocast(device.type, compute, enabled=compute != torch.float32):
        hidden: Tensor = model.base_model(
            inputs_embeds=embedded, position_ids=positions, use_cache=False
        ).last_hidden_state
    return hidden[:, :-1][positions[:, 1:] != 0]


def _targets(ids: Tensor, positions: Tensor) -> Tensor:
    return ids[:, 1:][positions[:, 1:] != 0]


def head_loss(
    hidden: Tensor, targets: Tensor, tables: Tables, compute: torch.dtype
) -> tuple[float, Tensor, Tensor]:
    """Return mean next-token loss, its gradient on `hidden` [N, d] and on the new head rows [k, d].

    Logits are held for HEAD_ROWS positions at a time and turned into their own gradient in place:
    d loss / d z = (softmax(z) - onehot(target)) / N.
    """
    table = tables.output.detach().to(compute)
    d_hidden = torch.empty(hidden.shape, dtype=torch.float32, device=hidden.device)
    d_rows = torch.zeros_like(tables.new_output)
    total = 0.0
    for start in range(0, len(hidden), HEAD_ROWS):
        part = hidden[start : start + HEAD_ROWS].to(compute)
        target = targets[start : start + HEAD_ROWS, None]
        z = (part @ table.T).float()
        z -= z.logsumexp(dim=1, keepdim=True)
        total -= float(z.gather(1, target).sum(dtype=torch.float64))
        z.exp_().scatter_add_(1, target, z.new_full(target.shape, -1.0)).div_(len(hidden))
        d_hidden[start : start + HEAD_ROWS] = (z.to(compute) @ table).float()
        d_rows += z[:, tables.ids].T @ part.float()
    return total / max(1, len(hidden)), d_hidden, d_rows


def _accumulate(tables: Tables, ids: Tensor, d_embedded: Tensor, d_rows: Tensor) -> None:
    """Set `.grad` of the new rows: head part, and the input part of places that hold a new id."""
    slots = tables.slot[ids]
    here = slots >= 0
    d_input = torch.zeros_like(tables.new_input)
    d_input.index_add_(0, slots[here], d_embedded[here].float())
    if tables.tied:
        d_input += d_rows
    else:
        tables.new_output.grad = d_rows
    tables.new_input.grad = d_input


def _check(loss: float, tables: Tables, number: int) -> None:
    gradients = [rows.grad for rows in tables.parameters() if rows.grad is not None]
    if not math.isfinite(loss) or not all(bool(g.isfinite().all()) for g in gradients):
        raise NotFinite(
            f"the warm-up of the new rows met a loss of {loss} at step {number + 1}",
            "lower extend.row_lr, or set extend.compute to float32",
        )


def _tokens(step: Iterable[Packed]) -> int:
    return sum(len(row.ids) for row in step)


def _mean(weighted: Sequence[tuple[float, int]]) -> float:
    total = sum(tokens for _, tokens in weighted)
    return sum(loss * tokens for loss, tokens in weighted) / total if total else 0.0
