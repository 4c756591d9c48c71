"""The beginning that both records of a pair share, computed once.

Two answers to one prompt have the same hidden states up to the first token in which they differ: a
token sees nothing that comes after it. So the model is given that beginning once, and only
attention, a small part of the work, gets the row as it was.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from locale_tune_training.attention import Records


class Shared(NamedTuple):
    """A row of pairs without the second copies: the tokens kept [K], and where each of the row's
    tokens [L] stands among them."""

    kept: Tensor
    places: Tensor


def shared_beginnings(ids: Tensor, positions: Tensor) -> Shared:
    """Leave out what the second record of each pair has in common with the first, from `ids` [L].

    `positions` [L] begin at 0 with every record.
    """
    kept: list[Tensor] = []
    places: list[Tensor] = []
    count = start = 0
    lengths = Records(positions).lengths
    for first, second in zip(lengths[::2], lengths[1::2], strict=True):
        middle, end = start + first, start + first + second
        same = _alike(ids[start:middle], ids[middle:end])
        kept += [torch.arange(start, middle), torch.arange(middle + same, end)]
        places += [torch.arange(count, count + first), torch.arange(count, count + same)]
        places.append(torch.arange(count + first, count + first + second - same))
        count += first + second - same
        start = end
    return Shared(torch.cat(kept), torch.cat(places))


def _alike(one: Tensor, other: Tensor) -> int:
    """Return how many tokens two records have in common from their beginning on."""
    most = min(len(one), len(other))
    differ = (one[:most] != other[:most]).nonzero()
    return int(differ[0]) if len(differ) else most
