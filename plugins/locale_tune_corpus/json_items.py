"""The items of a JSON file, one by one: of an array of any size, or of lines (JSONL).

No parser of the standard library reads an array piece by piece, so it is cut at its commas first,
and each item is parsed alone: memory holds one item, and a damaged one costs itself only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from locale_tune.api import Bad, Source
from locale_tune_corpus import strict_json
from locale_tune_corpus.lines import LINE_LIMIT, SHOWN, label, read_lines, unusable

SIGNS = re.compile(rb'\\.?|["\[\]{},]', re.DOTALL)
BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Piece:
    """One item before it is parsed: its number, the line it starts in, and a problem."""

    number: int
    line: int
    raw: bytes
    problem: str = ""


@dataclass(frozen=True)
class Item:
    """One object of a file. `where` is `file:line`, in an array `file:line#item`."""

    number: int
    where: str
    value: dict[str, Any]


def read_items(source: Source, path: Path) -> Iterator[Item | Bad]:
    """Yield the objects of a file that is a JSON array, or else has one object in each line."""
    if problem := unusable(path):
        yield Bad(f"{label(source)}:0", problem)
        return
    array = _is_array(path)
    for piece in _array(path) if array else _lines(path):
        where = f"{label(source)}:{piece.line}"
        where += f"#{piece.number}" if array and piece.number else ""
        shown = piece.raw[:SHOWN].decode("utf-8", "backslashreplace")
        try:
            if piece.problem:
                raise ValueError(piece.problem)
            value = strict_json.parse(piece.raw.decode("utf-8"))
            if not isinstance(value, dict):
                raise ValueError("the item is not a JSON object")
            yield Item(piece.number, where, value)
        except UnicodeDecodeError as error:
            yield Bad(where, f"not UTF-8 at byte {error.start} of the item", shown)
        except ValueError as error:
            yield Bad(where, str(error), shown)


def _is_array(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(1 << 16).removeprefix(BOM).lstrip().startswith(b"[")


def _lines(path: Path) -> Iterator[Piece]:
    for line in read_lines(path):
        if line.problem or line.text.strip():
            raw = line.text.encode("utf-8", "backslashreplace")
            yield Piece(line.number, line.number, raw, line.problem)


def _array(path: Path) -> Iterator[Piece]:
    cutter = Cutter()
    with path.open("rb") as file:
        fresh = True
        while part := file.readline(LINE_LIMIT):
            if cutter.line == 0:
                part = part.removeprefix(BOM)
            yield from cutter.feed(part, fresh)
            fresh = part.endswith(b"\n")
    yield from cutter.end()


class Cutter:
    """Cuts an array into items at the commas of its first level.

    No string goes over the end of a line, so one that is never closed ends there. After a bracket
    that is never closed, the next item is found where a line starts with `{` as far left as items
    do; not in a file that has other lines as far left.
    """

    def __init__(self) -> None:
        self.line = 0
        self._depth = 0  # 1: in the array, between items or their brackets
        self._text = self._escaped = self._closed = self._flat = False
        self._parts: list[bytes] = []
        self._size = self._count = self._began = 0
        self._indent = -1

    def feed(self, part: bytes, fresh: bool) -> Iterator[Piece]:
        """Take a line, or a part of a long one; `fresh` says that a line begins with it."""
        if fresh:
            yield from self._begin_line(part)
        start, skipped = 0, int(self._escaped)
        self._escaped = False
        for sign in SIGNS.finditer(part, skipped):
            self._escaped = sign[0] == b"\\"  # only at the end of a part: its other half follows
            if self._bounds(sign[0]):
                self._take(part[start : sign.start()])
                if sign[0] != b"[":
                    yield from self._item(last=sign[0] == b"]")
                start = sign.end()
        self._take(part[start:])

    def end(self) -> Iterator[Piece]:
        """Say what is wrong with the end of the file."""
        if not self._closed:
            yield Piece(0, self.line, b"".join(self._parts), "the file ends before its array does")
        elif self._size:
            yield Piece(0, self._began, b"".join(self._parts), "text behind the end of the array")

    def _begin_line(self, part: bytes) -> Iterator[Piece]:
        self.line += 1
        self._text = self._escaped = False
        bare = part.lstrip(b" \t")
        indent = len(part) - len(bare)
        if self._depth == 1 and not self._size and bare.startswith(b"{"):
            self._indent = indent
        elif self._depth > 1 and bare.strip() and indent <= self._indent:
            if bare.startswith(b"{") and not self._flat:
                self._depth = 1
                yield from self._item(problem="a quote, a bracket or a comma is missing")
            self._flat |= bare[:1] not in b"{}[]"

    def _bounds(self, sign: bytes) -> bool:
        """Follow strings and brackets; return whether the sign opens, parts or ends the array."""
        if sign == b'"':
            self._text = not self._text
        if self._text or sign[:1] in b'"\\' or self._closed:
            return False
        bounds = self._depth == 1 and sign in b"],"
        if sign in b"[{":
            self._depth += 1
            return self._depth == 1
        if sign in b"]}" and (bounds or self._depth > 1):
            self._depth -= 1
            self._closed = self._depth == 0
        return bounds

    def _take(self, raw: bytes) -> None:
        """Keep bytes of the item, up to the limit."""
        if not self._size:
            raw, self._began = raw.lstrip(), self.line
        self._size += len(raw)
        if self._size <= LINE_LIMIT:
            self._parts.append(raw)
        elif not self._parts:
            self._parts.append(raw[:SHOWN])

    def _item(self, last: bool = False, problem: str = "") -> Iterator[Piece]:
        if self._size or not last:
            self._count += 1
            if self._size > LINE_LIMIT:
                problem = f"the item is longer than {LINE_LIMIT} bytes"
            elif not self._size:
                problem = "nothing stands before a comma"
            yield Piece(self._count, self._began, b"".join(self._parts), problem)
        self._parts, self._size = [], 0
