"""Room for new tokens in the input and output tables, and what their rows start from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn


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


WEIGHTS = {"edge": edge_weights, "mean": mean_weights}


def first_rows(table: Tensor, pieces: Sequence[Sequence[int]], name: str, side: str) -> Tensor:
    """Return first rows, float32 [len(pieces), d]: weighted sums of the old pieces' rows.

    `table` is [V, d] of any dtype; `name` is "edge" or "mean"; `side` is "input" or "output".
    """
    rows = torch.empty(len(pieces), table.shape[1], dtype=torch.float32, device=table.device)
    for place, ids in enumerate(pieces):
        weights = WEIGHTS[name](len(ids), side).to(table.device)
        rows[place] = weights @ table[list(ids)].float()
    return rows


def row_count(old_rows: int, largest_id: int) -> int:
    """Return rows for ids up to `largest_id`, in the base's multiple of 128 or 64; never fewer."""
    multiple = next(m for m in (128, 64, 1) if old_rows % m == 0)
    return max(old_rows, -(-(largest_id + 1) // multiple) * multiple)


class Tables:
    """A model's input and output tables, and the only rows of them that may change.

    The new rows are float32 parameters of their own, [k, d]; `write` copies them into the tables,
    by id. Nothing else writes to a table, so old rows stay as they were, bit for bit.
    """

    def __init__(self, model: Any, ids: Sequence[int]) -> None:
        self.input: nn.Parameter = model.get_input_embeddings().weight
        self.output: nn.Parameter = model.get_output_embeddings().weight
        self.tied = self.input is self.output
        self.ids = torch.tensor(list(ids), device=self.input.device)
        self.new_input = nn.Parameter(self.input.detach()[self.ids].float())
        self.new_output = (
            self.new_input if self.tied else nn.Parameter(self.output.detach()[self.ids].float())
        )
        # Place of each id among the new rows, or -1.
        self.slot = torch.full((self.input.shape[0],), -1, device=self.input.device)
        self.slot[self.ids] = torch.arange(len(self.ids), device=self.input.device)

    def parameters(self) -> list[nn.Parameter]:
        """Return what trains: one parameter when the tables are one."""
        return [self.new_input] if self.tied else [self.new_input, self.new_output]

    @torch.no_grad()
    def start(self, pieces: Sequence[Sequence[int]], name: str) -> None:
        """Set first rows from the old pieces; a tied row is the mean of both sides' rows."""
        as_input = first_rows(self.input, pieces, name, "input")
        as_output = first_rows(self.output, pieces, name, "output")
        if self.tied:
            as_input = (as_input + as_output) / 2
        else:
            self.new_output.copy_(as_output)
        self.new_input.copy_(as_input)
        self.write()

    @torch.no_grad()
    def write(self) -> None:
        """Copy the new rows into the tables, rounded to the tables' dtype."""
        self.input[self.ids] = self.new_input.to(self.input.dtype)
        if not self.tied:
            self.output[self.ids] = self.new_output.to(self.output.dtype)


@torch.no_grad()
def grow(model: Any, rows: int) -> None:
    """Give both tables `rows` rows and set `vocab_size`; spare rows hold the mean of the old.

    A mean row scores the mean logit, so ids that no token has take next to no probability.
    """
    embedding, head = model.get_input_embeddings(), model.get_output_embeddings()
    tied = embedding.weight is head.weight
    embedding.weight = _longer(embedding.weight, rows)
    head.weight = embedding.weight if tied else _longer(head.weight, rows)
    embedding.num_embeddings = head.out_features = rows
    model.config.get_text_config().vocab_size = rows


def _longer(table: nn.Parameter, rows: int) -> nn.Parameter:
    spare = rows - table.shape[0]
    if not spare:
        return nn.Parameter(table.detach().clone(), requires_grad=table.requires_grad)
    mean = table.detach().float().mean(dim=0).to(table.dtype)
    grown = torch.cat([table.detach(), mean.expand(spare, -1)])
    return nn.Parameter(grown, requires_grad=table.requires_grad)
