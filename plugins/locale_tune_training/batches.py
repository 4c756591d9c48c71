"""Rows of packed records: order is a pure function of (seed, epoch), position is one integer.

Records are encoded once into flat files in the job's work folder and read through a memory map, so
the corpus may be larger than memory. A row packs pieces of records up to `sequence` tokens; each
piece starts again at position 0, and the model keeps them apart by that (training.md, section 5).
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from locale_tune_training.encoding import Encoded


class Row(NamedTuple):
    """One packed row: ids, position_ids and weights, each [L]; weights are of predicting ids."""

    ids: Tensor
    positions: Tensor
    weights: Tensor


class Tokens:
    """Encoded records on disk: flat ids and weights, and where each record begins."""

    def __init__(self, folder: Path, offsets: np.ndarray) -> None:
        self.offsets = offsets
        self.total = int(offsets[-1])
        shape = (self.total,)
        if self.total:
            self._ids = np.memmap(folder / "ids.bin", np.int32, "r", shape=shape)
            self._weights = np.memmap(folder / "weights.bin", np.float32, "r", shape=shape)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def piece(self, record: int, start: int, end: int) -> tuple[np.ndarray, np.ndarray]:
        """Return ids and weights of tokens [start, end) of one record."""
        base = self.offsets[record]
        return self._ids[base + start : base + end], self._weights[base + start : base + end]

    def length(self, record: int) -> int:
        """Return how many tokens one record has."""
        return int(self.offsets[record + 1] - self.offsets[record])


def write_tokens(folder: Path, encoded: Iterable[Encoded]) -> Tokens:
    """Write encoded records into `folder` (replacing what is there) and open them."""
    folder.mkdir(parents=True, exist_ok=True)
    offsets = [0]
    with (folder / "ids.bin").open("wb") as ids, (folder / "weights.bin").open("wb") as weights:
        for record in encoded:
            if len(record.ids) < 2:  # nothing to predict
                continue
            np.asarray(record.ids, np.int32).tofile(ids)
            np.asarray(record.weights, np.float32).tofile(weights)
            offsets.append(offsets[-1] + len(record.ids))
    return Tokens(folder, np.asarray(offsets, np.int64))


def rows(tokens: Tokens, sequence: int, seed: int, whole: bool = False) -> Iterator[Row]:
    """Yield packed rows for ever, epoch after epoch, each in its own shuffled order.

    With `whole`, a record is never cut in two by the end of a row (chats); only one longer than
    `sequence` is, and its rest is dropped.
    """
    epoch = 0
    while len(tokens):
        order = list(range(len(tokens)))
        random.Random(f"{seed}:{epoch}").shuffle(order)
        yield from _pack(tokens, order, sequence, whole)
        epoch += 1


def _pack(tokens: Tokens, order: list[int], sequence: int, whole: bool) -> Iterator[Row]:
    pieces: list[tuple[int, int, int]] = []
    room = sequence
    for record in order:
        start, length = 0, tokens.length(record)
        if whole:
            length = min(length, sequence)
            if length > room:
                yield _row(tokens, pieces)
                pieces, room = [], sequence
        while start < length:
            take = min(room, length - start)
            pieces.append((record, start, start + take))
            start, room = start + take, room - take
            if room == 0:
                yield _row(tokens, pieces)
                pieces, room = [], sequence
    if pieces:
        yield _row(tokens, pieces)


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


def mixed(native: Iterator[Row], replay: Iterator[Row], share: float) -> Iterator[Row]:
    """Interleave rows so that after any n of them floor(n * share) came from `replay`."""
    count = 0
    while True:
        from_replay = int((count + 1) * share) > int(count * share)
        row = next(replay if from_replay else native, None)
        if row is None:
            return
        yield row
        count += 1
