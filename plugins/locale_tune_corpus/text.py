"""`text`: plain text by lines, paragraphs or whole files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from locale_tune.api import Bad, Locale, Record, Settings, Source, Span
from locale_tune_corpus.fields import options_of
from locale_tune_corpus.lines import Line, bad_line, label, read_lines
from locale_tune_corpus.parts import line_spans

BLOCK_LIMIT = 1 << 20
FILE_LIMIT = 16 << 20


class TextOptions(Settings):
    """What makes one record: a line, a paragraph, the file; or `join` lines that follow.

    Lines that hold one of the texts in `leave_out` (footnotes, page heads) are skipped. With
    `begin` a record begins at each line that it matches; its first group, after `items`, is the
    record's item and group, the same in all languages of a law whose articles are numbered.
    """

    mode: Literal["lines", "paragraphs", "file"] = "lines"
    join: int = Field(default=1, ge=1)
    leave_out: tuple[str, ...] = ()
    begin: str = ""
    items: str = ""
    pair_with: str | tuple[str, ...] = ""

    @field_validator("begin")
    @classmethod
    def _has_one_group(cls, begin: str) -> str:
        try:
            groups = re.compile(begin).groups
        except re.error as error:
            raise ValueError(f"is no regular expression: {error}") from None
        if begin and groups != 1:
            raise ValueError("must have one group in parentheses, which names the item")
        return begin


def cut_text(source: Source, path: Path, size: int) -> tuple[Span, ...]:
    """Return the spans to read a large file in, where every line is a record of its own."""
    options = options_of(TextOptions, source)
    alone = options.mode == "lines" and options.join == 1 and not options.begin
    return line_spans(path, size) if alone else ()


def read_text(
    source: Source, path: Path, locale: Locale, span: Span | None = None
) -> Iterator[Record | Bad]:
    """Yield records of plain UTF-8 text. A line that is not text is Bad and ends its record.

    With `join` such a line still takes its place, so that the lines after it stay together as
    they were. A record too long (1 MiB; 16 MiB with `mode = "file"`) goes on in a second one.
    """
    options = options_of(TextOptions, source)
    size, limit = 0, FILE_LIMIT if options.mode == "file" else BLOCK_LIMIT
    block: list[Line] = []
    place, item = 0, ""
    for line in read_lines(path, span=span):
        if not line.problem and any(part in line.text for part in options.leave_out):
            continue
        blank = not line.problem and not line.text.strip()
        begins = re.match(options.begin, line.text) if options.begin else None
        full = options.mode == "lines" and place == options.join and not options.begin
        if (
            full
            or begins
            or line.problem
            or size > limit
            or (blank and options.mode == "paragraphs")
        ):
            yield from _block(source, block, item)
            block, size = [], 0
            item = f"{options.items}{begins[1]}" if begins else ""
        place = (0 if full else place) + (not blank)
        if line.problem:
            yield bad_line(source, line)
        elif not blank or (block and options.mode == "file"):
            block.append(line)
            size += len(line.text)
    yield from _block(source, block, item)


def _block(source: Source, block: list[Line], item: str) -> Iterable[Record]:
    if block:
        meta = {"item": item, "group": item} if item else {}
        yield document(source, block[0].number, "\n".join(line.text for line in block), **meta)


def document(source: Source, number: int, text: str, **meta: str) -> Record:
    """Return a record of running text that starts at line `number` of its file."""
    return Record(
        id=f"{source.id}:{number}",
        source=source.id,
        lang=source.lang,
        variety=source.variety,
        text=text,
        meta={"where": f"{label(source)}:{number}", **meta},
    )
