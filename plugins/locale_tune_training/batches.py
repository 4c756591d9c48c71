"""Rows of packed records: order is a pure function of (seed, epoch), position is one integer.

Records are encoded once into flat files in the job's work folder and read through a memory map, so
the corpus may be larger than memory. A row packs pieces of records up to `sequence` tokens; each
piece starts again at position 0, and the model keeps them apart by that (training.md, section 5).
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from locale_tune_training.encoding import Encoded
from locale_tune_training.packing import best_fit


class Row(NamedTuple):
    """One packed row: ids, position_ids and weights, each [L]; weights are of predicting ids."""

    ids: Tensor
    positions: Tensor
    weights: Tensor


class PairRow(NamedTuple):
    """One packed row of pairs: answers stand in turn, the chosen and then the rejected one.

    Each is a record with its prompt; `weights` are 1 where its answer is predicted, 0 elsewhere.
    `reference` holds the summed log-probabilities of the records, [2 pairs], `gaps` how far apart
    the rewards of a pair are, [pairs]; both are float64.
    """

    ids: Tensor
    positions: Tensor
    weights: Tensor
    reference: Tensor
    gaps: Tensor


AnyRow = Row | PairRow


class Tokens:
    """Encoded records on disk: flat ids and weights, and where each record begins."""

    def __init__(self, folder: Path, offsets: np.ndarray) -> None:
        self.offsets = offsets
        self.total = int(offsets[-1])
        shape = (self.total,)
        if self.total:
            self._ids = np.memmap(folder / "ids.bin", np.int32, "r", shape=shape)
            self._weights = np.memmap(folder / "weights.bin", np.float32, "r+", shape=shape)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def piece(self, record: int, start: int, end: int) -> tuple[np.ndarray, np.ndarray]:
        """Return ids and weights of tokens [start, end) of one record."""
        base = self.offsets[record]
        return self._ids[base + start : base + end], self._weights[base + start : base + end]

    def drop(self, record: int, targets: np.ndarray) -> None:
        """Set the weights of one record's `targets` (a boolean per token) to 0, for good."""
        base, end = self.offsets[record], self.offsets[record + 1]
        self._weights[base:end][targets] = 0.0

    def length(self, record: int) -> int:
        """Return how many tokens one record has."""
        return int(self.offsets[record + 1] - self.offsets[record])


def write_tokens(folder: Path, encoded: Iterable[Encoded]) -> Tokens:
    """Write encoded records into `folder` (replacing what is there) and open them.

    Files appear whole: another process of the same run that writes the same does no harm.
    """
    folder.mkdir(parents=True, exist_ok=True)
    offsets = [0]
    files = {name: folder / f"{name}.{os.environ.get('RANK', '0')}" for name in ("ids", "weights")}
    with files["ids"].open("wb") as ids, files["weights"].open("wb") as weights:
        for record in encoded:
            if len(record.ids) < 2:  # nothing to predict
                continue
            np.asarray(record.ids, np.int32).tofile(ids)
            np.asarray(record.weights, np.float32).tofile(weights)
            offsets.append(offsets[-1] + len(record.ids))
    for name, file in files.items():
        file.replace(folder / f"{name}.bin")
    return Tokens(folder, np.asarray(offsets, np.int64))


Piece = tuple[int, int, int]  # record, first token, one past the last
Order = Callable[[int], list[int]]  # the records of an epoch


def shuffled(count: int, seed: int) -> Order:
    """Return the order of `count` records in each epoch: every record once."""

    def order(epoch: int) -> list[int]:
        found = list(range(count))
        random.Random(f"{seed}:{epoch}").shuffle(found)
        return found

    return order


def rows(
    tokens: Tokens,
    sequence: int,
    seed: int,
    whole: bool = False,
    order: Order | None = None,
    fit: bool = False,
) -> Iterator[Row]:
    """Yield packed rows for ever, epoch after epoch, each in its own shuffled order.

    With `whole`, a record is never cut in two by the end of a row (chats); only one longer than
    `sequence` is, and its rest is dropped. `order` gives the records of an epoch; `fit` (which
    implies `whole`) fills rows from pools of records instead of in order, see `packing.py`.
    """
    order = order or shuffled(len(tokens), seed)
    epoch = 0
    while len(tokens):
        for pieces in packed(tokens, order(epoch), sequence, whole, f"{seed}:{epoch}" * fit):
            yield _row(tokens, pieces)
        epoch += 1


def packed(
    tokens: Tokens, order: list[int], sequence: int, whole: bool, fit: str = ""
) -> Iterator[list[Piece]]:
    """Yield the pieces of each row of one epoch; with a seed `fit`, by best fit in pools."""
    if fit:
        lengths = [min(tokens.length(record), sequence) for record in order]
        for row in best_fit(lengths, sequence, fit):
            yield [(order[place], 0, lengths[place]) for place in row]
        return
    pieces: list[Piece] = []
    room = sequence
    for record in order:
        start, length = 0, tokens.length(record)
        if whole:
            length = min(length, sequence)
            if length > room:
                yield pieces
                pieces, room = [], sequence
        while start < length:
            take = min(room, length - start)
            pieces.append((record, start, start + take))
            start, room = start + take, room - take
            if room == 0:
                yield pieces
                pieces, room = [], sequence
    if pieces:
        yield pieces


def _row(tokens: Tokens, pieces: list[tuple[int, int, int]]) -> Row:
    ids, positions, weights = [], [], []
    for record, start, end in pieces:
        piece_ids, piece_weights = tokens.piece(record, start, end)
        ids.append(torch.from_numpy(np.array(piece_ids, np.int64)))
        positions.append(torch.arange(end - start))
        weight = torch.from_numpy(np.array(piece_weights))
        weight[0] = 0.0  # nothing before it in this row predicts it
        weights.append(weight)
    return Row(torch.cat(ids), torch.cat(positions), torch.cat(weights))
