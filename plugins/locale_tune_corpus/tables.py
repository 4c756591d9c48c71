"""`csv` and `tsv`: rows of columns, by name or (without a header) by number from 0."""

from __future__ import annotations

import csv
from collections import Counter, deque
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from pydantic import Field

from locale_tune.api import Bad, Locale, PackError, Record, Settings, Source
from locale_tune_corpus.fields import Fields, Placed, columns_of, fields_of, records
from locale_tune_corpus.lines import LINE_LIMIT, Line, bad_line, label, read_lines

ROW_LINES = 1000
JUDGED_ROWS = 100


class TableShape(Settings):
    """A table's own options beside the columns."""

    header: bool = True
    delimiter: str = Field(default="", pattern=r'^[^"\r\n]*$')
    quotes: bool | None = None


class TableOptions(TableShape, Fields):
    """All options of a table."""


class Style(NamedTuple):
    """How the rows of one file are written."""

    delimiter: str
    quotes: bool


CSV, TSV = Style(",", quotes=True), Style("\t", quotes=False)


def read_csv(source: Source, path: Path, locale: Locale) -> Iterator[Record | Bad]:
    """Yield a Record per row of a comma-separated file with double quotes."""
    return _records(source, path, CSV)


def read_tsv(source: Source, path: Path, locale: Locale) -> Iterator[Record | Bad]:
    """Yield a Record per row of a tab-separated file; quotes are letters unless asked for."""
    return _records(source, path, TSV)


def _records(source: Source, path: Path, usual: Style) -> Iterator[Record | Bad]:
    options = fields_of(TableOptions, source)
    yield from records(
        rows_of_table(source, path, options, columns_of(options), usual), options, source
    )


def rows_of_table(
    source: Source, path: Path, shape: TableShape, used: set[str], usual: Style
) -> Iterator[Placed | Bad]:
    """Yield the rows of a table, or Bad. None of the columns that are `used` may stand twice."""
    style = _style(source, shape, usual)
    names = [] if shape.header else _numbers(path, style)
    header, number = shape.header, 0
    for line, row in _rows(path, style, names):
        if header:
            if problem := line.problem or _doubled(row, used):
                shown = f"the header cannot be used: {problem}" if line.number else problem
                yield bad_line(source, line, shown)
                return
            names += row
            header = False
            continue
        number += 1
        if line.problem:
            yield bad_line(source, line)
            continue
        named = dict(zip(names, row, strict=True))
        yield Placed(named, f"{label(source)}:{line.number}", number)


def _style(source: Source, options: TableShape, usual: Style) -> Style:
    quotes = usual.quotes if options.quotes is None else options.quotes
    style = Style(options.delimiter or usual.delimiter, quotes)
    if style.quotes and len(style.delimiter) > 1:
        raise PackError(
            f"option 'delimiter' of source '{source.id}' ({source.kind}) is not one character",
            "where quotes enclose, one character delimits; without them (quotes = false) more may",
        )
    return style


def _doubled(names: list[str], used: set[str]) -> str:
    """Say which column that the options use is there twice: which of the two is meant?"""
    twice = [name for name in names if names.count(name) > 1 and name in used]
    return f"the column '{twice[0]}' stands twice" if twice else ""


def _numbers(path: Path, style: Style) -> list[str]:
    """Name the columns of a file without a header: as many as most of its first rows have."""
    lengths = (len(row) for _, row in _rows(path, style, []) if row)
    widths = Counter(islice(lengths, JUDGED_ROWS))
    return [str(number) for number in range(max(widths, key=lambda n: widths[n], default=0))]


def _rows(path: Path, style: Style, names: list[str]) -> Iterator[tuple[Line, list[str]]]:
    """Yield each row with its first line; the line says what is wrong with the row.

    A row must have as many columns as there are `names` (filled by the caller when it has seen
    the header). A quote that never closes would swallow the rest of the file. So a row grows line
    by line until its quotes are even; if that fails, or if columns are missing then, only its
    first line is bad and reading goes on with the second.
    """
    lines = read_lines(path)
    waiting: deque[Line] = deque()
    while line := waiting.popleft() if waiting else next(lines, None):
        if line.problem:
            yield line, []
        elif line.text.strip():
            row, used, problem = _row(line, waiting, lines, style)
            if row and names and len(row) != len(names):
                problem = f"{len(row)} columns where {len(names)} are expected"
                used = 0 if len(row) < len(names) else used
            for _ in range(used):
                waiting.popleft()
            yield Line(line.number, line.text, problem), row


def _row(
    first: Line, waiting: deque[Line], lines: Iterator[Line], style: Style
) -> tuple[list[str], int, str]:
    """Return the row that starts at `first`, how many waiting lines it used, and a problem."""
    parts, size = [first.text], len(first.text)
    open_quote = style.quotes and first.text.count('"') % 2 == 1
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
        return _parse("\n".join(parts), style), len(parts) - 1, ""
    except csv.Error as error:
        several = "a quote opens here and does not close well" if len(parts) > 1 else "not a row"
        return [], 0, f"{several}: {error}"


def _parse(text: str, style: Style) -> list[str]:
    csv.field_size_limit(LINE_LIMIT)
    if not style.quotes:
        return text.split(style.delimiter)
    rows = list(csv.reader([text], delimiter=style.delimiter, strict=True))
    if len(rows) != 1:
        raise csv.Error("a quote opens in the middle of a column")
    return rows[0]
