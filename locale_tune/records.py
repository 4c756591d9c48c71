"""Records on disk: Parquet shards, written and read as a stream, never a corpus in memory.

pyarrow is imported when the first record is written or read, so the host starts without it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from locale_tune.schema import Message, Record

SHARD_ROWS = 50_000
BATCH_ROWS = 1_000


def write_records(folder: Path, records: Iterable[Record], shard_rows: int = SHARD_ROWS) -> int:
    """Write records as `part-00000.parquet`, ... into a new folder; return how many.

    A folder that exists is refused: a crashed run must not double its text.
    """
    folder.mkdir(parents=True)
    rows: list[dict[str, Any]] = []
    count = shard = 0
    for record in records:
        rows.append(_row(record))
        count += 1
        if len(rows) == shard_rows:
            _write_shard(folder / f"part-{shard:05d}.parquet", rows)
            rows, shard = [], shard + 1
    if rows:
        _write_shard(folder / f"part-{shard:05d}.parquet", rows)
    return count


def read_records(folder: Path) -> Iterator[Record]:
    """Yield the records of a folder in the order written; a missing folder holds none."""
    if not folder.exists():
        return
    import pyarrow.parquet as pq

    for path in sorted(folder.glob("*.parquet")):
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=BATCH_ROWS):
                for row in batch.to_pylist():
                    yield _record(row)


def _write_shard(path: Path, rows: list[dict[str, Any]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    text = pa.string()
    schema = pa.schema(
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
            ("meta", text),
        ]
    )
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path, compression="zstd")


def _row(record: Record) -> dict[str, Any]:
    row = record.model_dump()
    row["messages"] = [message.model_dump() for message in record.messages]
    row["choices"] = list(record.choices)
    row["meta"] = json.dumps(record.meta, ensure_ascii=False, sort_keys=True)
    return row


def _record(row: dict[str, Any]) -> Record:
    row["messages"] = tuple(Message(**message) for message in row["messages"])
    row["choices"] = tuple(row["choices"])
    row["meta"] = json.loads(row["meta"])
    return Record(**row)
