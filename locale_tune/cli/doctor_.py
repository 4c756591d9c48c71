"""`locale-tune doctor [PACK]`."""

from __future__ import annotations

import sys

import click

from locale_tune import __version__
from locale_tune.doctor import examine


@click.command("doctor")
@click.argument("pack", required=False, default="")
def command(pack: str) -> None:
    """Look at this machine, and at PACK if given: each problem with its fix."""
    click.echo(f"locale-tune {__version__}")
    worst = 0
    for finding in examine(pack):
        click.echo(f"  {finding.state:5} {finding.what}")
        if finding.fix:
            click.echo(f"        fix: {finding.fix}")
        worst = max(worst, int(finding.state == "fail"))
    sys.exit(worst)
