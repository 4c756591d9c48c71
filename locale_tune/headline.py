"""Installed packs and their first lines, read without importing any of them, nor pydantic."""

from __future__ import annotations

import importlib.util
import tomllib
from collections.abc import Iterator
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import NamedTuple

from locale_tune.errors import LocaleTuneError, PackError

LANGUAGES = "locale_tune.languages"


class Installed(NamedTuple):
    """One language pack that is installed."""

    id: str
    root: Path
    distribution: str
    version: str


def installed_languages() -> list[Installed]:
    """Return the installed packs, importing none of them, sorted by id."""
    packs = {pack for entry in entry_points(group=LANGUAGES) if (pack := _installed(entry))}
    return sorted(packs)


def _installed(entry: EntryPoint) -> Installed | None:
    # find_spec on a top-level name executes nothing; on `a.b` it would import `a`.
    top = entry.value.partition(":")[0].partition(".")[0]
    spec = importlib.util.find_spec(top)
    folders = list(spec.submodule_search_locations or ()) if spec else []
    if not folders:
        return None
    dist = entry.dist
    return Installed(
        entry.name, Path(folders[0]), dist.name if dist else top, dist.version if dist else ""
    )


def installed_headlines() -> Iterator[tuple[Installed, dict[str, str] | LocaleTuneError]]:
    """Yield each installed pack with the first facts of its pack.toml, or what is wrong with it."""
    for found in installed_languages():
        try:
            yield found, read_headline(found.root)
        except LocaleTuneError as error:
            yield found, error


def read_headline(root: Path) -> dict[str, str]:
    """Return id, tag, script, name and endonym of a pack. Raise PackError if it is not TOML."""
    path = root / "pack.toml"
    try:
        locale = tomllib.loads(path.read_text(encoding="utf-8")).get("locale", {})
    except (OSError, ValueError) as error:
        raise PackError(
            f"{path.name} cannot be read: {error}", "locale-tune check", str(path)
        ) from error
    return {key: str(locale.get(key, "")) for key in ("id", "tag", "script", "name", "endonym")}
