"""Read lines of an untrusted file: bounded memory, strict UTF-8, every bad line named.

`datasets.load_dataset` loses a whole file to one bad line, or changes every good one
(reliability B20-B27 in the design notes of this project); this reader gives each line its fate.
"""

from __future__ import annotations

import gzip
import re
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import BinaryIO, cast

from locale_tune.api import Bad, Source, Span

LINE_LIMIT = 1 << 20
SHOWN = 200
PACKED = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip",
    b"\xfd7zXZ\x00": "xz",
}
BZIP2 = re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)")  # three letters alone may begin a text
OTHER_UNICODE = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16", b"\x00\x00\xfe\xff": "UTF-32"}
CHUNK = 1 << 18
# Text unpacks to 3 to 10 times its size, and seldom to 50 times; gzip can do 1000.
MOST_EXPANSION, LEAST_SUSPECT, MOST_UNPACKED = 100, 64 << 20, 64 << 30


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


def irregular(path: Path) -> str:
    """Say why a path must not be opened (a folder, a pipe, a device), or return an empty string."""
    try:
        return "" if stat.S_ISREG(path.stat().st_mode) else "not a regular file"
    except (OSError, ValueError):
        return "not a regular file"


def unusable(path: Path) -> str:
    """Say why a file cannot be read as text as it stands, or return an empty string."""
    if problem := irregular(path):
        return problem
    try:
        with path.open("rb") as file:
            return foreign(file.read(10))
    except OSError as error:
        return _unread(error)


def foreign(head: bytes) -> str:
    """Say what a file's first ten bytes are, if they cannot begin a text in UTF-8."""
    packed = next((name for magic, name in PACKED.items() if head.startswith(magic)), "")
    packed = "bzip2" if BZIP2.match(head) else packed
    if packed:
        return f"packed with {packed}: unpack it first"
    encoding = next((name for mark, name in OTHER_UNICODE.items() if head.startswith(mark)), "")
    return f"{encoding}, not UTF-8: convert it first" if encoding else ""


def read_lines(
    path: Path, limit: int = LINE_LIMIT, span: Span | None = None, charset: str = "utf-8"
) -> Iterator[Line]:
    r"""Yield the lines of a file, split at `\n` only; a line over `limit` bytes is a problem.

    A byte order mark at the start and a carriage return at a line's end belong to no text. Of a
    `span`, which starts and ends with a line, only its lines are read. A file packed with gzip is
    read as what it holds, after it was unpacked once to see that it is whole.
    """
    number = span.first - 1 if span else 0
    try:
        with opened(path) as file:
            for line in _lines(file, limit, span, charset):
                number = line.number
                yield line
    except Unusable as problem:
        yield Line(0, "", str(problem))
    except OSError as error:
        yield Line(number + 1, "", f"{_unread(error)}, from here on")


class Unusable(Exception):
    """A file holds no text that can be read; the message says why."""


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a text file, packed with gzip or not, as bytes. Raise Unusable or OSError."""
    problem = unusable(path)
    if problem and not problem.startswith("packed with gzip"):
        raise Unusable(problem)
    if not problem:
        with path.open("rb") as file:
            yield file
        return
    if problem := _broken_gzip(path):
        raise Unusable(problem)
    with gzip.open(path, "rb") as unpacked:
        yield cast(BinaryIO, unpacked)


def _broken_gzip(path: Path) -> str:
    """Unpack a gzip file into nothing; say why it must not be read, or return an empty string.

    Half a file would be a corpus nobody knows to be half, so it is all or nothing.
    """
    most = min(max(MOST_EXPANSION * path.stat().st_size, LEAST_SUSPECT), MOST_UNPACKED)
    size = 0
    try:
        with gzip.open(path, "rb") as file:
            head = file.read(10)
            if problem := foreign(head):
                return f"inside gzip: {problem}"
            while chunk := file.read(CHUNK):
                size += len(chunk)
                if size > most:
                    return f"unpacks to more than {most >> 20} MiB: a bomb, or text that repeats"
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        return f"damaged gzip: {error}"
    return ""


def _unread(error: OSError) -> str:
    return f"cannot be read: {error.strerror or error}"


def _lines(file: BinaryIO, limit: int, span: Span | None, charset: str) -> Iterator[Line]:
    if span:
        file.seek(span.start)
    for number in count(span.first if span else 1):
        if (span and file.tell() >= span.stop) or not (raw := file.readline(limit + 1)):
            return
        if len(raw) > limit and not raw.endswith(b"\n"):
            _skip_line(file, limit)
            shown = raw[:SHOWN].decode("utf-8", "replace")
            yield Line(number, shown, f"line longer than {limit} bytes")
            continue
        if number == 1:
            raw = raw.removeprefix(b"\xef\xbb\xbf")
        yield _decoded(number, raw.removesuffix(b"\n").removesuffix(b"\r"), charset)


def _skip_line(file: BinaryIO, limit: int) -> None:
    while (part := file.readline(limit)) and not part.endswith(b"\n"):
        pass


def _decoded(number: int, raw: bytes, charset: str) -> Line:
    try:
        return Line(number, raw.decode(charset))
    except UnicodeDecodeError as error:
        shown = raw[:SHOWN].decode(charset, "backslashreplace")
        name = charset.upper()
        return Line(number, shown, f"not {name} at byte {error.start} of the line: {error.reason}")
