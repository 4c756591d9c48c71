"""Read what other stages wrote: any key may be missing, and any value of another kind."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

from .figures import number

LISTED = 12
LARGEST = sys.float_info.max


def is_number(value: Any) -> bool:
    """Whether a value is a finite number."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return False
    return abs(value) <= LARGEST  # compares, where isfinite would overflow


def amount(facts: Mapping[str, Any], key: str) -> float | None:
    """Return a finite number, or None for anything else."""
    value = facts.get(key)
    return value if is_number(value) else None


def part(facts: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return a mapping, empty for anything else."""
    value = facts.get(key)
    return value if isinstance(value, Mapping) else {}


def entries(facts: Mapping[str, Any], key: str) -> list[Any]:
    """Return a list, empty for anything else."""
    value = facts.get(key)
    return list(value) if isinstance(value, (list, tuple)) else []


def told(facts: Mapping[str, Any], key: str) -> str:
    """Return a text without its final stop, "" for nothing."""
    value = facts.get(key)
    return "" if value is None else str(value).strip().removesuffix(".")


def flatten(value: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield (name, text) for every fact, nested names joined by dots, long lists as counts."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from flatten(item, f"{prefix}.{key}" if prefix else str(key))
    elif isinstance(value, list):
        scalar = not any(isinstance(item, (list, Mapping)) for item in value)
        short = scalar and len(value) <= LISTED
        yield prefix, (", ".join(written(v) for v in value) if short else f"{len(value):,} entries")
    else:
        yield prefix, written(value)


def written(value: Any) -> str:
    """Write one fact for people."""
    if value is None or value == "":
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return number(value)
    return number(value) if is_number(value) else str(value)


def spaced(name: str) -> str:
    """Write a fact's name in words."""
    return name.replace("_", " ").replace(".", " ")
