"""`locale-tune report RUN`."""

from __future__ import annotations

from pathlib import Path

import click

from locale_tune.api import open_run

from .remake import remake


@click.command("report")
@click.argument("run", type=click.Path(path_type=Path))
def command(run: Path) -> None:
    """Make the report page of RUN anew, with ratings and results of lm-eval that were added since.

    RUN is a run directory such as runs/rm, or just the id of a pack built here.
    """
    click.echo(f"report: {remake(open_run(run))}")
