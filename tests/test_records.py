"""Records survive the disk, whatever they hold."""

from __future__ import annotations

import pytest

from locale_tune.records import read_records, write_records
from locale_tune.schema import Message, Record

RECORDS = [
    Record(id="1", source="s", lang="rm", text="Bun di, co vai?", meta={"group": "g"}),
    Record(
        id="2",
        source="s",
        messages=(
            Message(role="user", content="شلونك؟"),
            Message(role="assistant", content="بخير"),
        ),
    ),
    Record(id="3", source="s", question="?", choices=("a", "b"), answer=1),
    Record(id="4", source="s", text="a\u200cb\n\t", translation="x", variety="rm-puter"),
]


def test_written_is_read(tmp_path):
    assert write_records(tmp_path / "r", RECORDS, shard_rows=3) == 4
    assert len(list((tmp_path / "r").glob("*.parquet"))) == 2
    assert list(read_records(tmp_path / "r")) == RECORDS


def test_a_folder_that_exists_is_refused(tmp_path):
    write_records(tmp_path / "r", RECORDS)
    with pytest.raises(FileExistsError):
        write_records(tmp_path / "r", RECORDS)


def test_a_missing_folder_holds_none(tmp_path):
    assert list(read_records(tmp_path / "absent")) == []


def test_no_records_is_an_empty_folder(tmp_path):
    assert write_records(tmp_path / "r", iter(())) == 0
    assert list(read_records(tmp_path / "r")) == []
