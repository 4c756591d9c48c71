"""`locale-tune status PACK`."""

from __future__ import annotations

from typing import Any

import click

from locale_tune.build import Options, preview, run_directory
from locale_tune.cli.options import build_options
from locale_tune.store import Runs


@click.command("status")
@click.argument("pack")
@build_options
@click.option("--why", is_flag=True, help="Name what differs from the newest other result.")
def command(pack: str, why: bool, **chosen: Any) -> None:
    """Show which steps of PACK's build are made, begun or still to do, with these options."""
    options = Options(**chosen)
    plan = preview(pack, options, lambda text: click.echo(text, err=True))
    runs = Runs(run_directory(plan.pack, options), plan)
    for step in plan.steps:
        made = runs.made(step)
        begun = any(runs.work(step).glob("checkpoint-*"))
        state = "made" if made else "begun" if begun else "to do"
        line = f"  {step.name:9} {state:6} {step.fingerprint[:12]}"
        if why:
            line += "  " + ("same settings, same inputs" if made else f"because {runs.why(step)}")
        click.echo(line)
