"""Cut the sources into parts: what one process reads at a time, and what a crash can cost.

Parts stand in the pack's order, and all that `collect` writes depends on that order alone, so the
size of the parts and the number of processes change nothing but the time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from locale_tune.api import Source, SourceKind, Span
from locale_tune_corpus.lines import unusable

CHUNK = 1 << 20


@dataclass(frozen=True)
class Part:
    """A source, or a stretch of one. `size` is in bytes, for progress."""

    source: Source
    path: Path
    name: str
    size: int
    span: Span | None = None


def cut(
    sources: Iterable[Source],
    files: Mapping[str, Path],
    kinds: Mapping[str, SourceKind],
    size: int,
) -> tuple[Part, ...]:
    """Return the parts of all sources that have a file, each of about `size` bytes if it can be."""
    parts: list[Part] = []
    for place, source in enumerate(sources):
        path = files.get(source.id)
        if path is None:
            continue
        way = kinds[source.kind].cut
        spans = tuple(way(source, path, max(1, size))) if way and path.is_file() else ()
        length = path.stat().st_size
        for span in spans or (None,):
            name = f"{place:03d}-{source.id}" + (f"-{span.start}-{span.stop}" if span else "")
            parts.append(Part(source, path, name, length // (len(spans) or 1), span))
    return tuple(parts)


def line_spans(path: Path, size: int) -> tuple[Span, ...]:
    r"""Cut a file of lines at `\n` into spans of about `size` bytes; () if small or packed."""
    length = path.stat().st_size
    if length <= size or unusable(path):
        return ()
    spans: list[Span] = []
    start, first = 0, 1
    with path.open("rb") as file:
        while start < length:
            stop, lines = _next_break(file, start, min(start + size, length))
            spans.append(Span(start, stop, first))
            start, first = stop, first + lines
    return tuple(spans)


def _next_break(file: BinaryIO, start: int, wanted: int) -> tuple[int, int]:
    r"""Return where the line that holds byte `wanted - 1` ends, and the `\n` from `start` to it."""
    file.seek(start)
    lines = sum(block.count(b"\n") for block in _blocks(file, wanted - 1 - start))
    place = wanted - 1
    while block := file.read(CHUNK):
        if (found := block.find(b"\n")) >= 0:
            return place + found + 1, lines + 1
        place += len(block)
    return place, lines


def _blocks(file: BinaryIO, size: int) -> Iterator[bytes]:
    while size and (block := file.read(min(CHUNK, size))):
        size -= len(block)
        yield block
