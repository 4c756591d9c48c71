"""Prepare reliability diagrams: pair before with after, keep the bins that hold answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .figures import between, number

SIDES = ("before", "after")
LOWER = "\u2193"


def diagrams(reliability: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return one diagram per group and language, in the order measured.

    Each has `on`, `lang`, `curves` (one or two, before first, with `points` and all numbers),
    `top` (the largest share of answers in a bin, which scales the bars), `rows` for the table of
    scores, `bins` for the table of points, and `words` (a description of the picture).
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
        "rows": _score_rows(curves),
        "bins": _bin_rows(curves),
        "words": " ".join(_sentence(curve) for curve in curves),
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
    return {**entry, "side": side, "points": points, "total_bins": len(bins)}


def _score_rows(curves: list[dict[str, Any]]) -> list[tuple[str, list[str]]]:
    """Return (label, one text per curve) for each score; scores nobody measured are left out."""
    labels = {
        "n": "answers",
        "accuracy": "share right",
        "ece": f"ECE {LOWER}",
        "interval": "95 % interval of ECE",
        "smooth_ece": f"smooth ECE {LOWER}",
        "adaptive_ece": f"ECE, bins of equal size {LOWER}",
        "rms": f"root mean square gap {LOWER}",
        "mce": f"largest gap {LOWER}",
        "brier": f"Brier score {LOWER}",
        "nll": f"negative log-likelihood {LOWER}",
        "confidence": "mean confidence",
        "overconfidence": "confidence minus share right",
        "selective 0.5": "share right, surest half",
        "selective 0.8": "share right, surest 80 %",
        "selective risk_area": f"area under risk and coverage {LOWER}",
        "dev": "answers that fit the temperature (dev)",
        "temperature": "temperature, fitted on dev",
        "ece_scaled": f"ECE with that temperature {LOWER}",
        "nll_scaled": f"negative log-likelihood with it {LOWER}",
    }
    rows = [(label, [_score(curve, key) for curve in curves]) for key, label in labels.items()]
    return [(label, texts) for label, texts in rows if any(texts)]


def _score(curve: Mapping[str, Any], key: str) -> str:
    if key == "interval":
        ends = curve.get("ece_interval")
        return between(ends, 3) if ends and None not in ends else ""
    table, _, name = key.rpartition(" ")
    value = (curve.get(table) or {}).get(name) if table else curve.get(name)
    if value is None:
        return ""
    return number(value) if key in ("n", "dev") else number(value, 3)


def _bin_rows(curves: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return one row per bin that holds answers on either side, with both sides' numbers."""
    used = sorted({point["bin"] for curve in curves for point in curve["points"]})
    sides = [{point["bin"]: point for point in curve["points"]} for curve in curves]
    total = max((curve["total_bins"] for curve in curves), default=0)
    return [
        {
            "range": f"{index / total:.2f} to {(index + 1) / total:.2f}",
            "cells": [_cells(points.get(index)) for points in sides],
        }
        for index in used
    ]


def _cells(point: Mapping[str, Any] | None) -> list[str]:
    if point is None:
        return ["0", "", "", ""]
    ends = (point["low"], point["high"])
    interval = between(ends, 2) if None not in ends else ""
    texts = [number(point[key], 3) for key in ("confidence", "accuracy")]
    return [number(point["count"]), *texts, interval]


def _sentence(curve: Mapping[str, Any]) -> str:
    scores = f"accuracy {_score(curve, 'accuracy') or 'unknown'}, ECE {_score(curve, 'ece')}"
    points = ", ".join(
        f"{point['confidence']:.2f} to {point['accuracy']:.2f}" for point in curve["points"]
    )
    return (
        f"{curve['side'].capitalize()}: {_score(curve, 'n')} answers, {scores}; "
        f"confidence to share right: {points or 'no answers'}."
    )
