"""`locale-tune check PACK`."""

from __future__ import annotations

import sys

import click

from locale_tune import plugins
from locale_tune.conformance import check_pack


@click.command("check")
@click.argument("pack")
def command(pack: str) -> None:
    """Check PACK (an id, or a folder): every mistake as a sentence with file and line.

    Exit 0: it meets every rule; 1: a rule is broken; 2: pack.toml cannot be read.
    """
    found = plugins.find_language(pack)
    broken = 0
    for verdict in check_pack(found):
        click.echo(f"  {verdict.state:4}  {verdict.rule:10} {verdict.text}")
        if verdict.remedy:
            click.echo(f"        try: {verdict.remedy}")
        broken += verdict.state == "fix"
    click.echo("the pack meets every rule" if not broken else f"{broken} to fix")
    sys.exit(1 if broken else 0)
