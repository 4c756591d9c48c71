"""A tiny frozen model with rows that train, for the tests of the row-only warm-up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tiny import tiny_model, tiny_tokenizer
from tokenizers import Tokenizer

from locale_tune_tokenizer.embeddings.first_rows import Sight
from locale_tune_tokenizer.embeddings.row_batches import Packed
from locale_tune_tokenizer.embeddings.row_losses import Setup
from locale_tune_tokenizer.embeddings.rows import Tables
from locale_tune_tokenizer.formats.styles import BYTE_LEVEL

TOKENIZER = tiny_tokenizer()
NEW = [300, 305, 309]
PIECES = {300: [10, 11], 305: [12], 309: [13, 14, 15]}
F32 = torch.float32


def make(tied: bool = True, seed: int = 0, compute: torch.dtype = F32, **more: Any) -> Setup:
    """Return a model whose rows 300, 305 and 309 train."""
    torch.set_num_threads(1)
    model = tiny_model(TOKENIZER, seed=seed, tie_word_embeddings=tied, **more)
    model.eval().requires_grad_(False)
    return Setup(model, Tables(model, NEW), compute, PIECES)


def random_rows(count: int, length: int = 12, seed: int = 1) -> list[Packed]:
    """Return rows of one text each; every second token from the fourth to the eighth is new."""
    chance = torch.Generator().manual_seed(seed)
    ids = torch.randint(0, 290, (count, length), generator=chance)
    ids[:, 3:8:2] = torch.tensor(NEW)
    return [Packed(row, list(range(length))) for row in ids.tolist()]


def everything(setup: Setup) -> dict[str, torch.Tensor]:
    """Return a copy of all weights, and of the rows that train."""
    rows = {f"row {n}": row for n, row in enumerate(setup.tables.parameters())}
    named = {**setup.model.state_dict(), **rows}
    return {name: value.detach().clone() for name, value in named.items()}


def sight(tmp_path: Path, **given: Any) -> Sight:
    """Return what an initialiser may look at: two new tokens over a small tokenizer."""
    tokenizer: Any = Tokenizer.from_str(TOKENIZER.backend_tokenizer.to_str())
    chance = torch.Generator().manual_seed(3)
    table = torch.randn(len(TOKENIZER), 8, generator=chance)
    usual: dict[str, Any] = {
        "input": table,
        "output": table,
        "pieces": [[5, 6], [7, 8, 9]],
        "tokens": ["ab", "cde"],
        "old": tokenizer,
        "new": tokenizer,
        "style": BYTE_LEVEL,
        "corpus": tmp_path / "corpus",
        "work": tmp_path,
    }
    return Sight(**{**usual, **given})


Make = Callable[..., Setup]
