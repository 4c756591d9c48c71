"""Folders that are either complete and verified, or not there.

A folder is written aside, every file is synced, `MANIFEST.json` (which covers itself) comes last,
and a rename makes it visible. The artifact store and the training checkpoints both use this.

Every call here that changes the disk comes after a `crash_point`: with `LOCALE_TUNE_CRASH_AT=k` the
process dies at the k-th as by kill -9, so that a test can go through all of them.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from locale_tune.errors import DiskError, first_writable_parent

MANIFEST = "MANIFEST.json"
CHUNK = 1 << 20
CRASH_AT = "LOCALE_TUNE_CRASH_AT"
FULL = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EROFS, errno.EACCES)

crossed = 0  # crash points this process has passed


def canonical(value: Any) -> str:
    """Return one JSON text per value: sorted keys, no spaces, floats as Python prints them."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(value: Any) -> str:
    """Return the SHA-256 (hex) of a value's canonical JSON."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def sha256_file(path: Path) -> str:
    """Return the SHA-256 (hex) of a file, read in chunks of 1 MiB."""
    sha = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            sha.update(chunk)
    return sha.hexdigest()


def read_json(path: Path) -> Any:
    """Read a UTF-8 JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def crash_point() -> None:
    """Count one call that changes the disk; end here, as kill -9 would, if a test asks for it."""
    global crossed
    crossed += 1
    if os.environ.get(CRASH_AT) == str(crossed):
        os._exit(137)


def write_json(path: Path, value: Any) -> None:
    """Write a UTF-8 JSON file, indented for people, native letters as they are."""
    crash_point()
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def replace_json(path: Path, value: Any) -> None:
    """Write a JSON file aside and rename it, so that a reader never sees half of it."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    write_json(aside, value)
    _rename(aside, path)


def replace_text(path: Path, text: str) -> None:
    """Write a UTF-8 file aside, line ends as they are, and rename it."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    crash_point()
    aside.write_text(text, encoding="utf-8", newline="\n")
    _rename(aside, path)


def _rename(aside: Path, path: Path) -> None:
    _sync(aside)
    crash_point()
    aside.replace(path)


def commit_folder(
    path: Path, fill: Callable[[Path], dict[str, Any]], stage: Path | None = None
) -> dict[str, Any]:
    """Make the folder `path` complete or not at all; return its manifest.

    `fill(stage)` writes files into an empty folder beside `path` and returns what else the
    manifest shall say. Raises DiskError when the disk is full or not writable.
    """
    stage = stage or path.with_name(f".tmp-{path.name}")
    _remove(stage)
    try:
        with disk_errors(path):
            crash_point()
            stage.mkdir(parents=True)
            manifest = {**fill(stage), "files": _describe(stage)}
            manifest["self"] = digest(manifest)
            write_json(stage / MANIFEST, manifest)
            for file in sorted(stage.rglob("*")):
                _sync(file)
            _sync(stage)
            discard(path)
            crash_point()
            stage.rename(path)
            _sync(path.parent)
    except BaseException:
        _remove(stage)
        raise
    return manifest


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn "the disk is full" and its kin, while `path` is written, into DiskError."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise DiskError(
            f"cannot write {path.name}: {error.strerror}",
            f"free space on the disk of {first_writable_parent(path)}, then run it again",
        ) from error


def verified(path: Path) -> dict[str, Any] | None:
    """Return the manifest if every file is there, unchanged and nothing else is; else None."""
    try:
        manifest = read_json(path / MANIFEST)
        covered = {key: value for key, value in manifest.items() if key != "self"}
        if manifest["self"] != digest(covered) or manifest["files"] != _describe(path):
            return None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return dict(manifest)


def discard(path: Path) -> None:
    """Remove a folder by renaming it first, so that it is never seen half deleted."""
    if not path.exists():
        return
    trash = path.with_name(f".trash-{path.name}-{secrets.token_hex(4)}")
    crash_point()
    path.rename(trash)
    _remove(trash)


def _remove(folder: Path) -> None:
    crash_point()
    shutil.rmtree(folder, ignore_errors=True)


def _describe(folder: Path) -> dict[str, dict[str, Any]]:
    files = (f for f in folder.rglob("*") if f.is_file() and f != folder / MANIFEST)
    return {
        file.relative_to(folder).as_posix(): {
            "size": file.stat().st_size,
            "sha256": sha256_file(file),
        }
        for file in sorted(files)
    }


def _sync(path: Path) -> None:
    crash_point()
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
