"""Do new rows learn and old rows stay? One step for each loss, checked and taken back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from locale_tune.api import StageFailed
from locale_tune_tokenizer.embeddings.row_batches import Packed
from locale_tune_tokenizer.embeddings.row_losses import Setup
from locale_tune_tokenizer.embeddings.row_training import RowTrainer
from locale_tune_tokenizer.embeddings.rows import Tables

TRIED, TOGETHER = 256, 32
BLOCK = 8_192
REPORT = "report this model as a bug; leave 'extend' out of the pack's stages meanwhile"
Before = tuple[Tensor, Tensor]


def check_learning(
    setup: Setup, before: Before, losses: Sequence[str], *, lr: float, weight_decay: float
) -> dict[str, Any]:
    """Make one step per loss over up to 256 new tokens; check what moved; set the rows back.

    New rows of both sides must move and old rows must not; tied tables must stay one storage and
    untied ones two. `before` are the old tables. Raises StageFailed otherwise.
    """
    tables = setup.tables
    start = [row.detach().clone() for row in tables.parameters()]
    tried = _tried(tables)
    batch = trial(setup, tried)
    for loss in losses:
        RowTrainer(setup, lr=lr, weight_decay=weight_decay).step(loss, batch, 0)
        try:
            _check_moved(tables, start, tried, loss)
            check_old_rows(tables, before)
        finally:
            tables.set(start)
    _check_storage(tables, before)
    return {"passed": True, "losses": list(losses), "rows_tried": len(tried), "tied": tables.tied}


def trial(setup: Setup, tried: Sequence[int]) -> list[Packed]:
    """Return rows in which every tried token is read and predicted, up to 32 in each."""
    beside = setup.pieces[tried[0]][0]
    wide = min(TOGETHER, len(tried))
    count = -(-len(tried) // wide)
    filled = [tried[place % len(tried)] for place in range(count * wide)]
    rows = [filled[start : start + wide] for start in range(0, len(filled), wide)]
    return [Packed([beside, *row, beside], list(range(wide + 2))) for row in rows]


def _tried(tables: Tables) -> list[int]:
    """Return up to 256 new ids, the first and the last among them."""
    ids: list[int] = tables.ids.tolist()
    if len(ids) <= TRIED:
        return ids
    return [ids[place * (len(ids) - 1) // (TRIED - 1)] for place in range(TRIED)]


def _check_moved(tables: Tables, start: list[Tensor], tried: list[int], loss: str) -> None:
    slots = tables.slot[torch.tensor(tried, device=tables.slot.device)]
    for name, row, was in zip(("input", "output"), tables.parameters(), start, strict=False):
        moved = (row.detach()[slots] != was[slots]).any(dim=1)
        if not bool(moved.all()):
            raise StageFailed(
                f"{int((~moved).sum())} of {len(tried)} new {name} rows did not move in a step of "
                f"{loss} loss that they all took part in",
                f"raise extend.row_lr; if that does not help, {REPORT}",
            )


def _check_storage(tables: Tables, before: Before) -> None:
    was, now = before[0] is before[1], tables.input.data_ptr() == tables.output.data_ptr()
    if was != now or tables.tied != now:
        told = "one table became two" if was else "two tables became one"
        raise StageFailed(f"while the model grew, {told}", REPORT)


def check_old_rows(tables: Tables, before: Before) -> int:
    """Check that no old row moved, bit for bit; return how many there are.

    Rows of the old table that new tokens took over, inside its padding, are new rows.
    """
    old_rows = len(before[0])
    kept = torch.ones(old_rows, dtype=torch.bool, device=tables.ids.device)
    kept[tables.ids[tables.ids < old_rows]] = False
    for name, table, was in zip(
        ("input", "output"), (tables.input, tables.output), before, strict=True
    ):
        for at in range(0, old_rows, BLOCK):
            here, end = kept[at : at + BLOCK], min(at + BLOCK, old_rows)
            if not torch.equal(table.detach()[at:end][here], was.detach()[at:end][here]):
                raise StageFailed(
                    f"an old row of the {name} table moved while only new rows were to train",
                    REPORT,
                )
    return int(kept.sum())


def check_rows(tables: Tables, before: Before) -> dict[str, Any]:
    """Check that old rows stayed, and that every new id holds its trained row, all finite."""
    kept = check_old_rows(tables, before)
    for name, table, rows in zip(
        ("input", "output"),
        (tables.input, tables.output),
        (tables.new_input, tables.new_output),
        strict=True,
    ):
        written = table.detach()[tables.ids]
        if not bool(written.isfinite().all()):
            raise StageFailed(f"a new row of the {name} table is not finite", "lower extend.row_lr")
        if not torch.equal(written, rows.detach().to(table.dtype)):
            raise StageFailed(f"a new row of the {name} table does not hold its token", REPORT)
    return {
        "passed": True,
        "old_rows_unchanged": kept,
        "new_rows": len(tables.ids),
        "rows": len(tables.input),
    }
