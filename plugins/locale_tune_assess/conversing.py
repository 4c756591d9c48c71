"""Score choices along conversations that go on: each turn reads only what is new.

Rows of a batch share one cache of keys and values. What is new of a row is pushed to the right, so
that holes stand where rows are shorter, and a mask keeps everyone from looking into them; the
choices follow as in `sharing`, and leave the cache again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .scoring import Network, Tell
from .sharing import Fan, score_fans
from .windows import batches

TURNS = 3  # a conversation grows to about so many times its first turn: room for it in a batch


class Reading:
    """Rows that a model has read so far, and its cache of them."""

    def __init__(self, network: Network, rows: Sequence[int]) -> None:
        from transformers import DynamicCache

        self.network = network
        self.rows = list(rows)
        self.read: list[tuple[int, ...]] = [() for _ in rows]
        self.cache: Any = DynamicCache()
        self.seen = torch.zeros(len(self.rows), 0, dtype=torch.bool)

    def continues(self, fans: Sequence[Fan]) -> bool:
        """Whether every row goes on with something new."""
        own = [fans[row].shared for row in self.rows]
        return all(
            len(shared) > len(read) and shared[: len(read)] == read
            for shared, read in zip(own, self.read, strict=True)
        )

    def score(self, fans: Sequence[Fan]) -> list[list[float]]:
        """Read on; return the summed NLL (nats) of every choice of every row."""
        own = [fans[row] for row in self.rows]
        fresh = [fan.shared[len(read) :] for fan, read in zip(own, self.read, strict=True)]
        width = max(map(len, fresh))
        length = width + max(fan.length - len(fan.shared) for fan in own)
        past = self.seen.shape[1]
        ids = torch.zeros(len(own), length, dtype=torch.long)
        positions = torch.zeros_like(ids)
        seen = torch.zeros(len(own), length, past + length, dtype=torch.bool)
        seen[:, :, past:] = torch.eye(length, dtype=torch.bool)
        targets = []  # row, column, column of the state before it, choice
        for row, fan in enumerate(own):
            ids[row, width - len(fresh[row]) : width] = torch.tensor(fresh[row])
            _lay_out(
                fan, len(fresh[row]), width, self.seen[row], ids[row], positions[row], seen[row]
            )
            targets += [(row, *place) for place in _places(fan, width)]
        nll = self._forward(ids, positions, seen, targets)
        self.cache.crop(-(length - width))
        kept = torch.tensor([[width - len(new) <= at for at in range(width)] for new in fresh])
        self.seen = torch.cat([self.seen, kept], dim=1)
        self.read = [fan.shared for fan in own]
        sums = torch.zeros(len(own), max(len(fan.branches) for fan in own), dtype=torch.float64)
        rows, _, _, choices = torch.tensor(targets).T
        sums.index_put_((rows, choices), nll.cpu().double(), accumulate=True)
        return [sums[row, : len(fan.branches)].tolist() for row, fan in enumerate(own)]

    def _forward(
        self, ids: Tensor, positions: Tensor, seen: Tensor, targets: list[tuple[int, int, int, int]]
    ) -> Tensor:
        device, dtype = self.network.model.device, self.network.model.dtype
        rows, columns, states, _ = torch.tensor(targets, device=device).T
        mask = torch.zeros(seen.shape, dtype=dtype).masked_fill_(~seen, torch.finfo(dtype).min)
        with torch.inference_mode():
            return self.network.token_nll(
                ids.to(device),
                rows,
                columns,
                states=states,
                attention_mask=mask[:, None].to(device),
                position_ids=positions.to(device),
                past_key_values=self.cache,
                use_cache=True,
            )


def score_on(
    network: Network, fans: Sequence[Fan], memory: list[Any], budget: int, tell: Tell
) -> list[list[float]]:
    """Return the summed NLL (nats) of every choice, going on from `memory` where the rows do.

    Where they do not, or the architecture keeps another kind of cache, everything is read anew.
    """
    results: list[list[float]] = [[] for _ in fans]
    if not memory or not all(reading.continues(fans) for reading in memory):
        lengths = [TURNS * fan.length for fan in fans]
        memory[:] = [Reading(network, rows) for rows in batches(lengths, budget)]
    if not can_go_on(network):
        return score_fans(network, fans, budget, tell)
    done = 0
    for reading in memory:
        for row, values in zip(reading.rows, reading.score(fans), strict=True):
            results[row] = values
        done += len(reading.rows)
        tell(done, len(fans))
    return results


def can_go_on(network: Network) -> bool:
    """Try it on two small rows: not every architecture keeps a cache of this kind. Asked once."""
    if network.goes_on is None:
        network.goes_on = _tried(network)
    return network.goes_on


def _tried(network: Network) -> bool:
    size = network.model.config.vocab_size
    starts = [(3, 4, 5), (6, 7)]
    longer = [(3, 4, 5, 8, 9), (6, 7, 10, 11, 12, 13)]
    branches = ((6, 7), (8, 3, 9))
    turns = [
        [Fan(tuple(i % size for i in row), branches, (0, 0)) for row in rows]
        for rows in (starts, longer)
    ]
    reading = Reading(network, range(2))
    try:
        found = [reading.score(fans) for fans in turns]
        plain = [score_fans(network, fans, 1, lambda *_: None) for fans in turns]
    except (RuntimeError, ValueError, TypeError, IndexError, AttributeError):
        return False
    pairs = zip(torch.tensor(found).flatten(), torch.tensor(plain).flatten(), strict=True)
    close = max(1e-3, 4 * torch.finfo(network.model.dtype).eps)
    return all(abs(one - other) < close * (1 + abs(other)) for one, other in pairs)


def _lay_out(
    fan: Fan, new: int, width: int, past: Tensor, ids: Tensor, positions: Tensor, seen: Tensor
) -> None:
    """Fill one row: ids [L], positions [L], and who sees whom [L, P + L]."""
    start, cut, before = width - new, len(fan.shared), len(past)
    positions[start:width] = torch.arange(cut - new, cut)
    seen[start:, :before] = past
    seen[start:width, before + start : before + width] = torch.ones(new, new).tril().bool()
    at = width
    for branch in fan.branches:
        size = len(branch)
        part, columns = slice(at, at + size), slice(before + at, before + at + size)
        ids[part] = torch.tensor(branch, dtype=torch.long)
        positions[part] = torch.arange(cut, cut + size)
        seen[part, before + start : before + width] = True
        seen[part, columns] = torch.ones(size, size).tril().bool()
        at += size


def _places(fan: Fan, width: int) -> list[tuple[int, int, int]]:
    """Return (column, column of the state before it, choice) of every scored id."""
    places, start = [], width
    for choice, (branch, first) in enumerate(zip(fan.branches, fan.firsts, strict=True)):
        for offset in range(first, len(branch)):
            places.append((start + offset, start + offset - 1 if offset else width - 1, choice))
        start += len(branch)
    return places
