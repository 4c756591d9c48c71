"""Parquet rows obey the same rules as lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from corpus_support import Read

from locale_tune.api import Bad, Record


def table(tmp_path: Path, columns: dict[str, Any]) -> bytes:
    path = tmp_path / "made"
    pq.write_table(pa.table(columns), path)
    return path.read_bytes()


@pytest.mark.parametrize("place", [0, 1, 3])
def test_one_bad_row_is_named_and_the_others_stay(read: Read, tmp_path: Path, place: int) -> None:
    values: list[str | None] = ["a", "b", "c"]
    values.insert(place, None)
    items = read("parquet", table(tmp_path, {"t": values, "n": [1, 2, 3, 4]}), text="t")
    assert [item.text for item in items if isinstance(item, Record)] == ["a", "b", "c"]
    [bad] = [item for item in items if isinstance(item, Bad)]
    assert (bad.where, bad.reason) == (f"toy.parquet:{place + 1}", "field 't' is null, not text")


def test_templates_and_lists_find_their_columns(read: Read, tmp_path: Path) -> None:
    data = table(tmp_path, {"q": ["Tge?"], "c": [["a", "b"]], "k": [1], "unused": ["z"]})
    [record] = read("parquet", data, question="Bun di. {q}", choices="c", answer="k")
    assert (record.question, record.choices, record.answer) == ("Bun di. Tge?", ("a", "b"), 1)


def test_a_cell_out_of_proportion_is_one_bad_row(read: Read, tmp_path: Path) -> None:
    items = read("parquet", table(tmp_path, {"t": ["x" * (2 << 20), "good"]}), text="t")
    assert [isinstance(item, Bad) for item in items] == [True, False]


@pytest.mark.parametrize("cut", [0, 10, 200])
def test_a_damaged_file_is_told(read: Read, tmp_path: Path, cut: int) -> None:
    items = read("parquet", table(tmp_path, {"t": ["a"] * 9})[:cut], text="t")
    assert [isinstance(item, Bad) for item in items] == [True]
