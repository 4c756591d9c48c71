"""`jsonl`: one JSON object per line; `json`: an array of objects."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from locale_tune.api import Bad, Locale, Record, Source, Span
from locale_tune_corpus import strict_json
from locale_tune_corpus.fields import Fields, fields_of, record_of
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
    fields = fields_of(Fields, source)
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
        where = f"{label(source)}:{line.number}"
        record = record_of(row, fields, source, where, line.number)
        if record:
            yield record


def read_json(source: Source, path: Path, locale: Locale) -> Iterator[Record | Bad]:
    """Yield a Record per object of a JSON array of any size, or Bad with its place and reason."""
    fields = fields_of(Fields, source)
    for item in read_items(source, path):
        if isinstance(item, Bad):
            yield item
        elif record := record_of(item.value, fields, source, item.where, item.number):
            yield record
