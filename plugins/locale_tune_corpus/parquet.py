"""`parquet`: rows of a Parquet file, in small batches."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from locale_tune.api import Bad, Locale, Record, Source, Span
from locale_tune_corpus.fields import Fields, fields_of, record_of
from locale_tune_corpus.lines import LINE_LIMIT, label

BATCH_ROWS = 64  # a batch of rows near the limit stays at some 100 MB


def cut_parquet(source: Source, path: Path, size: int) -> tuple[Span, ...]:
    """Return spans of row groups; () for a file that is small or cannot be read."""
    if path.stat().st_size <= size:
        return ()
    try:
        with pq.ParquetFile(path) as file:
            groups = [file.metadata.row_group(n) for n in range(file.metadata.num_row_groups)]
            sizes = [(group.num_rows, group.total_byte_size) for group in groups]
    except (pa.ArrowException, OSError):
        return ()
    spans, start, first, rows, held = [], 0, 1, 0, 0
    for number, (count, length) in enumerate(sizes, 1):
        rows, held = rows + count, held + length
        if held >= size or number == len(sizes):
            spans.append(Span(start, number, first))
            start, first, rows, held = number, first + rows, 0, 0
    return tuple(spans)


def read_parquet(
    source: Source, path: Path, locale: Locale, span: Span | None = None
) -> Iterator[Record | Bad]:
    """Yield a Record per row; a damaged file ends in one Bad that names the row it broke at."""
    fields = fields_of(Fields, source)
    number = span.first - 1 if span else 0
    groups = range(span.start, span.stop) if span else None
    try:
        with pq.ParquetFile(path) as file:
            file_columns = set(file.schema_arrow.names)
            wanted = sorted(_columns(fields) & file_columns) or None
            for batch in file.iter_batches(BATCH_ROWS, groups, columns=wanted):
                for row in batch.to_pylist():
                    number += 1
                    if record := _record(row, fields, source, number):
                        yield record
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0]
        yield Bad(f"{label(source)}:{number + 1}", f"not readable from here on: {reason}")


def _columns(fields: Fields) -> set[str]:
    """Return the columns the options may mean; a template may mean any word in braces."""
    named = fields.model_dump(exclude={"fixed_choices", "turns", "keep", "skip", "choices"})
    values = [value for value in named.values() if isinstance(value, str)]
    values += [name for _, name in fields.turns] + [*fields.keep, *fields.skip]
    values += [fields.choices] if isinstance(fields.choices, str) else list(fields.choices)
    slots = {slot for value in values for slot in value.replace("}", "{").split("{")}
    return slots | set(values)


def _record(
    row: dict[str, Any], fields: Fields, source: Source, number: int
) -> Record | Bad | None:
    where = f"{label(source)}:{number}"
    for column, value in row.items():
        if isinstance(value, str) and len(value) > LINE_LIMIT:
            return Bad(
                where, f"field '{column}' is longer than {LINE_LIMIT} characters", value[:200]
            )
    return record_of(row, fields, source, where, number)
