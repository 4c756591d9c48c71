"""`jsonl`: one JSON object per line; `json`: an array of objects."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from locale_tune.api import Bad, Locale, Record, Source, Span
from locale_tune_corpus import strict_json
from locale_tune_corpus.fields import Fields, Placed, fields_of, records
from locale_tune_corpus.json_items import read_items
from locale_tune_corpus.lines import bad_line, label, read_lines
from locale_tune_corpus.parts import line_spans


def cut_jsonl(source: Source, path: Path, size: int) -> tuple[Span, ...]:
    """Return the spans to read a large file in."""
    return line_spans(path, size)


def read_jsonl(
    source: Source, path: Path, locale: Locale, span: Span | None = None
) -> Iterator[Record | Bad]:
    """Yield a Record per line, or Bad with `file:line` and the reason. Blank lines are nothing."""
    yield from records(rows_of_jsonl(source, path, span), fields_of(Fields, source), source)


def read_json(source: Source, path: Path, locale: Locale) -> Iterator[Record | Bad]:
    """Yield a Record per object of a JSON array of any size, or Bad with its place and reason."""
    yield from records(rows_of_json(source, path), fields_of(Fields, source), source)


def rows_of_jsonl(source: Source, path: Path, span: Span | None = None) -> Iterator[Placed | Bad]:
    """Yield the object of each line, or Bad."""
    for line in read_lines(path, span=span):
        if line.problem:
            yield bad_line(source, line)
            continue
        if not line.text.strip():
            continue
        try:
            row = strict_json.parse(line.text)
        except ValueError as error:
            yield bad_line(source, line, str(error))
            continue
        if not isinstance(row, dict):
            yield bad_line(source, line, "the line is not a JSON object")
            continue
        yield Placed(row, f"{label(source)}:{line.number}", line.number)


def rows_of_json(source: Source, path: Path) -> Iterator[Placed | Bad]:
    """Yield the objects of an array, or Bad."""
    for item in read_items(source, path):
        yield item if isinstance(item, Bad) else Placed(item.value, item.where, item.number)
