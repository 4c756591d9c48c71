"""Make values from models, packs and stages safe to print: JSON-able, finite, no machine paths."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

# C0 controls except tab and newline, C1 controls, lone surrogates, and the two non-characters.
UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
MACHINE_PATH = re.compile(
    r"(?<![\w/:.~-])(?:~|[A-Za-z]:)?[/\\](?:[^\s/\\:'\"]+[/\\])+([^\s/\\:'\"]*)"
)


def plain(value: Any) -> Any:
    """Return a JSON-able copy: tuples become lists, numbers without value None, text clean."""
    if isinstance(value, Mapping):
        return {clean(str(key)): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((plain(item) for item in value), key=repr)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int)):
        return value
    return clean(str(value))


def clean(text: str) -> str:
    """Replace characters that no page or UTF-8 file can hold by U+FFFD, one for one.

    The length stays, so that character offsets into the text stay right.
    """
    return UNPRINTABLE.sub("\ufffd", text)


def without_paths(value: Any) -> Any:
    """Shorten absolute paths in texts to their last name: a release tells nobody's folders."""
    if isinstance(value, Mapping):
        return {key: without_paths(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_paths(item) for item in value]
    return MACHINE_PATH.sub(r"\1", value) if isinstance(value, str) else value
