"""How `build --sweep` runs and looks on a terminal."""

from __future__ import annotations

import os
from collections.abc import Sequence

from rich.table import Table

from locale_tune.build import Options
from locale_tune.cli.screen import TerminalScreen
from locale_tune.curves import ACCURACY, ECE, Figure, Sweep, languages
from locale_tune.errors import PlanError
from locale_tune.sweep import HOW, RESULT, sweep


def run(
    pack: str, settings: Sequence[str], seeds: int, options: Options, screen: TerminalScreen
) -> None:
    """Run a sweep and print its table and what it recommends. Nothing is applied."""
    if not settings:
        raise PlanError("--seeds needs a setting to compare", HOW)
    found, folder = sweep(pack, settings, seeds, options, screen)
    screen.console.print()
    screen.console.print(table(found))
    screen.console.print()
    for sentence in sentences(found):
        screen.note(sentence)
    for name in (RESULT, "sweep.html"):
        if (folder / name).exists():
            screen.note(f"{name}: {os.path.relpath(folder / name)}")


def table(sweep: Sweep) -> Table:
    """Return one row per point; mean and, over several seeds, standard deviation."""
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for axis in sweep.axes:
        shown.add_column(axis.setting.partition(".")[2], no_wrap=True)
    columns = [(on, check) for on in languages(sweep) for check in (ACCURACY, ECE)]
    for on, check in columns:
        shown.add_column(f"{check.replace(ECE, 'ECE')} {on}", justify="right", no_wrap=True)
    cells = {(f.values, f.on, f.check): _cell(f) for f in sweep.figures}
    for values in dict.fromkeys(trial.values for trial in sweep.trials):
        picked = sweep.recommended and sweep.recommended.values == values
        row = [cells.get((values, *column), "failed") for column in columns]
        shown.add_row(*values, *row, style="bold" if picked else "")
    return shown


def _cell(figure: Figure) -> str:
    digits = 1 if figure.unit == "%" else 3
    spread = "" if figure.spread is None else f" ± {figure.spread:.{digits}f}"
    return f"{figure.mean:.{digits}f}{spread}"


def sentences(sweep: Sweep) -> list[str]:
    """Return what went wrong in trials, and what is recommended by which rule."""
    said = []
    for trial in sweep.trials:
        at = " ".join([*trial.values, f"seed {trial.seed}"])
        said += [f"bound failed at {at}: {sentence}" for sentence in trial.broken]
        said += [f"no result at {at}: {trial.failed}"] if trial.failed else []
    best = sweep.recommended
    if best is None:
        return [*said, f"nothing to recommend by: no accuracy and ECE in {sweep.locale.tag}"]
    pairs = zip(sweep.axes, best.values, strict=True)
    chosen = " ".join(f"--set {axis.setting}={value}" for axis, value in pairs)
    return [
        *said,
        f"recommended, not applied: {chosen}",
        f"  {best.reading}",
        f"  rule: {best.rule}",
    ]
