"""Read a Parquet file as JSON lines, in a process that may die: `parquet_child.py FILE`.

A Parquet file of 22 KB can say 200 MB, and its metadata need not tell. pyarrow has no limit for
that, and a damaged file has made it crash. So this process limits its own memory and time; what
it writes is one JSON object per line (see `main`), and nothing else is imported here.
"""

from __future__ import annotations

import contextlib
import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

BATCH_ROWS = 64
ROW_LIMIT = 1 << 20  # characters of JSON, as for a line of `jsonl`
MEMORY, SECONDS = 192 << 20, 60
BROKEN = (pa.ArrowException, OSError, UnicodeDecodeError, ValueError, OverflowError, MemoryError)
Row = dict[str, Any]


def main() -> None:
    """Read {"path", "columns", "group", "stop"} from stdin; write the rows of these row groups.

    Lines written: {"names", "total", "groups"} are the columns, the number of the last row before
    "stop", and rows and bytes of every row group. Then, if columns were asked for, {"group",
    "first", "rows"} per row group, {"row", "value"} per good row and {"row", "reason", "lost"} per
    bad one or lost stretch.
    """
    asked = json.loads(sys.stdin.readline())
    limit_memory()
    for said in told(Path(asked["path"]), asked["columns"], asked["group"], asked["stop"]):
        line = json.dumps(said, default=foreign, ensure_ascii=False) + "\n"
        sys.stdout.buffer.write(line.encode())
    sys.stdout.buffer.flush()


def limit_memory() -> None:
    """Let the process have `MEMORY` bytes more than it has now, where the system can say so."""
    with contextlib.suppress(ImportError, OSError, ValueError, AttributeError):
        import resource

        status = Path("/proc/self/status").read_text()
        used = int(status.partition("VmData:")[2].split()[0]) << 10
        resource.setrlimit(resource.RLIMIT_DATA, (used + MEMORY, used + MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def told(path: Path, columns: list[str], start: int, stop: int | None) -> Iterator[Row]:
    """Yield what is to be said of a file, as `main` lists it."""
    try:
        with limited_time():
            file = opened(path)
        names, meta = file.schema_arrow.names, file.metadata
        each = [meta.row_group(number) for number in range(meta.num_row_groups)]
        groups = [group.num_rows for group in each][:stop]
        sizes = [[group.num_rows, group.total_byte_size] for group in each]
    except BROKEN as error:
        yield {"row": 1, "reason": f"not readable: {first_line(error)}", "lost": 1}
        return
    yield {"names": names, "total": sum(groups), "groups": sizes}
    wanted = [name for name in columns if name in names]
    if not wanted or any(names.count(name) > 1 for name in wanted):
        return  # the caller says what is wrong with the columns
    for group in range(start, len(groups)):
        first = sum(groups[:group]) + 1
        yield {"group": group, "first": first, "rows": groups[group]}
        yield from rows_of(path, group, wanted, first, groups[group])


def opened(path: Path) -> Any:
    """Open a Parquet file; pages that carry a checksum are checked against it."""
    return pq.ParquetFile(path, pre_buffer=False, page_checksum_verification=True)


def rows_of(path: Path, group: int, columns: list[str], first: int, rows: int) -> Iterator[Row]:
    """Yield the rows of one row group; what breaks in batches is read again row by row."""
    number = first
    for size in (BATCH_ROWS, 1):
        try:
            for said in batches(path, group, columns, size, number - first):
                yield {"row": number, **said}
                number += 1
        except BROKEN as error:
            broken = first_line(error)
            continue
        broken = "the rows end here" if number < first + rows else ""
        break
    if broken and (lost := first + rows - number) > 0:
        yield {"row": number, "reason": f"not readable from here on: {broken}", "lost": lost}


def batches(path: Path, group: int, columns: list[str], size: int, skip: int) -> Iterator[Row]:
    """Yield {"value"} or {"reason"} per row of a row group, without the first `skip` rows."""
    with opened(path) as file:
        made = file.iter_batches(size, row_groups=[group], columns=columns, use_threads=False)
        while True:
            sys.stdout.buffer.flush()  # what is read is safe, should the next step be the last
            with limited_time():
                batch = next(made, None)
            if batch is None:
                return
            dropped = min(skip, batch.num_rows)
            skip -= dropped
            yield from values(batch.slice(dropped))


def values(batch: pa.RecordBatch) -> Iterator[Row]:
    """Yield the rows of a batch; a value that is no Python value makes one bad row."""
    with limited_time():
        try:
            rows = [checked(row) for row in batch.to_pylist()]
        except BROKEN:
            rows = [alone(batch.slice(at, 1)) for at in range(batch.num_rows)]
    yield from rows


def alone(one: pa.RecordBatch) -> Row:
    """Return the only row of a batch, or why it cannot be read."""
    try:
        return checked(one.to_pylist()[0])
    except UnicodeDecodeError as error:
        return {"reason": f"text that is not UTF-8: {error.reason}", "lost": 1}
    except BROKEN as error:
        return {"reason": f"not readable: {first_line(error)}", "lost": 1}


def checked(row: Row) -> Row:
    """Return a row that is short enough, or say that it is not."""
    if size_of(row) > ROW_LIMIT:
        return {"reason": f"the row is longer than {ROW_LIMIT} characters", "lost": 1}
    return {"value": row}


def size_of(value: Any) -> int:
    """Return the characters of all texts in a value, names too, and one for any other item."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(size_of(name) + size_of(item) for name, item in value.items())
    return sum(map(size_of, value)) if isinstance(value, list | tuple) else 1


@contextlib.contextmanager
def limited_time() -> Iterator[None]:
    """Let the system end this process if one call into pyarrow takes longer than `SECONDS`."""
    if hasattr(signal, "alarm"):
        signal.alarm(SECONDS)
    yield
    if hasattr(signal, "alarm"):
        signal.alarm(0)


def foreign(value: Any) -> dict[str, str]:
    """Stand for a value that JSON has no type for by the name of its type."""
    return {"\0foreign": type(value).__name__}


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, shortened."""
    if isinstance(error, MemoryError):
        return f"it needs more than {MEMORY >> 20} MB of memory to unpack"
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


if __name__ == "__main__":
    main()
