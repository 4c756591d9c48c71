"""Records on disk: Parquet shards, written and read as a stream, never a corpus in memory.

pyarrow is imported when the first record is written or read, so the host starts without it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from locale_tune.schema import Message, Record

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

SHARD_ROWS = 50_000
BATCH_ROWS = 1_000  # rows of one row group: what is held in memory at a time


def write_records(folder: Path, records: Iterable[Record], shard_rows: int = SHARD_ROWS) -> int:
    """Write records as `part-00000.parquet`, ... into a new folder; return how many.

    A folder that exists is refused: a crashed run must not double its text.
    """
    return write_tables(folder, _tables(records), shard_rows)


def write_tables(folder: Path, tables: Iterable[pa.Table], shard_rows: int = SHARD_ROWS) -> int:
    """Write tables of records (as `read_tables` yields them) the way `write_records` does.

    The files depend on the rows alone, not on how they were cut into tables.
    """
    folder.mkdir(parents=True)
    with _Shards(folder, shard_rows) as shards:
        for table in tables:
            shards.add(table)
    return shards.count


def read_records(folder: Path) -> Iterator[Record]:
    """Yield the records of a folder in the order written; a missing folder holds none."""
    for table in read_tables(folder):
        yield from records_of(table)


def read_tables(folder: Path) -> Iterator[pa.Table]:
    """Yield the records of a folder in the order written, as tables of at most 1,000 rows."""
    if not folder.exists():
        return
    import pyarrow as pa
    import pyarrow.parquet as pq

    for path in sorted(folder.glob("*.parquet")):
        with pq.ParquetFile(path, pre_buffer=False) as file:  # whole row groups would be held
            for batch in file.iter_batches(batch_size=BATCH_ROWS, use_threads=False):
                yield pa.Table.from_batches([batch])


def records_of(table: pa.Table) -> Iterator[Record]:
    """Yield the records of a table that `read_tables` gave."""
    for row in table.to_pylist():
        row["messages"] = tuple(Message(**message) for message in row["messages"])
        row["choices"] = tuple(row["choices"])
        row["meta"] = json.loads(row["meta"])
        yield Record(**row)


class _Shards:
    """Writes tables as row groups of 1,000 rows, and a new file every `shard_rows` rows."""

    def __init__(self, folder: Path, shard_rows: int) -> None:
        self.count = 0
        self._folder, self._shard_rows = folder, shard_rows
        self._waiting: list[pa.Table] = []
        self._file: pq.ParquetWriter | None = None

    def __enter__(self) -> _Shards:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if error is None:
            self._write(self._room())
        if self._file:
            self._file.close()

    def add(self, table: pa.Table) -> None:
        """Take a table; whole row groups are written at once."""
        self._waiting.append(table)
        while sum(table.num_rows for table in self._waiting) >= self._room():
            self._write(self._room())

    def _room(self) -> int:
        return min(BATCH_ROWS, self._shard_rows - self.count % self._shard_rows)

    def _write(self, most: int) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        if not (waiting := [table for table in self._waiting if table.num_rows]):
            return
        table = pa.concat_tables(waiting)
        group, rest = table.slice(0, most).combine_chunks(), table.slice(most)
        if not self._file:
            path = self._folder / f"part-{self.count // self._shard_rows:05d}.parquet"
            self._file = pq.ParquetWriter(path, group.schema, compression="zstd")
        self._file.write_table(group)
        self.count += group.num_rows
        self._waiting = [rest]
        if self.count % self._shard_rows == 0:
            self._file.close()
            self._file = None


def _tables(records: Iterable[Record]) -> Iterator[pa.Table]:
    import pyarrow as pa

    schema = _schema()
    rows = []
    for record in records:
        rows.append(_row(record))
        if len(rows) == BATCH_ROWS:
            yield pa.Table.from_pylist(rows, schema=schema)
            rows = []
    if rows:
        yield pa.Table.from_pylist(rows, schema=schema)


def _schema() -> pa.Schema:
    import pyarrow as pa

    text = pa.string()
    return pa.schema(
        [
            ("id", text),
            ("source", text),
            ("lang", text),
            ("variety", text),
            ("text", text),
            ("messages", pa.list_(pa.struct([("role", text), ("content", text)]))),
            ("question", text),
            ("choices", pa.list_(text)),
            ("answer", pa.int32()),
            ("translation", text),
            ("rejected", text),
            ("meta", text),
        ]
    )


def _row(record: Record) -> dict[str, Any]:
    row = record.model_dump()
    row["messages"] = [message.model_dump() for message in record.messages]
    row["choices"] = list(record.choices)
    row["meta"] = json.dumps(record.meta, ensure_ascii=False, sort_keys=True)
    return row
