"""Pairs of answers to one prompt, packed: two records to a pair, a pair always in one row.

The module maps a packed row of pairs to their summed loss. Log-probabilities of whole answers come
first, without gradient; the derivative of the loss by each of them is then the weight of its tokens
in the fused cross-entropy. So the gradient is exact and full logits never exist.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from locale_tune.api import Message, Record
from locale_tune_training.attention import Records
from locale_tune_training.batches import AnyRow, Order, PairRow, Tokens, write_tokens
from locale_tune_training.encoding import Encoded, Encoder
from locale_tune_training.loss import Sums, fused_ce, token_logps
from locale_tune_training.model import LossModule
from locale_tune_training.preferences import Logps, Loss
from locale_tune_training.shared import shared_beginnings

CUT = "cut_off"  # in `meta`: the sides ("chosen", "rejected") whose answer was not ended


class PairModule(LossModule):
    """Map a packed row of pairs to the sum of their losses."""

    def __init__(self, model: Any, loss: Loss) -> None:
        super().__init__(without_dropout(model))
        self.loss = loss

    def forward(self, row: AnyRow) -> Sums:
        """Return the sums over one row; `weight` counts the pairs whose tokens weigh something."""
        assert isinstance(row, PairRow)
        hidden, ids = self.states(row), self._on_device(row.ids)
        policy, counts, lengths = self._summed(row, hidden.detach())
        leaf = policy.requires_grad_()
        with torch.enable_grad():
            losses = self.loss(logps_of(self.loss, leaf, self._on_device(row.reference), counts))
            if self.loss.name == "rloo":
                losses = losses * self._on_device(row.gaps)
            counted = (counts[::2] > 0).to(losses.dtype)
            total = (losses * counted).sum()
            slopes = torch.autograd.grad(total, leaf)[0]
        by_token = slopes.repeat_interleave(lengths) * (self._on_device(row.weights) != 0)
        # d loss / d NLL of a token is minus the derivative by its answer's log-probability.
        pulling = fused_ce(hidden[:-1], labels=ids[1:], weights=-by_token[1:], **self.head())
        loss = pulling.loss + (total.detach().to(pulling.loss.dtype) - pulling.loss.detach())
        return Sums(loss, -policy.detach()[::2].sum(), counted.sum())

    def states(self, row: AnyRow) -> Tensor:
        """Return the last hidden states [L, H]; what a pair has in common is computed once."""
        if not self.by_records:
            return super().states(row)
        kept, places = shared_beginnings(row.ids, row.positions)
        records = Records(row.positions, kept, places)
        hidden = self._hidden(row.ids[kept], row.positions[kept], records)
        # Where attention does not know of records, the row must stay as it is.
        return hidden.index_select(0, places) if records.used else super().states(row)

    def logps(self, row: PairRow) -> Tensor:
        """Return the summed log-probabilities of the records of one row, float64 [2 pairs]."""
        with torch.no_grad():
            return self._summed(row, self.states(row))[0]

    def _summed(self, row: PairRow, hidden: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return log-probabilities, tokens counted and length of each record, [2 pairs] each."""
        sizes = Records(row.positions).lengths
        ids, keep = self._on_device(row.ids), self._on_device(row.weights) != 0
        found = torch.zeros(len(ids), dtype=torch.float64, device=hidden.device)
        kept = keep[1:]
        known = token_logps(hidden[:-1][kept], labels=ids[1:][kept], **self.head())
        found[1:][kept] = known.to(torch.float64)
        sums = torch.stack([part.sum() for part in found.split(sizes)])
        counts = torch.stack([part.sum() for part in keep.split(sizes)])
        return sums, counts, torch.tensor(sizes, device=hidden.device)


def without_dropout(model: Any) -> Any:
    """Switch dropout off. The reference is measured without it, so the noise of the policy would
    look like answers that became less likely, which DPOP punishes."""
    for part in model.modules():
        for name, value in list(vars(part).items()):
            is_rate = "drop" in name or (name == "p" and "Dropout" in type(part).__name__)
            if isinstance(value, float) and is_rate:
                setattr(part, name, 0.0)
    return model


def logps_of(loss: Loss, policy: Tensor, reference: Tensor, counts: Tensor) -> Logps:
    """Return policy and reference [2 pairs] as the loss takes them: sums, or means over tokens."""
    if loss.name == "dpo-length":
        policy, reference = (sums / counts.clamp(min=1) for sums in (policy, reference))
    return Logps(policy[::2], policy[1::2], reference[::2], reference[1::2])


class Pairs(NamedTuple):
    """Encoded pairs: records 2p and 2p + 1 are pair p. `ids` and `gaps` are [pairs]."""

    tokens: Tokens
    ids: tuple[str, ...]
    gaps: tuple[float, ...]
    too_long: int

    def __len__(self) -> int:
        return len(self.ids)

    def size(self, pair: int) -> int:
        """Return how many tokens both records of a pair have."""
        return self.tokens.length(2 * pair) + self.tokens.length(2 * pair + 1)


def encode_pairs(records: Iterable[Record], encoder: Encoder, sequence: int, folder: Path) -> Pairs:
    """Write the pairs of `records` into `folder`; one that fills more than a row is left out."""
    ids: list[str] = []
    gaps: list[float] = []
    left_out = 0

    def encoded() -> Iterator[Encoded]:
        nonlocal left_out
        for record in records:
            cut = record.meta.get(CUT, "").split()
            sides = (("chosen", record.messages), ("rejected", other_side(record)))
            pair = [answer(encoder, said, ended=side not in cut) for side, said in sides]
            if sum(len(side.ids) for side in pair) > sequence:
                left_out += 1
                continue
            ids.append(record.id)
            gaps.append(float(record.meta.get("gap", "0")))
            yield from pair

    tokens = write_tokens(folder, encoded())
    return Pairs(tokens, tuple(ids), tuple(gaps), left_out)


def other_side(record: Record) -> tuple[Message, ...]:
    """Return the chat with the rejected answer in place of its last one."""
    return (*record.messages[:-1], Message(role="assistant", content=record.rejected))


def answer(encoder: Encoder, messages: Sequence[Message], ended: bool = True) -> Encoded:
    """Encode a chat so that only its last answer counts: earlier ones are part of the prompt."""
    chat = encoder.chat(messages, ended=ended)
    weights: list[float] = []
    for counts, run in groupby(chat.weights, bool):
        if counts:
            weights = [0.0] * len(weights)
        weights += run
    return Encoded(chat.ids, weights)


def pair_rows(
    pairs: Pairs, sequence: int, order: Order, reference: np.ndarray | None = None
) -> Iterator[PairRow]:
    """Yield packed rows of pairs for ever, epoch after epoch, in the order of each.

    `reference` is [2 pairs]; without it the rows say 0.
    """
    epoch = 0
    known = np.zeros(2 * len(pairs)) if reference is None else reference
    while len(pairs):
        for packed in packed_pairs(pairs, sequence, order(epoch)):
            yield pair_row(pairs, packed, known)
        epoch += 1


def packed_pairs(pairs: Pairs, sequence: int, order: Sequence[int]) -> Iterator[list[int]]:
    """Yield the pairs of each row of one epoch, in order."""
    packed: list[int] = []
    room = sequence
    for pair in order:
        if pairs.size(pair) > room and packed:
            yield packed
            packed, room = [], sequence
        packed.append(pair)
        room -= pairs.size(pair)
    if packed:
        yield packed


def pair_row(pairs: Pairs, packed: Sequence[int], reference: np.ndarray) -> PairRow:
    """Return the row that holds these pairs."""
    records = [2 * pair + side for pair in packed for side in (0, 1)]
    parts = [pairs.tokens.piece(record, 0, pairs.tokens.length(record)) for record in records]
    return PairRow(
        torch.cat([torch.from_numpy(np.array(ids, np.int64)) for ids, _ in parts]),
        torch.cat([torch.arange(len(ids)) for ids, _ in parts]),
        torch.cat([torch.from_numpy(np.array(weights)) for _, weights in parts]),
        torch.from_numpy(np.array(reference[records], np.float64)),
        torch.tensor([pairs.gaps[pair] for pair in packed], dtype=torch.float64),
    )
