"""`locale-tune show PACK`."""

from __future__ import annotations

import click

from locale_tune import plugins
from locale_tune.packfile import read_pack


@click.command("show")
@click.argument("pack")
def command(pack: str) -> None:
    """Show PACK: language, base model, stages, sources with licence, bounds."""
    found = plugins.find_language(pack)
    shown = read_pack(found.root, found.distribution, found.version)
    locale = shown.locale
    direction = "right-to-left" if locale.direction == "rtl" else "left-to-right"
    click.echo(f"{locale.id} · {locale.name} · \u2068{locale.endonym}\u2069")
    click.echo(f"tag {locale.tag}, script {locale.script}, {direction}")
    if locale.variety_of:
        click.echo(
            f"a variety of {locale.variety_of}, measured against {', '.join(locale.contrasts)}"
        )
    click.echo(f"from {shown.distribution} {shown.version}".rstrip())
    click.echo(f"base model {shown.base_model}")
    click.echo(f"stages {' -> '.join(shown.stages)}")
    click.echo(f"code   {'yes: needs locale-tune trust' if shown.code else 'none'}")
    click.echo("\nsources")
    for source in shown.sources:
        state = "" if source.on else "  (off by default)"
        where = source.variety or source.lang
        click.echo(f"  {source.id:28} {source.role:9} {where:12} {source.licence}{state}")
        click.echo(f"    {source.uri}")
        if source.note:
            click.echo(f"    {source.note}")
    for bound in shown.bounds:
        limits = [f"{k} {v}" for k, v in (("min", bound.min), ("max", bound.max)) if v is not None]
        click.echo(f"bound  {bound.check} {bound.on} {bound.of} {' '.join(limits)}")
