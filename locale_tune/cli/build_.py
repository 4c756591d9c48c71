"""`locale-tune build PACK`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from locale_tune import __version__
from locale_tune.build import Options, build
from locale_tune.cli.options import build_options
from locale_tune.cli.screen import TerminalScreen, findings_table
from locale_tune.schema import Report


@click.command("build")
@click.argument("pack")
@build_options
@click.option("--on", default="local", show_default=True, help="How heavy steps are started.")
@click.option("--until", default="", metavar="STEP", help="Stop after this step.")
@click.option(
    "--sweep",
    "sweeps",
    multiple=True,
    metavar="STAGE.SETTING=VALUE,VALUE",
    help="Build once per value and compare; given more than once it makes a grid.",
)
@click.option(
    "--seeds",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Seeds per value of --sweep.",
)
def command(pack: str, sweeps: tuple[str, ...], seeds: int, **chosen: Any) -> None:
    """Build a localized model from PACK (an id, or the folder of a pack).

    Interrupted builds go on where they stopped; finished steps with the same inputs and settings
    are not run again. Exit 0: passed; 1: a bound failed; 2: a mistake to correct.
    """
    screen = TerminalScreen()
    screen.note(f"locale-tune {__version__} · build {pack}")
    if sweeps or seeds > 1:
        from locale_tune.cli.sweep_screen import run

        run(pack, sweeps, seeds, Options(**chosen), screen)
        return
    report = build(pack, Options(**chosen), screen)
    show(report, screen)
    if report.broken:
        sys.exit(1)


def show(report: Report, screen: TerminalScreen) -> None:
    """Print what the build ended in."""
    for note in report.plan.notes:
        screen.note(f"  {note}")
    if report.findings:
        screen.console.print()
        screen.console.print(findings_table(report.findings))
        screen.console.print()
    for sentence in report.broken:
        screen.note(f"bound failed: {sentence}")
    if report.release:
        out = Path(os.path.relpath(report.release.path.parent.parent / "release"))
        screen.note(f"model:  {out / 'model'}")
        screen.note(f"report: {out / 'report.html'}")
