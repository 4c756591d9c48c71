"""The checks of the certificate on the weights: no row lost, no old row moved, new rows sound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from locale_tune_tokenizer.checks.case import fail
from locale_tune_tokenizer.checks.stored_tables import Table, Tables


def row_counts(base: Tables, extended: Tables, ids: Mapping[str, int]) -> dict[str, Any]:
    """Check that there is a row for every id, and never fewer than the base has.

    Matrices are padded for speed and for tensor parallelism; growing one by the usual call can
    shrink it. `ids` are all tokens of the extended tokenizer.
    """
    for side, table in extended.named().items():
        if table.shape[0] < base.rows:
            fail("rows", f"the {side} table shrank from {base.rows} rows to {table.shape[0]}")
        if table.shape[0] <= max(ids.values()):
            fail(
                "rows", f"the {side} table has {table.shape[0]} rows, ids go to {max(ids.values())}"
            )
        if table.shape[1] != base.input.shape[1]:
            fail("rows", f"the {side} table is {table.shape[1]} wide, not {base.input.shape[1]}")
    if extended.config.get("vocab_size") != extended.rows:
        stated = extended.config.get("vocab_size")
        fail("rows", f"config.json says vocab_size {stated}, the table has {extended.rows} rows")
    return {"rows_before": base.rows, "rows_after": extended.rows, "largest_id": max(ids.values())}


def same_tying(base: Tables, extended: Tables) -> dict[str, Any]:
    """Check that tied tables stay tied, and untied ones two."""
    if base.tied != extended.tied:
        was, now = ("tied" if tables.tied else "untied" for tables in (base, extended))
        fail("tying", f"the tables were {was} and are {now}")
    stated = [bool(tables.config.get("tie_word_embeddings")) for tables in (base, extended)]
    if stated[0] != stated[1]:
        fail("tying", f"config.json said tie_word_embeddings {stated[0]} and says {stated[1]}")
    if extended.tied and extended.output is not None:
        one, two = extended.input, extended.output
        for first, last in one.chunks(min(len(one.data), len(two.data))):
            if not np.array_equal(one.data[first:last], two.data[first:last]):
                fail("tying", "the tables are tied, and the file holds two different ones")
    return {"tied": extended.tied}


def old_rows(base: Tables, extended: Tables, new_ids: Sequence[int]) -> dict[str, Any]:
    """Check that every row but the new ones is the base's, bit for bit (widened where need be)."""
    new = set(new_ids)
    later = extended.named()
    for side, table in base.named().items():
        if side not in later:
            fail("old rows", f"the {side} table is gone")
        for first, last in table.chunks(min(table.shape[0], later[side].shape[0])):
            was, now = table.rows(first, last), later[side].rows(first, last)
            same = (was.view(np.uint32) == now.view(np.uint32)).all(axis=1)
            moved = [first + int(n) for n in np.flatnonzero(~same) if first + int(n) not in new]
            if moved:
                fail("old rows", f"row {moved[0]} of the {side} table is not the base's")
    return {"unchanged": base.rows - sum(number < base.rows for number in new)}


def new_rows(extended: Tables, new_ids: Sequence[int]) -> dict[str, Any]:
    """Check that the rows of new tokens are finite, not zero, and not all the same."""
    for side, table in extended.named().items():
        if new_ids:
            _sound(side, table, sorted(new_ids))
    return {"new_rows": len(new_ids)}


def _sound(side: str, table: Table, ids: list[int]) -> None:
    alike = True
    like = table.rows(ids[0], ids[0] + 1)[0]
    for number in ids:
        row = table.rows(number, number + 1)[0]
        if not np.isfinite(row).all():
            fail("new rows", f"row {number} of the {side} table is not finite")
        if not row.any():
            fail("new rows", f"row {number} of the {side} table is zero")
        alike = alike and bool(np.array_equal(row, like))
    if alike and len(ids) > 1:
        fail("new rows", f"all {len(ids)} new rows of the {side} table are the same")
