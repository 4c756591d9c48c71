"""Prepare the fertility curve: tokens per word at each number of new tokens, and what was taken."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from .facts import amount, entries, part
from .figures import NONE, number

Point = tuple[float, float]
TICKS = 4
NAMES = {"knee": "knee of the curve", "frequent": "limit of min_frequency"}


@dataclass(frozen=True)
class Curve:
    """A measured curve. `points` are (new tokens, tokens per word), each size once, in order.

    `marks` are the sizes that knee and frequency limit would take, `taken` the smaller of them or
    what the settings chose; the floor is in pre-tokens per word.
    """

    points: list[Point]
    taken: float
    marks: Mapping[str, float]
    floor: float | None

    def at(self, size: float) -> tuple[float, float] | None:
        """Return the values measured around a size, the same twice where it was measured."""
        before = [value for there, value in self.points if there <= size]
        after = [value for there, value in self.points if there >= size]
        return (before[-1], after[0]) if before and after else None

    def drawn(self, size: float) -> float:
        """Return the height of the line that joins the points; beyond the last, its height."""
        for (left, high), (right, low) in pairwise(self.points):
            if left <= size <= right:
                return high + (low - high) * (size - left) / (right - left)
        return self.points[-1][1]

    def value(self, size: float) -> str:
        """Write the value at a size; between two measured ones, as what it lies between."""
        found = self.at(size)
        if found is None:
            return NONE
        ends = sorted({number(value, 2) for value in found})
        return " to ".join(ends)


def taken_of(extension: Mapping[str, Any]) -> float:
    """Return the new tokens that merges made; letters stand at every point of the curve."""
    all_new, letters = amount(extension, "new_tokens") or 0, amount(extension, "letters") or 0
    return max(0, all_new - letters)


def floor_of(extension: Mapping[str, Any]) -> float | None:
    """Return the pre-tokenizer floor of the tokenizer that was written."""
    floor = amount(part(extension, "pretokenizer"), "floor_after") if upgraded(extension) else None
    return amount(extension, "floor") if floor is None else floor


def upgraded(extension: Mapping[str, Any]) -> bool:
    """Tell whether the pre-tokenizer was upgraded: accepted, and written with new tokens."""
    accepted = part(extension, "pretokenizer").get("accepted") is True
    return accepted and bool(amount(extension, "new_tokens"))


def curve_of(extension: Mapping[str, Any]) -> Curve | None:
    """Read the curve from what `extend` says; None without two points to join."""
    found: dict[float, float] = {}
    for entry in entries(extension, "curve"):
        if isinstance(entry, Mapping):
            size, value = amount(entry, "new_tokens"), amount(entry, "tokens_per_word")
            if size is not None and value is not None and size >= 0:
                found[size] = value
    if len(found) < 2:
        return None
    sizes = {name: amount(extension, name) for name in NAMES}
    marks = {name: size for name, size in sizes.items() if size is not None and size >= 0}
    return Curve(sorted(found.items()), taken_of(extension), marks, floor_of(extension))


def chart(extension: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what the chart draws and its table says; None without a curve.

    `points`, `taken`, `guides` and `floor` hold places from 0 to 1 (x onwards, y upwards),
    `xticks` and `yticks` (place, text), `legend` the marks in words, `rows` the table, `words` a
    description of the picture.
    """
    curve = curve_of(extension)
    if curve is None:
        return None
    values = [value for _, value in curve.points]
    xticks = ticks(0, max(curve.points[-1][0], curve.taken, *curve.marks.values(), 1))
    yticks = ticks(*_span([*values, *([] if curve.floor is None else [curve.floor])]))

    def x(size: float) -> float:
        return size / xticks[-1]

    def y(value: float) -> float:
        return (value - yticks[0]) / (yticks[-1] - yticks[0])

    return {
        "points": [{"x": x(size), "y": y(value)} for size, value in curve.points],
        "taken": {"x": x(curve.taken), "y": y(curve.drawn(curve.taken))},
        "guides": {name: x(size) for name, size in curve.marks.items()},
        "floor": None if curve.floor is None else y(curve.floor),
        "xticks": [(x(tick), number(tick)) for tick in xticks],
        "yticks": [(y(tick), f"{tick:g}") for tick in yticks],
        "legend": legend(curve),
        "rows": table(curve),
        "words": words(curve),
    }


def table(curve: Curve) -> list[dict[str, str]]:
    """Return one row per measured or marked size, with what it is."""
    names: dict[float, list[str]] = {curve.taken: ["taken"]}
    for name, size in curve.marks.items():
        names.setdefault(size, []).append(NAMES[name])
    return [
        {
            "size": number(size),
            "value": curve.value(size),
            "mark": ", ".join(names.get(size, [])),
        }
        for size in sorted({*(size for size, _ in curve.points), *names})
    ]


def legend(curve: Curve) -> list[tuple[str, str]]:
    """Return (kind of mark, its words): what was taken, knee, frequency limit and floor."""
    taken = f"taken: {number(curve.taken)}, {curve.value(curve.taken)} tokens per word"
    marks = [(name, f"{NAMES[name]}: {number(size)}") for name, size in curve.marks.items()]
    floor = [] if curve.floor is None else [("floor", f"floor: {number(curve.floor, 2)}")]
    return [("taken", taken), *marks, *floor]


def words(curve: Curve) -> str:
    """Describe the picture for those who do not see it."""
    ends = " to ".join(number(curve.points[place][1], 2) for place in (0, -1))
    marks = "; ".join(text for _, text in legend(curve))
    return (
        f"Tokens per word go from {ends} with {number(curve.points[-1][0])} new tokens. "
        f"{marks[:1].upper()}{marks[1:]}."
    )


def _span(values: list[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def ticks(low: float, high: float) -> list[float]:
    """Return round numbers (1, 2 or 5 times a power of ten apart) from below low to above high."""
    rough = (high - low) / TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * lead for lead in (1, 2, 5, 10) if power * lead >= rough * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(step * place, 10) for place in range(first, max(last, first + 1) + 1)]
