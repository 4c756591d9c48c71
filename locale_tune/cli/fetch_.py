"""`locale-tune fetch PACK`."""

from __future__ import annotations

import sys

import click

from locale_tune import assets, plugins
from locale_tune.packfile import read_pack


@click.command("fetch")
@click.argument("pack")
def command(pack: str) -> None:
    """Download what PACK names and this machine lacks; a later build can then be offline."""
    found = plugins.find_language(pack)
    shown = read_pack(found.root, found.distribution, found.version)
    lost = 0
    for source in shown.sources:
        if not source.on:
            continue
        item = assets.fetch(source, shown.root)
        lost += item.path is None
        click.echo(
            f"  {'ok     ' if item.path else 'missing'} {source.id}  {item.how or item.problem}"
        )
    sys.exit(1 if lost else 0)
