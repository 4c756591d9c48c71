"""What the page shows besides findings: varieties, how answers vary, ratings, and the cost.

All of it comes from other plugins and from people: what does not have the shape is not shown there,
and whatever else the checks show becomes a plain table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .facts import amount, entries, flatten, is_number, part, spaced, written
from .figures import number, percent, size, span
from .rate_figures import summary

CHOICES = ("after", "before", "tie", "both bad")
MOST_ROWS, MOST_COLUMNS = 40, 8
Table = tuple[list[str], list[list[str]]]  # columns and rows
COSTS = ("tokens_planned", "tokens", "planned", "took", "memory")


def varieties(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return the confusion matrices: rows are varieties asked in, columns what answers were.

    Read from `{"asked", "labels", "before", "after", "own"}` with counts [asked][labels]; without
    `asked` the rows are `labels`. Right is the variety asked in; where it has no column of its own,
    all of `own`. Empty when no matrix has the shape.
    """
    found = part(part(said, "shown"), "varieties")
    labels = [str(label) for label in entries(found, "labels")]
    asked = [str(name) for name in entries(found, "asked")] or labels
    own = {str(name) for name in entries(found, "own")}
    tables = []
    for side in ("before", "after"):
        rows = [row for row in entries(found, side) if _is_row(row, len(labels))]
        if labels and len(rows) == len(asked):
            pairs = zip(asked, rows, strict=True)
            tables.append({"side": side, "rows": [_matrix_row(*p, labels, own) for p in pairs]})
    return {"labels": labels, "tables": tables} if tables else {}


def _matrix_row(asked: str, row: list[float], labels: list[str], own: set[str]) -> dict[str, Any]:
    right = {asked} if asked in labels else own
    cells = [
        {"text": number(n), "right": name in right} for name, n in zip(labels, row, strict=True)
    ]
    hits, whole = sum(n for name, n in zip(labels, row, strict=True) if name in right), sum(row)
    return {"label": asked, "cells": cells, "right": percent(hits, whole) if whole > 0 else ""}


def _is_row(row: Any, length: int) -> bool:
    return isinstance(row, list) and len(row) == length and all(map(is_number, row))


def collapse(said: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return name, base, localized and their ratio of each figure of how answers vary.

    Read from rows of {"over", "metric", "before", "after", "ratio"}.
    """
    rows = []
    for row in entries(part(said, "shown"), "collapse"):
        if isinstance(row, Mapping) and is_number(row.get("before")):
            texts = {key: _text(row.get(key)) for key in ("before", "after", "ratio")}
            rows.append({"name": f"{spaced(str(row.get('metric')))}, {row.get('over')}", **texts})
    return rows


def more(said: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a table for everything else that the checks show: caption, columns, rows, rest.

    Rows of the same flat keys become a table with these columns, all else names and values.
    """
    drawn = {"varieties": varieties(said), "collapse": collapse(said)}
    shown = part(said, "shown")
    return [_table(str(name), shown[name]) for name in shown if not drawn.get(name) and shown[name]]


def _table(name: str, value: Any) -> dict[str, Any]:
    columns, rows = _across(value) or _along(value) or ([], [list(p) for p in flatten(value)])
    kept = rows[:MOST_ROWS]
    return {
        "name": spaced(name),
        "columns": [spaced(column) for column in columns],
        "rows": [[spaced(first), *others] for first, *others in kept],
        "rest": len(rows) - len(kept),
    }


def _across(value: Any) -> Table | None:
    """Return a list of flat mappings with its keys as columns; None for anything else."""
    if not _mappings(value):
        return None
    keys = list(dict.fromkeys(str(key) for row in value for key in row))
    cells = [cell for row in value for cell in row.values()]
    if (
        any(isinstance(cell, (Mapping, list)) for cell in cells)
        or not 1 < len(keys) <= MOST_COLUMNS
    ):
        return None
    return keys, [[written(row.get(key)) for key in keys] for row in value]


def _along(value: Any) -> Table | None:
    """Return a few mappings, nested ones too, as columns beside each other; None for others.

    What is a text in all of them, such as the side, heads their columns.
    """
    if not _mappings(value) or len(value) >= MOST_COLUMNS:
        return None
    facts = [dict(flatten(row)) for row in value]
    names = [key for key in value[0] if all(isinstance(row.get(key), str) for row in value)]
    heads = [", ".join(fact[name] for name in names) or str(n) for n, fact in enumerate(facts, 1)]
    keys = [key for key in dict.fromkeys(k for fact in facts for k in fact) if key not in names]
    return ["", *heads], [[key, *(fact.get(key, "") for fact in facts)] for key in keys]


def _mappings(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(row, Mapping) for row in value)


def ratings(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return what people chose: ratings, raters, prompts, votes, and the share of prompts won.

    Empty without ratings. Counted by `rate_figures.summary`: by prompt, as votes on one prompt
    depend on each other.
    """
    wanted = ("prompt", "choice", "rater")
    known = [
        rating
        for rating in entries(said, "ratings")
        if isinstance(rating, Mapping) and all(isinstance(rating.get(key), str) for key in wanted)
    ]
    if not known:
        return {}
    found = summary(known)
    votes = {choice: number(found["votes"][choice]) for choice in CHOICES}
    counts = {key: number(found[key]) for key in ("raters", "prompts")}
    share, ends = found["share"], found["interval"]
    return {
        "n": number(len(known)),
        **counts,
        **{choice.replace(" ", "-"): count for choice, count in votes.items()},
        "share": "" if share is None else percent(share, 1),
        "ends": [percent(end, 1) for end in ends] if ends else [],
    }


def cost(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return `columns` and `rows` of what each step was planned to take, and took; {} if untold.

    A column that nobody filled is left out. The last row, without a step, is the time of all.
    """
    rows = [{"step": str(step["step"]), **_spent(step)} for step in said["steps"]]
    rows = [row for row in rows if any(row[column] for column in COSTS)]
    columns = [column for column in COSTS if any(row[column] for row in rows)]
    seconds = sum(amount(part(step, "cost"), "seconds") or 0 for step in said["steps"])
    if seconds and len(rows) > 1:
        rows.append({"step": "", **dict.fromkeys(COSTS, ""), "took": span(seconds)})
    return {"columns": columns, "rows": rows} if rows else {}


def _spent(step: Mapping[str, Any]) -> dict[str, str]:
    told = part(step, "cost")
    took, planned = amount(told, "seconds"), amount(told, "planned_seconds")
    peak = amount(told, "peak_bytes")
    return {
        "tokens_planned": _count(amount(part(step, "settings"), "tokens")),
        "tokens": _count(amount(part(step, "facts"), "tokens")),
        "planned": "" if planned is None else span(planned),
        "took": "" if took is None else span(took),
        "memory": "" if peak is None else size(peak),
    }


def _count(value: float | None) -> str:
    return number(value) if value else ""


def _text(value: Any) -> str:
    return number(value) if is_number(value) else ""
