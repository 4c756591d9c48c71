"""Read a list of files, as the host makes it for a `hub:` address with a pattern, one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from locale_tune.api import Bad, Locale, Record, Source, SourceMissing, read_json, sha256_file

SUFFIX = ".files"
Read = Callable[[Source, Path, Locale], Iterator[Record | Bad]]


def read_all(read: Read, source: Source, path: Path, locale: Locale) -> Iterator[Record | Bad]:
    """Yield what `read` finds in a file, or in each file of a list; ids begin with its number.

    Raises SourceMissing for a file that is not the one that was fetched.
    """
    if path.suffix != SUFFIX or not source.uri.startswith("hub:"):
        yield from read(source, path, locale)
        return
    for number, row in enumerate(read_json(path)["files"], 1):
        file = path.with_suffix("") / row["name"]
        if not file.is_file() or sha256_file(file) != row["sha256"]:
            raise SourceMissing(
                f"{row['name']} of source '{source.id}' is not the file that was fetched",
                f"delete {path} and run again with a network",
            )
        part = source.model_copy(update={"uri": f"{source.uri.partition('#')[0]}#{row['name']}"})
        for item in read(part, file, locale):
            if isinstance(item, Record):
                rest = item.id.removeprefix(f"{source.id}:")
                item = item.model_copy(update={"id": f"{source.id}:{number}.{rest}"})
            yield item
