"""Where in a TOML file a key stands: tomllib tells what is written, not where."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any

CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
HEADER = re.compile(r"^\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(#.*)?$")
KEY = re.compile(r"""^\s*((?:[A-Za-z0-9_-]+|"[^"]*")(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"))*)\s*=""")
Place = tuple[str | int, ...]


def line_numbers(text: str) -> dict[Place, int]:
    """Map each table and key of a TOML text to its line (from 1).

    Paths are as pydantic writes them: `("sources", 2, "licence")`. Lines inside multi-line
    strings may add keys that do not exist; nobody asks for those.
    """
    lines: dict[Place, int] = {(): 1}
    counts: dict[Place, int] = {}
    table: Place = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := HEADER.match(line):
            table = _parts(header[2])
            if header[1] == "[[":
                index = counts.get(table, 0)
                counts[table] = index + 1
                lines.setdefault(table, number)
                table = (*table, index)
            lines.setdefault(table, number)
        elif key := KEY.match(line):
            path = table
            for part in _parts(key[1]):
                path = (*path, part)
                lines.setdefault(path, number)
    return lines


def line_of(lines: dict[Place, int], place: Place) -> int:
    """Return the line of a place, or of the nearest table around it."""
    while place not in lines:
        place = place[:-1]
    return lines[place]


def _parts(dotted: str) -> Place:
    return tuple(part.strip().strip('"') for part in dotted.split("."))


def controls(value: Any, skipped: Collection[str], place: Place = ()) -> Iterator[Place]:
    """Yield the places of texts with a control character other than tab and line break.

    Tables of a name in `skipped` are passed over.
    """
    if isinstance(value, dict):
        for key, inner in value.items():
            if key not in skipped:
                yield from controls(inner, skipped, (*place, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from controls(inner, skipped, (*place, index))
    elif isinstance(value, str) and CONTROL.search(value):
        yield place
