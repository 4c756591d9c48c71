"""`locale-tune trust PACK`."""

from __future__ import annotations

import click

from locale_tune import plugins, trust
from locale_tune.packfile import read_pack


@click.command("trust")
@click.argument("pack")
@click.option("--yes", is_flag=True, help="Do not ask.")
def command(pack: str, yes: bool) -> None:
    """Allow the Python code of PACK to run, as it is now; a later change needs trust again."""
    found = plugins.find_language(pack)
    shown = read_pack(found.root, found.distribution, found.version)
    if not shown.code:
        click.echo(f"{shown.locale.id} contains no code and needs no trust")
        return
    for file in trust.code_files(found.root):
        click.echo(f"  {file.relative_to(found.root)}  {file.stat().st_size:,} bytes")
    if not yes:
        click.confirm("May these files run on this machine?", abort=True)
    click.echo(f"trusted {shown.locale.id} at {trust.allow(found.root)[:12]}")
