"""What the page shows besides findings: varieties, how answers vary, ratings, and the cost.

All of it comes from other plugins and from people: what does not have the shape is not shown.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from .facts import amount, entries, part, spaced
from .figures import number, percent, size, span

CHOICES = ("before", "after", "tie")


def varieties(said: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a confusion matrix per side: rows are what was asked for, columns what came."""
    found = part(part(said, "shown"), "varieties")
    labels = entries(found, "labels")
    tables = []
    for side in ("before", "after"):
        rows = [list(row) for row in entries(found, side) if _is_row(row, len(labels))]
        if labels and len(rows) == len(labels):
            tables.append({"side": side, "labels": labels, "rows": list(_matrix(labels, rows))})
    return tables


def _matrix(labels: list[Any], rows: list[list[float]]) -> Iterator[dict[str, Any]]:
    for place, (label, row) in enumerate(zip(labels, rows, strict=True)):
        whole = sum(row)
        yield {
            "label": str(label),
            "cells": [{"text": number(n), "right": at == place} for at, n in enumerate(row)],
            "right": percent(row[place], whole) if whole > 0 else "",
        }


def _is_row(row: Any, length: int) -> bool:
    return isinstance(row, list) and len(row) == length and all(map(is_number, row))


def collapse(said: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return measure, base and localized of how much answers vary.

    Read from `{"before": {measure: number}, "after": {...}}` or `{measure: {"before": ...}}`,
    also nested by group; what is neither is not shown.
    """
    return list(_paired("", part(part(said, "shown"), "collapse")))


def _paired(name: str, facts: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    before, after = facts.get("before"), facts.get("after")
    if isinstance(before, Mapping) or isinstance(after, Mapping):
        sides = [dict(flatten_numbers(side)) for side in (before, after)]
        for key in dict.fromkeys([*sides[0], *sides[1]]):
            texts = [number(side[key]) if key in side else "" for side in sides]
            yield {"name": spaced(f"{name} {key}".strip()), "before": texts[0], "after": texts[1]}
    elif is_number(before) or is_number(after):
        texts = [number(value) if is_number(value) else "" for value in (before, after)]
        yield {"name": spaced(name), "before": texts[0], "after": texts[1]}
    else:
        for key, value in facts.items():
            if isinstance(value, Mapping):
                yield from _paired(f"{name} {key}".strip(), value)


def flatten_numbers(value: Any, prefix: str = "") -> Iterator[tuple[str, float]]:
    """Yield (name, number) for every number in nested mappings."""
    for key, item in value.items() if isinstance(value, Mapping) else ():
        name = f"{prefix} {key}".strip()
        if isinstance(item, Mapping):
            yield from flatten_numbers(item, name)
        elif is_number(item):
            yield name, item


def ratings(said: Mapping[str, Any]) -> dict[str, Any]:
    """Count what people chose: n, raters, after, before, tie, and the share with its interval.

    Empty without ratings. The share is of those who saw a difference; its interval is exact
    (Clopper and Pearson, Biometrika 26, 1934, 404-413).
    """
    known = [r for r in entries(said, "ratings") if isinstance(r, Mapping)]
    counts = Counter(str(rating.get("choice")) for rating in known)
    chosen = {choice: counts[choice] for choice in CHOICES}
    n = sum(chosen.values())
    if not n:
        return {}
    seen = chosen["before"] + chosen["after"]
    low, high = binomial_interval(chosen["after"], seen)
    raters = {str(r["rater"]) for r in known if r.get("rater") not in (None, "")}
    return {
        "n": number(n),
        "raters": number(len(raters)) if raters else "",
        **{choice: number(count) for choice, count in chosen.items()},
        "share": percent(chosen["after"], seen) if seen else "",
        "ends": [percent(low, 1), percent(high, 1)] if seen else [],
    }


def binomial_interval(wins: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Return the exact (Clopper-Pearson) interval of a share, by bisection; (0, 1) for n = 0.

    low: P(X >= wins | low) = (1 - level) / 2; high: P(X <= wins | high) = (1 - level) / 2.
    """
    tail = (1 - level) / 2
    low = 0.0 if wins == 0 else _bisect(lambda p: 1 - _below(wins - 1, n, p), tail)
    high = 1.0 if wins == n else _bisect(lambda p: -_below(wins, n, p), -tail)
    return low, high


def _below(most: int, n: int, p: float) -> float:
    """Return P(X <= most) for X of n draws with chance p."""
    return math.fsum(math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(most + 1))


def _bisect(rising: Any, wanted: float) -> float:
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < wanted else (low, middle)
    return (low + high) / 2


def cost(said: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return tokens and time, planned and taken, and the most memory of each step; [] if untold."""
    rows, seconds = [], 0.0
    for step in said["steps"]:
        spent = part(step, "cost")
        took, planned = amount(spent, "seconds"), amount(spent, "planned_seconds")
        peak = amount(spent, "peak_bytes")
        seconds += took or 0
        row = {
            "step": str(step["step"]),
            "tokens_planned": _count(amount(part(step, "settings"), "tokens")),
            "tokens": _count(amount(step["facts"], "tokens")),
            "planned": "" if planned is None else span(planned),
            "took": "" if took is None else span(took),
            "memory": "" if peak is None else size(peak),
        }
        rows += [row] if any(text for key, text in row.items() if key != "step") else []
    total = {"step": "", "took": span(seconds)} if seconds and len(rows) > 1 else {}
    empty = dict.fromkeys(("tokens_planned", "tokens", "planned", "memory"), "")
    return [*rows, {**empty, **total}] if total else rows


def _count(value: float | None) -> str:
    return number(value) if value else ""


def is_number(value: Any) -> bool:
    """Whether a value is a finite number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
