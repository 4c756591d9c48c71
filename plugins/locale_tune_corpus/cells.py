"""One cell of a row: its text, or the reason why it has none."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from locale_tune.api import did_you_mean

SLOT = re.compile(r"\{([^{}]+)\}")
Row = Mapping[str, Any]


class Unreadable(Exception):
    """One row cannot become a record; the message is the reason."""


def text_of(row: Row, name: str) -> str:
    """Return a column's text, or a template filled. Raise Unreadable if it is not text."""
    if "{" in name:
        return SLOT.sub(lambda slot: text_of(row, slot[1]), name)
    if name not in row:
        raise Unreadable(f"no field '{name}'; {did_you_mean(name, row)}".removesuffix("; "))
    value = row[name]
    if not isinstance(value, str):
        raise Unreadable(f"field '{name}' is {kind_of(value)}, not text")
    if not value.strip():
        raise Unreadable(f"field '{name}' is empty")
    return value


def optional_text(row: Row, name: str) -> str:
    """Return what a column says, "" for null. Raise Unreadable where there is no such column."""
    value = row.get(name, name)
    if value is None or (isinstance(value, str) and not value.strip()):
        return ""
    return text_of(numbers_as_text(row), name).strip()


def numbers_as_text(row: Row) -> Row:
    """Return a row whose whole numbers are text: many tables number their questions."""
    return {k: str(v) if type(v) is int else v for k, v in row.items()}


@dataclass(frozen=True)
class Foreign:
    """A value that JSON has no type for, such as a date; only its kind matters here."""

    kind: str


def kind_of(value: Any) -> str:
    """Say what a value is, for messages about values that are no text."""
    if isinstance(value, Foreign):
        return value.kind
    names = {type(None): "null", bool: "true or false", list: "a list", dict: "an object"}
    return names.get(type(value), "a number")
