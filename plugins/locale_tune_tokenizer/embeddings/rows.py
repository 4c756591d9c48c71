"""Room for new tokens in the input and output tables, and the only rows of them that may change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from locale_tune_tokenizer.embeddings.first_rows import First


def row_count(old_rows: int, largest_id: int) -> int:
    """Return rows for ids up to `largest_id`, in the base's multiple of 128 or 64; never fewer."""
    multiple = next(m for m in (128, 64, 1) if old_rows % m == 0)
    return max(old_rows, -(-(largest_id + 1) // multiple) * multiple)


def embedding_scale(embedding: nn.Module) -> float:
    """Return what an embedding multiplies its rows with: 1, or sqrt(d) in Gemma."""
    scale = getattr(embedding, "embed_scale", 1.0)
    return float(scale.item() if isinstance(scale, torch.Tensor) else scale)


class Tables:
    """A model's input and output tables, and the only rows of them that may change.

    The new rows are float32 parameters of their own, [k, d]; `write` copies them into the tables,
    by id. Nothing else writes to a table, so old rows stay as they were, bit for bit. `scale` is
    what the model multiplies an input row with.
    """

    def __init__(self, model: Any, ids: Sequence[int]) -> None:
        self.scale = embedding_scale(model.get_input_embeddings())
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
    def start(self, first: First) -> None:
        """Set the first rows; a tied row is the mean of both sides' rows."""
        rows = [(first.input + first.output) / 2] if self.tied else [first.input, first.output]
        self.set(rows)

    @torch.no_grad()
    def set(self, rows: Sequence[torch.Tensor]) -> None:
        """Set what trains, one tensor [k, d] per entry of `parameters()`, and write it."""
        for parameter, row in zip(self.parameters(), rows, strict=True):
            parameter.copy_(row)
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
