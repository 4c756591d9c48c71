"""Prepare reliability diagrams: pair before with after, keep the bins that hold answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .facts import is_number, part
from .figures import number, percent

SIDES = {"before": "base", "after": "localized"}
# The scores of a diagram in their order, and which of them are better when lower.
SCORES = {
    "n": False,
    "accuracy": False,
    "confidence": False,
    "overconfidence": False,
    "ece": True,
    "smooth_ece": True,
    "adaptive_ece": True,
    "rms": True,
    "mce": True,
    "brier": True,
    "nll": True,
    "risk_area": True,
    "temperature": False,
    "dev": False,
    "ece_scaled": True,
    "nll_scaled": True,
}
COUNTS = ("n", "dev")
Cell = str | list[str]  # one number, or the two ends of an interval


def diagrams(reliability: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return one diagram per group and language, in the order measured.

    Each has `on`, `lang`, `curves` (one or two, before first, with `points` and all numbers),
    `top` (the largest share of answers in a bin, which scales the bars), `rows` for the table of
    scores, and `bins` for the table of points.
    """
    groups: dict[tuple[str, str], dict[str, Any]] = {}
    for entry in reliability:
        key = (str(entry["on"]), str(entry.get("lang", "")))
        groups.setdefault(key, {})[entry["side"]] = entry
    return [_diagram(key, sides) for key, sides in groups.items()]


def _diagram(key: tuple[str, str], sides: Mapping[str, Any]) -> dict[str, Any]:
    curves = [_curve(side, sides[side]) for side in SIDES if side in sides]
    shares = [point["share"] for curve in curves for point in curve["points"]]
    return {
        "on": key[0],
        "lang": key[1],
        "curves": curves,
        "top": max(shares, default=1.0) or 1.0,
        "rows": list(_score_rows(curves)),
        "bins": _bin_rows(curves),
    }


def _curve(side: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    bins = list(entry.get("bins") or [])
    total = sum(b[0] or 0 for b in bins) or 1
    points = [
        {
            "bin": index,
            "count": count,
            "share": count / total,
            "confidence": confidence,
            "accuracy": accuracy,
            "low": low,
            "high": high,
        }
        for index, (count, confidence, accuracy, low, high) in enumerate(bins)
        if count and confidence is not None and accuracy is not None
    ]
    told = {f"{key}_text": _score(entry, key) for key in ("n", "accuracy", "ece")}
    spelt = ", ".join(f"{p['confidence']:.2f} / {p['accuracy']:.2f}" for p in points)
    shown = {"side": side, "who": SIDES[side], "points": points, "total_bins": len(bins)}
    return {"ece": None, **entry, **shown, **told, "points_text": spelt}


def _score_rows(curves: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield label, direction, and one cell per curve for each score; unmeasured ones are left out.

    A cell is a text and the two ends of its interval, if there is one: `{score}_interval` beside
    it, or in the curve's `intervals`.
    """
    for key, lower in SCORES.items():
        cells = [{"text": _score(curve, key), "ends": _interval(curve, key)} for curve in curves]
        if any(cell["text"] for cell in cells):
            yield {"label": f"score-{key}", "slots": {}, "lower": lower, "cells": cells}
        if key == "nll":
            yield from selective(curves)


def selective(curves: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield a row per share of answers kept, the surest first: the share right among these.

    A curve's `selective` maps shares to accuracies; its other keys are scores of their own.
    """
    sides = [dict(_shares(part(curve, "selective"))) for curve in curves]
    for share in sorted({share for side in sides for share in side}):
        texts = [number(side[share], 3) if share in side else "" for side in sides]
        yield {
            "label": "score-selective",
            "slots": {"share": percent(share, 1)},
            "lower": False,
            "cells": [{"text": text, "ends": ""} for text in texts],
        }


def _interval(curve: Mapping[str, Any], key: str) -> Cell:
    return _ends(curve.get(f"{key}_interval") or part(curve, "intervals").get(key), 3)


def _score(curve: Mapping[str, Any], key: str) -> str:
    value = curve.get(key, part(curve, "selective").get(key))
    if not is_number(value):
        return ""
    return number(value) if key in COUNTS else number(value, 3)


def _ends(ends: Any, digits: int) -> Cell:
    """Return the two ends of an interval, or "" where there is none."""
    if not isinstance(ends, (list, tuple)) or len(ends) != 2 or not all(map(is_number, ends)):
        return ""
    return [number(end, digits) for end in ends]


def _shares(told: Mapping[str, Any]) -> Iterator[tuple[float, float]]:
    for key, right in told.items():
        try:
            share = float(key)
        except ValueError:
            continue
        if 0 < share <= 1 and is_number(right):
            yield share, right


def _bin_rows(curves: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return one row per bin that holds answers on either side, with both sides' numbers."""
    used = sorted({point["bin"] for curve in curves for point in curve["points"]})
    sides = [{point["bin"]: point for point in curve["points"]} for curve in curves]
    total = max((curve["total_bins"] for curve in curves), default=0)
    return [
        {
            "range": (f"{index / total:.2f}", f"{(index + 1) / total:.2f}"),
            "cells": [_cells(points.get(index)) for points in sides],
        }
        for index in used
    ]


def _cells(point: Mapping[str, Any] | None) -> list[Cell]:
    if point is None:
        return ["0", "", "", ""]
    texts = [number(point[key], 3) for key in ("confidence", "accuracy")]
    return [number(point["count"]), *texts, _ends((point["low"], point["high"]), 2)]
