"""Packs with code run only after a person said so, and only while that code is unchanged."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from locale_tune.errors import PluginError
from locale_tune.files import digest, read_json, replace_json, sha256_file
from locale_tune.schema import LanguagePack

SKIPPED = ("__pycache__", ".git")


def config_dir() -> Path:
    """Return the folder of the user's settings (LOCALE_TUNE_CONFIG, else the usual place)."""
    if given := os.environ.get("LOCALE_TUNE_CONFIG"):
        return Path(given)
    return Path(os.environ.get("XDG_CONFIG_HOME", "~/.config")).expanduser() / "locale-tune"


def code_files(root: Path) -> list[Path]:
    """Return every file of a pack's package: any of them can change what its code does."""
    files = []
    for file in sorted(root.rglob("*")):
        if set(SKIPPED) & set(file.relative_to(root).parts):
            continue
        if file.is_symlink():
            raise PluginError(
                f"{file.relative_to(root)} is a link: what it leads to cannot be trusted",
                "put the file itself there",
                str(root),
            )
        if file.is_file():
            files.append(file)
    return files


def tree_digest(root: Path) -> str:
    """Return one SHA-256 over the names and contents of all files of a folder."""
    return digest({f.relative_to(root).as_posix(): sha256_file(f) for f in code_files(root)})


def trusted() -> dict[str, str]:
    """Return what was trusted: folder of the pack -> digest at that time."""
    path = config_dir() / "trusted.json"
    try:
        return dict(read_json(path))
    except (OSError, ValueError):
        return {}


def allow(root: Path) -> str:
    """Record the pack in `root` as trusted as it stands now; return the digest."""
    config_dir().mkdir(parents=True, exist_ok=True)
    entry = tree_digest(root)
    replace_json(config_dir() / "trusted.json", {**trusted(), str(root.resolve()): entry})
    return entry


def require(pack: LanguagePack) -> None:
    """Raise PluginError unless this pack's code was trusted and has not changed since."""
    known = trusted().get(str(pack.root.resolve()))
    name = pack.locale.id
    if known is None:
        raise PluginError(
            f"the pack '{name}' contains Python code, which has not been allowed to run",
            f"read it, then: locale-tune trust {name}   (or the pack's folder)",
            str(pack.root),
        )
    if known != tree_digest(pack.root):
        raise PluginError(
            f"the pack '{name}' has changed since it was trusted",
            f"read what changed, then: locale-tune trust {name}",
            str(pack.root),
        )
    # Python would take bytecode from here instead of the source that was read and hashed.
    for cached in pack.root.rglob("__pycache__"):
        shutil.rmtree(cached)
