"""Render sweep.html: what each value of a sweep did, as small charts and as a table.

One file, no script, nothing loaded from anywhere; it shares style and macros with the report.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from locale_tune.api import Axis, Figure, Sweep

from .fertility_curve import ticks
from .figures import number
from .page import environment

STYLES = ("after", "before", "third", "fourth")  # a line differs by dash and mark, not colour alone
ECE = "ece"
HALF = 0.5


def render_sweep(sweep: Sweep) -> str:
    """Return the page of a sweep."""
    page = environment(sweep.locale).get_template("sweep.html")
    return page.render(
        sweep=sweep,
        chosen=told(sweep.axes, sweep.recommended.values) if sweep.recommended else "",
        among=[told(sweep.axes, v) for v in sweep.recommended.among] if sweep.recommended else [],
        charts=[chart(sweep, on, check) for on, check in measured(sweep)],
        columns=[(name_of(sweep, on, check), on) for on, check in measured(sweep)],
        rows=table(sweep),
        trials=each_trial(sweep),
        broken=[trial for trial in sweep.trials if trial.broken or trial.failed],
    )


def measured(sweep: Sweep) -> list[tuple[str, str]]:
    """Return (language, check), the pack's language first, and calibration before accuracy."""
    found = dict.fromkeys((figure.on, figure.check) for figure in sweep.figures)
    order = list(dict.fromkeys(on for on, _ in found))
    order.sort(key=lambda on: on != sweep.locale.tag)
    return sorted(found, key=lambda pair: (order.index(pair[0]), pair[1] != ECE))


def name_of(sweep: Sweep, on: str, check: str) -> str:
    """Return the label under which the check was reported."""
    return next(f.label for f in sweep.figures if (f.on, f.check) == (on, check))


def told(axes: Sequence[Axis], values: Sequence[str]) -> str:
    """Say one point in words: `label_smoothing 0.1, smooth_over language`."""
    pairs = zip(axes, values, strict=True)
    return ", ".join(f"{axis.setting.partition('.')[2]} {value}" for axis, value in pairs)


def chart(sweep: Sweep, on: str, check: str) -> dict[str, Any]:
    """Return what one chart draws: places from 0 to 1 (x onwards, y upwards), and its words.

    The values of the first axis stand side by side in the order given; each combination of the
    others is a line. Whiskers reach one standard deviation over seeds to either side.
    """
    here = [f for f in sweep.figures if (f.on, f.check) == (on, check)]
    first, *others = sweep.axes
    ends = [f.mean + sign * (f.spread or 0.0) for f in here for sign in (-1, 1)]
    ends += [f.before for f in here if f.before is not None]
    low, high = min(ends), max(ends)
    yticks = ticks(*((low, high) if high > low else (low - HALF, high + HALF)))

    def x(figure: Figure) -> float:
        return (first.values.index(figure.values[0]) + HALF) / len(first.values)

    def y(value: float) -> float:
        return (value - yticks[0]) / (yticks[-1] - yticks[0])

    def point(figure: Figure) -> dict[str, float]:
        spread = figure.spread or 0.0
        heights = {"y": figure.mean, "low": figure.mean - spread, "high": figure.mean + spread}
        return {"x": x(figure)} | {name: y(value) for name, value in heights.items()}

    names = dict.fromkeys(figure.values[1:] for figure in here)
    before = here[0].before
    return {
        "title": here[0].label,
        "lang": on,
        "unit": here[0].unit,
        "setting": first.setting.partition(".")[2],
        "lines": [
            {
                "style": STYLES[index % len(STYLES)],
                "name": told(others, values) or "localized",
                "points": [point(f) for f in here if f.values[1:] == values],
            }
            for index, values in enumerate(names)
        ],
        "before": None if before is None else y(before),
        "base": number(before, digits(check)),
        "xticks": [((i + HALF) / len(first.values), text) for i, text in enumerate(first.values)],
        "yticks": [(y(tick), f"{tick:g}") for tick in yticks],
        "words": ". ".join(f"{told(sweep.axes, f.values)}: {cell(f)}" for f in here) + ".",
    }


def digits(check: str) -> int:
    """Return how many decimals a check is shown with."""
    return 3 if check == ECE else 1


def cell(figure: Figure) -> str:
    """Write a mean, and its standard deviation where there are several seeds."""
    places = digits(figure.check)
    spread = "" if figure.spread is None else f" \u00b1 {number(figure.spread, places)}"
    return number(figure.mean, places) + spread


def table(sweep: Sweep) -> list[dict[str, Any]]:
    """Return the untuned base and every point: a name, and a text for each language and check."""
    columns = measured(sweep)
    cells = {(f.values, f.on, f.check): cell(f) for f in sweep.figures}
    base = {(f.on, f.check): number(f.before, digits(f.check)) for f in sweep.figures}
    untuned = [base[column] for column in columns]
    rows: list[dict[str, Any]] = [
        {"name": "base model, not tuned", "texts": untuned, "picked": False}
    ]
    for values in dict.fromkeys(trial.values for trial in sweep.trials):
        texts = [cells.get((values, *column), "no result") for column in columns]
        picked = sweep.recommended is not None and sweep.recommended.values == values
        rows.append({"name": told(sweep.axes, values), "texts": texts, "picked": picked})
    return rows


def each_trial(sweep: Sweep) -> list[dict[str, Any]]:
    """Return every trial with its own numbers, in the order of the table's columns."""
    rows = []
    for trial in sweep.trials:
        found = {(f.on, f.check): number(f.after, digits(f.check)) for f in trial.findings}
        texts = [found.get(column, "no result") for column in measured(sweep)]
        rows.append({"name": told(sweep.axes, trial.values), "seed": trial.seed, "texts": texts})
    return rows
