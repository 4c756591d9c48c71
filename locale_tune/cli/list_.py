"""`locale-tune list`."""

from __future__ import annotations

import click

from locale_tune.errors import LocaleTuneError
from locale_tune.headline import installed_headlines


@click.command("list")
def command() -> None:
    """List the installed language packs."""
    rows = list(installed_headlines())
    if not rows:
        click.echo("no language pack is installed\n  try: pip install locale-tune-rm")
    for found, headline in rows:
        if isinstance(headline, LocaleTuneError):
            click.echo(
                f"{found.id:12} broken: {headline.problem}   ({found.distribution})", err=True
            )
            continue
        # Isolates keep a right-to-left endonym from reordering the rest of the line.
        endonym = f"\u2068{headline['endonym']}\u2069"
        tag = f"{headline['tag']}-{headline['script']}"
        offered = f"{found.distribution} {found.version}"
        click.echo(f"{found.id:12} {tag:10} {headline['name']} · {endonym}   {offered}")
