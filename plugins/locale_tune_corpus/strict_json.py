"""JSON without surprises: no NaN, no double keys, no lone surrogates, no deep nesting."""

from __future__ import annotations

import json
from typing import Any

DEPTH_LIMIT = 32
SHOWN = 40


def parse(text: str) -> Any:
    """Return the value of one JSON text. Raise ValueError with a reason a person can act on."""
    try:
        value = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON at character {error.pos}: {error.msg.lower()}") from None
    except RecursionError:
        raise ValueError(f"nested deeper than {DEPTH_LIMIT}") from None
    _check(value, DEPTH_LIMIT)
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice[:SHOWN]!r} stands twice")
    return value


def _check(value: Any, depth: int) -> None:
    if depth < 0:
        raise ValueError(f"nested deeper than {DEPTH_LIMIT}")
    if isinstance(value, str):
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            raise ValueError("a lone surrogate escape is no character") from None
    elif isinstance(value, dict):
        for key, item in value.items():
            _check(key, depth - 1)
            _check(item, depth - 1)
    elif isinstance(value, list):
        for item in value:
            _check(item, depth - 1)
