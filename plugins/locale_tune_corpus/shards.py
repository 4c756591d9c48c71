"""Read a list of files, as the host makes it for a `hub:` address with a pattern, one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from locale_tune.api import (
    Bad,
    Locale,
    Record,
    Source,
    SourceMissing,
    Span,
    read_json,
    sha256_file,
)

SUFFIX = ".files"
Read = Callable[..., Iterator[Record | Bad]]
Cut = Callable[[Source, Path, int], tuple[Span, ...]]


def cut_all(cut: Cut, source: Source, path: Path, size: int) -> tuple[Span, ...]:
    """Return the spans of a file, or of a list one for each of its files."""
    if not _is_list(source, path):
        return cut(source, path, size)
    return tuple(Span(number, number + 1, 1) for number in range(len(read_json(path)["files"])))


def read_all(
    read: Read, source: Source, path: Path, locale: Locale, **span: Span | None
) -> Iterator[Record | Bad]:
    """Yield what `read` finds in a file, or in each file of a list; ids begin with its number.

    A span of a list is a range of its files. Raises SourceMissing for a file that is not the one
    that was fetched.
    """
    if not _is_list(source, path):
        yield from read(source, path, locale, **span)
        return
    rows, part = read_json(path)["files"], span.get("span")
    for number in range(part.start, part.stop) if part else range(len(rows)):
        row = rows[number]
        file = path.with_suffix("") / row["name"]
        if not file.is_file() or sha256_file(file) != row["sha256"]:
            raise SourceMissing(
                f"{row['name']} of source '{source.id}' is not the file that was fetched",
                f"delete {path} and run again with a network",
            )
        uri = f"{source.uri.partition('#')[0]}#{row['name']}"
        for item in read(source.model_copy(update={"uri": uri}), file, locale):
            if isinstance(item, Record):
                rest = item.id.removeprefix(f"{source.id}:")
                item = item.model_copy(update={"id": f"{source.id}:{number + 1}.{rest}"})
            yield item


def _is_list(source: Source, path: Path) -> bool:
    return path.suffix == SUFFIX and source.uri.startswith("hub:")
