"""How sure a model is while it answers: the mean entropy of its next-token distributions."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .scoring import Network, Tell
from .windows import Window, batches


def mean_entropies(
    network: Network, answers: Sequence[Window], budget: int, tell: Tell
) -> list[float]:
    """Return the mean entropy (nats) over each window's scored ids and the place after the last."""
    means = [0.0] * len(answers)
    done = 0
    for batch in batches([len(window.ids) for window in answers], budget):
        chosen = [answers[index] for index in batch]
        for index, value in zip(batch, _of_batch(network, chosen), strict=True):
            means[index] = value
        done += len(batch)
        tell(done, len(answers))
    return means


def entropy(logits: Tensor) -> Tensor:
    """Return the entropy in nats of softmax(logits) [..., V], in float32; -inf logits count 0."""
    logs = logits.float().log_softmax(dim=-1)
    return -(logs.exp() * logs.clamp_min(torch.finfo(torch.float32).min)).sum(dim=-1)


def _of_batch(network: Network, windows: Sequence[Window]) -> list[float]:
    device = network.model.device
    longest = max(len(window.ids) for window in windows)
    ids = torch.tensor([[*w.ids, *([0] * (longest - len(w.ids)))] for w in windows], device=device)
    places = [
        (row, column)
        for row, window in enumerate(windows)
        for column in range(window.first - 1, len(window.ids))
    ]
    rows, states = torch.tensor(places, device=device).T
    with torch.inference_mode():
        pieces = [entropy(logits) for logits in network.logits(ids, rows, states)]
    values = torch.cat(pieces).cpu().double()
    sums = torch.zeros(len(windows), dtype=torch.float64).index_add_(0, rows.cpu(), values)
    counts = torch.bincount(rows.cpu(), minlength=len(windows))
    return [float(value) for value in sums / counts]
