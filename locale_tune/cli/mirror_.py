"""`locale-tune mirror DIR [PACK...]`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from locale_tune import plugins
from locale_tune.errors import LocaleTuneError
from locale_tune.headline import installed_languages
from locale_tune.mirror import mirror
from locale_tune.packfile import read_pack
from locale_tune.schema import LanguagePack


@click.command("mirror")
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@click.argument("packs", nargs=-1)
@click.option("--all", "off", is_flag=True, help="Also sources that are off in their pack.")
def command(directory: Path, packs: tuple[str, ...], off: bool) -> None:
    """Bring every pinned text of PACKS (default: all installed) into DIRECTORY.

    On a machine without a network, set LOCALE_TUNE_MIRROR to it. Running it again brings what is
    new. Exit 0: all are there; 1: something is missing.
    """
    lost = 0
    read, broken = _read(packs or tuple(found.id for found in installed_languages()))
    for problem in broken:
        lost += 1
        click.echo(f"  broken   {problem}", err=True)
    for line in mirror(directory, read, off):
        lost += line.state == "missing"
        name = f"{line.entry['pack']}/{line.entry['source']}"
        size = f"{line.entry['size'] or 0:,} bytes"
        told = line.problem or f"{size}  {line.entry['licence']}"
        click.echo(f"  {line.state:7}  {name:36} {told}")
    click.echo(f"LOCALE_TUNE_MIRROR={directory.resolve()}" if not lost else f"{lost} missing")
    sys.exit(1 if lost else 0)


def _read(names: tuple[str, ...]) -> tuple[list[LanguagePack], list[str]]:
    """Read packs; one that cannot be read is told and costs no other its files."""
    read: list[LanguagePack] = []
    broken: list[str] = []
    for name in names:
        try:
            found = plugins.find_language(name)
            read.append(read_pack(found.root, found.distribution, found.version))
        except LocaleTuneError as error:
            broken.append(f"{name}: {error}")
    return read, broken
