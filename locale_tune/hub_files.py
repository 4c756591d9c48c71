"""Several files of one data set on the Hugging Face Hub, named by a pattern: `data/*.parquet`.

What a build reads is a small list of them, `NAME.files`, with the SHA-256 of each; beside it the
folder `NAME` holds the files. The list's own SHA-256 stands for all of them in a fingerprint. It
is written last: a list that exists is complete.
"""

from __future__ import annotations

import fnmatch
import hashlib
import json
import os
import shutil
from pathlib import Path, PurePosixPath

from locale_tune.errors import SourceMissing
from locale_tune.files import sha256_file

PATTERN = frozenset("*?[")


def is_pattern(member: str) -> bool:
    """Whether a file's name in a URI stands for several files."""
    return bool(PATTERN & set(member))


def list_of(uri: str, folder: Path) -> Path:
    """Return where the list of a URI's files lies, made or not."""
    return folder / f"{hashlib.sha256(uri.encode()).hexdigest()[:32]}.files"


def locate(uri: str, folder: Path) -> Path | None:
    """Return the list of files that were all fetched before and are still here, or None."""
    listing = list_of(uri, folder)
    try:
        rows = json.loads(listing.read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    here = all((listing.with_suffix("") / row["name"]).is_file() for row in rows)
    return listing if here else None


def fetch(uri: str, name: str, revision: str, pattern: str, folder: Path) -> Path:
    """Download all files of a data set that match, and return their list.

    `*` stands for any characters, `/` too, as on the Hub. Raises SourceMissing if none matches.
    """
    from huggingface_hub import HfApi, hf_hub_download

    try:
        known = HfApi().list_repo_files(name, repo_type="dataset", revision=revision)
    except Exception as error:  # the hub client raises many kinds; all mean: no list
        raise SourceMissing(f"the files of {name} cannot be listed: {error}") from error
    members = sorted(member for member in known if fnmatch.fnmatchcase(member, pattern))
    if not members:
        raise SourceMissing(
            f"no file of {name}@{revision[:12]} is called {pattern}",
            f"it holds {', '.join(sorted(known)[:8])}",
        )
    listing = list_of(uri, folder)
    listing.unlink(missing_ok=True)
    shutil.rmtree(listing.with_suffix(""), ignore_errors=True)
    rows = []
    for member in members:
        file = Path(hf_hub_download(name, member, repo_type="dataset", revision=revision))
        rows.append({"name": member, "sha256": sha256_file(file), "size": file.stat().st_size})
        _place(file, listing.with_suffix(""), member)
    content = {"uri": uri, "files": rows}
    aside = listing.with_name(f".{listing.name}.{os.getpid()}")
    aside.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    aside.replace(listing)
    return listing


def _place(file: Path, folder: Path, member: str) -> None:
    """Put a file of the Hub's cache where the list expects it: a link, or a copy without links."""
    if PurePosixPath(member).is_absolute() or ".." in PurePosixPath(member).parts:
        raise SourceMissing(f"'{member}' is no name inside a data set", "take another data set")
    target = folder / member
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        target.symlink_to(file.resolve())
    except OSError:
        shutil.copyfile(file, target)
