"""`csv` and `tsv`: rows of columns, by name or (without a header) by number from 0."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from locale_tune.api import Bad, Locale, Record, Source
from locale_tune_corpus.fields import Fields, fields_of, record_of
from locale_tune_corpus.lines import LINE_LIMIT, Line, bad_line, label, read_lines

ROW_LINES = 1000


class TableOptions(Fields):
    """A table's own options beside the columns."""

    header: bool = True
    delimiter: str = ""
    quotes: bool | None = None


def read_csv(source: Source, path: Path, locale: Locale) -> Iterator[Record | Bad]:
    """Yield a Record per row of a comma-separated file with double quotes."""
    return _records(source, path, ",", quotes=True)


def read_tsv(source: Source, path: Path, locale: Locale) -> Iterator[Record | Bad]:
    """Yield a Record per row of a tab-separated file; quotes are letters unless asked for."""
    return _records(source, path, "\t", quotes=False)


def _records(source: Source, path: Path, delimiter: str, quotes: bool) -> Iterator[Record | Bad]:
    options = fields_of(TableOptions, source)
    quotes = quotes if options.quotes is None else options.quotes
    names: list[str] = []
    number = 0
    for line, row in _rows(path, options.delimiter or delimiter, quotes):
        if not row:
            yield bad_line(source, line)
            continue
        if not names:
            names = row if options.header else [str(index) for index in range(len(row))]
            if options.header:
                continue
        number += 1
        if len(row) != len(names):
            yield bad_line(source, line, f"{len(row)} columns where {len(names)} are expected")
            continue
        named, where = dict(zip(names, row, strict=True)), f"{label(source)}:{line.number}"
        if record := record_of(named, options, source, where, number):
            yield record


def _rows(path: Path, delimiter: str, quotes: bool) -> Iterator[tuple[Line, list[str]]]:
    """Yield each row with its first line; an empty row means the line has a problem.

    A quote that never closes would swallow the rest of the file. So a row grows line by line
    until its quotes are even; if that fails, only its first line is bad and reading goes on
    with the second.
    """
    lines = read_lines(path)
    waiting: deque[Line] = deque()
    while line := waiting.popleft() if waiting else next(lines, None):
        if line.problem:
            yield line, []
        elif line.text.strip():
            row, used, problem = _row(line, waiting, lines, delimiter, quotes)
            for _ in range(used):
                waiting.popleft()
            yield Line(line.number, line.text, problem), row


def _row(
    first: Line, waiting: deque[Line], lines: Iterator[Line], delimiter: str, quotes: bool
) -> tuple[list[str], int, str]:
    """Return the row that starts at `first`, how many waiting lines it used, and a problem."""
    parts, size = [first.text], len(first.text)
    open_quote = quotes and first.text.count('"') % 2 == 1
    while open_quote:
        used = len(parts) - 1
        if used == len(waiting) and (new := next(lines, None)):
            waiting.append(new)
        if used == len(waiting) or waiting[used].problem:
            return [], 0, "a quote is never closed"
        parts.append(waiting[used].text)
        size += len(parts[-1])
        if used == ROW_LINES or size > LINE_LIMIT:
            return [], 0, f"a quote is not closed within {ROW_LINES} lines and a megabyte"
        open_quote = parts[-1].count('"') % 2 == 0
    try:
        return _parse("\n".join(parts), delimiter, quotes), len(parts) - 1, ""
    except csv.Error as error:
        several = "a quote opens here and does not close well" if len(parts) > 1 else "not a row"
        return [], 0, f"{several}: {error}"


def _parse(text: str, delimiter: str, quotes: bool) -> list[str]:
    csv.field_size_limit(LINE_LIMIT)
    if not quotes:
        return text.split(delimiter)
    rows = list(csv.reader([text], delimiter=delimiter, strict=True))
    return rows[0] if len(rows) == 1 else []
