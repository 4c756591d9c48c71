"""What the page shows of `collect` and `select`: who was told apart, and what a choice cost.

Facts come from plugins, so nothing is taken for granted: what does not have the shape is not shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .facts import is_number, part, spaced
from .figures import number

# Facts that the page shows as tables, and so not among the facts of a step.
TABLES = ("licence", "diversity", "kept", "confusion")


def confusions(said: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a table for each filter that told languages apart: rows are what a text is."""
    found = []
    for step in said["steps"]:
        for name, facts in part(step["facts"], "filters").items():
            matrix = part(facts, "confusion") if isinstance(facts, Mapping) else {}
            labels, counts = matrix.get("labels"), matrix.get("counts")
            if isinstance(labels, list) and isinstance(counts, list):
                rows = list(_rows(labels, counts))
                found.append({"filter": name, "labels": labels, "rows": rows})
    return found


def _rows(labels: list[Any], counts: list[Any]) -> Iterator[dict[str, Any]]:
    for place, (label, row) in enumerate(zip(labels, counts, strict=False)):
        if isinstance(row, list) and len(row) == len(labels) and all(map(is_number, row)):
            cells = [{"text": number(n), "right": at == place} for at, n in enumerate(row)]
            right = f"{100 * row[place] / sum(row):.1f} %" if sum(row) else ""
            yield {"label": label, "cells": cells, "right": right}


def choice(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return the table of diversity before and after a choice of lessons, and what it kept."""
    for step in said["steps"]:
        figures, kept = part(step["facts"], "diversity"), part(step["facts"], "kept")
        before, after = part(figures, "before"), part(figures, "after")
        if before and after and before.get("lessons") != after.get("lessons"):
            measures = [
                {"name": spaced(name), "before": number(value), "after": number(after.get(name))}
                for name, value in before.items()
                if is_number(value) and is_number(after.get(name))
            ]
            return {"measures": measures, "kept": list(_kept(kept))}
    return {"measures": [], "kept": []}


def _kept(kept: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for key, values in kept.items():
        if isinstance(values, Mapping) and len(values) > 1:
            for name, pair in values.items():
                if isinstance(pair, list) and len(pair) == 2 and all(map(is_number, pair)):
                    shown = [number(pair[1]), number(pair[0])]
                    yield {"key": spaced(key), "name": name, "kept": shown}


def untabled(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return facts without those that stand in tables."""
    return {
        name: untabled(value) if isinstance(value, Mapping) else value
        for name, value in facts.items()
        if name not in TABLES
    }
