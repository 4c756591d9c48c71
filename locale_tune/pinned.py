"""Find one pinned file for a plugin, such as the model of a filter."""

from __future__ import annotations

import re
from pathlib import Path

from locale_tune.errors import PackError, SourceMissing
from locale_tune.schema import Source


def pinned_file(uri: str, sha256: str) -> Path:
    """Return the local file of a URI, found or downloaded as a source is, and of that very content.

    `uri` is of any scheme a source may have, except `data/`. Raises PackError when no SHA-256 (hex)
    is given, and SourceMissing when the file is not here or has another content.
    """
    if not re.fullmatch("[0-9a-f]{64}", sha256):
        raise PackError(f"'{uri}' is not pinned", "write its SHA-256 beside it: sha256sum FILE")
    from locale_tune.assets import fetch  # here, so that to import the api stays quick

    found = fetch(
        Source(id="pinned", kind="file", uri=uri, licence="", role="lexicon", sha256=sha256), Path()
    )
    if not found.path:
        raise SourceMissing(
            f"{uri}: {found.problem}",
            "install the package that holds it, put it into a folder named by LOCALE_TUNE_MIRROR, "
            "or run once with a network",
        )
    return found.path
