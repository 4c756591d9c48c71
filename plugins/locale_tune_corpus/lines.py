"""Read lines of an untrusted file: bounded memory, strict UTF-8, every bad line named.

`datasets.load_dataset` loses a whole file to one bad line, or changes every good one
(reliability B20-B27 in the design notes of this project); this reader gives each line its fate.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from locale_tune.api import Bad, Source, Span

LINE_LIMIT = 1 << 20
SHOWN = 200
PACKED = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
}


@dataclass(frozen=True)
class Line:
    """One line without its end: number from 1, and a problem if it cannot be read."""

    number: int
    text: str
    problem: str = ""


def label(source: Source) -> str:
    """Return the name a person knows the file by; in the content cache it is only a hash."""
    return source.uri.partition("#")[2].rpartition("/")[2] or source.uri.rpartition("/")[2]


def bad_line(source: Source, line: Line, problem: str = "") -> Bad:
    """Return the reject of one line as `file:line` with its reason."""
    return Bad(f"{label(source)}:{line.number}", problem or line.problem, line.text[:SHOWN])


def unusable(path: Path) -> str:
    """Say why a file cannot be read as text at all, or return an empty string."""
    if not path.is_file():
        return "not a regular file"
    with path.open("rb") as file:
        head = file.read(6)
    packed = next((name for magic, name in PACKED.items() if head.startswith(magic)), "")
    return f"packed with {packed}: unpack it first" if packed else ""


def read_lines(path: Path, limit: int = LINE_LIMIT, span: Span | None = None) -> Iterator[Line]:
    r"""Yield the lines of a file, split at `\n` only; a line over `limit` bytes is a problem.

    A byte order mark at the start and a carriage return at a line's end belong to no text. Of a
    `span`, which starts and ends with a line, only its lines are read.
    """
    if problem := unusable(path):
        yield Line(0, "", problem)
        return
    with path.open("rb") as file:
        number = span.first - 1 if span else 0
        file.seek(span.start if span else 0)
        while (not span or file.tell() < span.stop) and (raw := file.readline(limit + 1)):
            number += 1
            if len(raw) > limit and not raw.endswith(b"\n"):
                _skip_line(file, limit)
                shown = raw[:SHOWN].decode("utf-8", "replace")
                yield Line(number, shown, f"line longer than {limit} bytes")
                continue
            if number == 1:
                raw = raw.removeprefix(b"\xef\xbb\xbf")
            yield _decoded(number, raw.removesuffix(b"\n").removesuffix(b"\r"))


def _skip_line(file: BinaryIO, limit: int) -> None:
    while (part := file.readline(limit)) and not part.endswith(b"\n"):
        pass


def _decoded(number: int, raw: bytes) -> Line:
    try:
        return Line(number, raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        shown = raw[:SHOWN].decode("utf-8", "backslashreplace")
        return Line(number, shown, f"not UTF-8 at byte {error.start} of the line: {error.reason}")
