"""The initialisers by name; those that need no more than the tables stand here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

from locale_tune.api import StageFailed
from locale_tune_tokenizer.embeddings.first_rows import First, Initializer, Sight, edge, mean
from locale_tune_tokenizer.embeddings.focus import focus
from locale_tune_tokenizer.embeddings.lexicon_rows import lexicon

HEWITT_VARIANCE = 1e-9
BLOCK = 4_096  # old rows at a time: their float32 copy and their share of the draw stay small


def hewitt(sight: Sight) -> First:
    """Draw rows from N(mu, 1e-9 Sigma) of the old rows that a token uses (John Hewitt, 2021).

    With Xc the centred old rows [V, d] and z ~ N(0, I_V), Xc^T z / sqrt(V) has the covariance
    Xc^T Xc / V = Sigma: no matrix is decomposed. Both sides take the same z, so that the rows of
    tied tables are one draw.
    """
    used = torch.tensor(sight.used())
    rows = {side: _drawn(table, used, sight) for side, table in _sides(sight).items()}
    return First(rows["input"], rows["output"], {"hewitt": len(sight.pieces)})


def _drawn(table: Tensor, used: Tensor, sight: Sight) -> Tensor:
    chance = torch.Generator().manual_seed(sight.seed)
    mu = _mean(table, used)
    rows = torch.zeros(len(sight.pieces), table.shape[1], device=table.device)
    for block in used.split(BLOCK):
        z = torch.randn(len(block), len(rows), generator=chance).to(table.device)
        rows += z.T @ (table[block.to(table.device)].float() - mu)
    return mu + rows * math.sqrt(HEWITT_VARIANCE / len(used))


def _mean(table: Tensor, used: Tensor) -> Tensor:
    total = torch.zeros(table.shape[1], dtype=torch.float64, device=table.device)
    for block in used.split(BLOCK):
        total += table[block.to(table.device)].sum(dim=0, dtype=torch.float64)
    return (total / len(used)).float()


def random(sight: Sight) -> First:
    """Draw every number from N(0, s), s the spread of the old rows in use; for comparison only."""
    used = torch.tensor(sight.used())
    rows = {}
    for side, table in _sides(sight).items():
        chance = torch.Generator().manual_seed(sight.seed)
        drawn = torch.randn(len(sight.pieces), table.shape[1], generator=chance)
        spread = table[used.to(table.device)].float().std()
        rows[side] = drawn.to(table.device) * spread
    return First(rows["input"], rows["output"], {"random": len(sight.pieces)})


def zero(sight: Sight) -> First:
    """Start both sides from zeros; for comparison only."""
    shape = (len(sight.pieces), sight.input.shape[1])
    empty = torch.zeros(shape, device=sight.input.device)
    return First(empty, empty.clone(), {"zero": len(sight.pieces)})


def _sides(sight: Sight) -> dict[str, Tensor]:
    return {"input": sight.input.detach(), "output": sight.output.detach()}


INITIALIZERS: Mapping[str, Initializer] = {
    "edge": edge,
    "mean": mean,
    "hewitt": hewitt,
    "focus": focus,
    "lexicon": lexicon,
    "random": random,
    "zero": zero,
}


def require(name: str, corpus: Path) -> None:
    """Check, before anything is learned, that an initialiser has what it needs.

    Raises StageFailed with what to install or to add.
    """
    if name == "focus" and find_spec("fasttext") is None:
        raise StageFailed(
            "extend.initializer = 'focus' needs fastText, which is not installed",
            "pip install 'locale-tune[corpus]', or set extend.initializer to 'edge'",
        )
    if name == "lexicon" and not any((corpus / "lexicon").glob("*.parquet")):
        raise StageFailed(
            "extend.initializer = 'lexicon' needs words with translations, and the corpus has none",
            'add a source with role = "lexicon", or turn the pack\'s own on (on = true), '
            "or set extend.initializer to 'edge'",
        )
