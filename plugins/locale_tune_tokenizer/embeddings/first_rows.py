"""What an initialiser may look at, what it returns, and rows that are sums of old rows.

An initialiser is a function from `Sight` to `First`; `initializers.py` names them all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from locale_tune_tokenizer.formats.styles import Style

Weights = Callable[[int, str], Tensor]


@dataclass(frozen=True)
class Sight:
    """What an initialiser may look at.

    `input` and `output` are the old tables, [V, d] of any dtype, one tensor when tied. `pieces`
    holds the old ids of each new token, `tokens` the new tokens as the vocabulary spells them, in
    the order of the new rows. `old` and `new` are the raw tokenizers, `style` says what both spell.
    `learn_bytes` is how much text of the corpus to learn from; files may be written to `work`.
    """

    input: Tensor
    output: Tensor
    pieces: Sequence[Sequence[int]]
    tokens: Sequence[str]
    old: Any
    new: Any
    style: Style
    corpus: Path
    work: Path
    seed: int = 0
    learn_bytes: int = 100_000_000

    def used(self) -> list[int]:
        """Return the old ids that a token has, in order: padding rows are left out."""
        ids = set(self.old.get_vocab(with_added_tokens=True).values())
        return sorted(number for number in ids if number < len(self.input))


@dataclass(frozen=True)
class First:
    """First rows, float32 [k, d] for each side, and how many rows came from where."""

    input: Tensor
    output: Tensor
    rows_from: Mapping[str, int]


Initializer = Callable[[Sight], First]


def edge_weights(pieces: int, side: str) -> Tensor:
    """Return the weights of the old pieces of a token, float32, shape [pieces].

    softmax(+2i) for the input row: having read the token, the state must resemble that after its
    last piece; softmax(-2i) for the head row: predicting it must score like its first piece
    (AdaptiVocab, arXiv 2503.19693). Softmax is shifted by its maximum, so long tokens are safe.
    """
    slope = 2.0 if side == "input" else -2.0
    return torch.softmax(slope * torch.arange(pieces, dtype=torch.float32), dim=0)


def mean_weights(pieces: int, side: str) -> Tensor:
    """Return equal weights, float32, shape [pieces] (FVT, arXiv 2402.09977)."""
    return torch.full((pieces,), 1.0 / pieces)


def summed(table: Tensor, pieces: Sequence[Sequence[int]], weights: Weights, side: str) -> Tensor:
    """Return weighted sums of the old pieces' rows, float32 [len(pieces), d].

    `table` is [V, d] of any dtype; `side` is "input" or "output".
    """
    rows = torch.empty(len(pieces), table.shape[1], dtype=torch.float32, device=table.device)
    for place, ids in enumerate(pieces):
        rows[place] = weights(len(ids), side).to(table.device) @ table[list(ids)].float()
    return rows


def _from_pieces(sight: Sight, weights: Weights, name: str) -> First:
    return First(
        summed(sight.input, sight.pieces, weights, "input"),
        summed(sight.output, sight.pieces, weights, "output"),
        {name: len(sight.pieces)},
    )


def edge(sight: Sight) -> First:
    """Start from the last piece to read a token, and from the first to write it."""
    return _from_pieces(sight, edge_weights, "edge")


def mean(sight: Sight) -> First:
    """Start both sides from the mean of the old pieces."""
    return _from_pieces(sight, mean_weights, "mean")


def counted(total: int, **special: int) -> dict[str, int]:
    """Return how many of `total` rows came from where; the rest came from `edge`."""
    return {**special, "edge": total - sum(special.values())}
