"""Make a folder that holds every pinned text of some packs, for a machine without a network.

There, `LOCALE_TUNE_MIRROR` names the folder, and files are found by what they contain. Its index,
`mirror.json`, says of each what it is and under which licence, for programs and for an auditor.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

from locale_tune import assets, hub_files, licences
from locale_tune.download import write_whole
from locale_tune.errors import LocaleTuneError
from locale_tune.files import CHUNK, read_json, replace_json, sha256_file
from locale_tune.schema import Found, LanguagePack, Source

INDEX = "mirror.json"
FORMAT = 1
AT_HOME = ("data", "package")  # these files come with the pack, or with a Python package
SPDX_TEXT = "https://spdx.org/licenses/{}.html"
UNPINNED = 'the pack has no sha256 for it, and a mirror is searched by it: add  sha256 = "..."'

SEVERAL = (
    "its address names several files, and a mirror holds single ones: run locale-tune fetch with a "
    "network, then take the folder hub of the content cache along (cp -rL: it holds links)"
)


class Line(NamedTuple):
    """What became of one source: `new` in the folder, `here` before, or `missing` and why."""

    state: Literal["new", "here", "missing"]
    entry: dict[str, Any]
    problem: str = ""


def mirror(folder: Path, packs: list[LanguagePack], off: bool = False) -> Iterator[Line]:
    """Bring the pinned files of packs into `folder`; yield a line per source, then write the index.

    Sources that are off are left out unless `off`. A file is whole or not there, and one that is
    there is not written again. Entries of packs that are not named stay in the index.
    """
    folder.mkdir(parents=True, exist_ok=True)
    kept = {(e["pack"], e["source"]): e for e in _entries(folder)}
    named = {pack.locale.id for pack in packs}
    entries = [entry for key, entry in kept.items() if key[0] not in named]
    places = {entry["sha256"]: entry["file"] for entry in entries}
    for pack in packs:
        for source in pack.sources:
            if (source.on or off) and assets.scheme_of(source.uri) not in AT_HOME:
                line = _bring(folder, pack, source, places)
                if line.state != "missing":
                    places.setdefault(line.entry["sha256"], line.entry["file"])
                    entries.append(line.entry)
                yield line
    _write_index(folder, entries)


def _bring(folder: Path, pack: LanguagePack, source: Source, places: dict[str, str]) -> Line:
    """Bring one source; two sources with one content share a file."""
    entry = _entry(pack, source, places)
    if assets.scheme_of(source.uri) == "hub" and hub_files.is_pattern(source.uri):
        return Line("missing", entry, SEVERAL)
    if not source.sha256:
        return Line("missing", entry, UNPINNED)
    path = folder / entry["file"]
    if path.is_file() and sha256_file(path) == source.sha256:
        return Line("here", {**entry, "size": path.stat().st_size})
    found = assets.fetch(source, pack.root)
    if not found.path:
        return Line("missing", entry, found.problem)
    try:
        return Line("new", {**entry, "size": _copy(found, path, source)})
    except LocaleTuneError as error:
        return Line("missing", entry, error.problem)


def _copy(found: Found, path: Path, source: Source) -> int:
    assert found.path
    path.parent.mkdir(parents=True, exist_ok=True)
    with found.path.open("rb") as file:
        chunks = iter(lambda: file.read(CHUNK), b"")
        write_whole(path, chunks, found.path.stat().st_size, source.sha256, found.path.name)
    return path.stat().st_size


def _entry(pack: LanguagePack, source: Source, places: dict[str, str]) -> dict[str, Any]:
    own = f"{pack.locale.id}/{source.id}/{_file_name(source.uri)}"
    return {
        "pack": pack.locale.id,
        "source": source.id,
        "file": places.get(source.sha256, own),
        "uri": source.uri,
        "sha256": source.sha256,
        "size": source.size,
        "licence": source.licence,
        "credit": source.credit,
        "steward": source.steward,
    }


def _file_name(uri: str) -> str:
    """Return the last part of an address as a plain file name."""
    last = re.split(r"[/#?]", uri.rstrip("/"))[-1]
    return re.sub(r"[^\w.-]", "_", last).lstrip(".") or "text"


def _entries(folder: Path) -> list[dict[str, Any]]:
    """Return the entries of an earlier run whose files are still there."""
    try:
        found = read_json(folder / INDEX)["files"]
        return [entry for entry in found if (folder / entry["file"]).is_file()]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        problem = f"{INDEX} cannot be read: {error}"
        raise LocaleTuneError(problem, "delete it: it is written anew", str(folder)) from error


def _write_index(folder: Path, entries: list[dict[str, Any]]) -> None:
    """Write the index if it says something new."""
    entries = sorted(entries, key=lambda entry: (entry["pack"], entry["source"]))
    names = sorted({name for entry in entries for name in licences.names(entry["licence"])})
    index = {
        "format": FORMAT,
        "files": entries,
        "licences": {name: _licence_text(name) for name in names},
    }
    path = folder / INDEX
    if not path.is_file() or read_json(path) != index:
        replace_json(path, index)


def _licence_text(name: str) -> str:
    """Return where the text of a licence can be read; "" for a licence of its own."""
    return "" if name.startswith("LicenseRef-") else SPDX_TEXT.format(name.rstrip("+"))
