"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

Command = Callable[..., Any]
OPTIONS = {
    "overrides": click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="STAGE.SETTING=VALUE",
        help="Change one setting; may be given more than once.",
    ),
    "base": click.option("--base", default="", metavar="URI", help="Another base model."),
    "out": click.option(
        "--out",
        type=click.Path(file_okay=False, path_type=Path),
        help="Run directory (default: runs/PACK).",
    ),
    "seed": click.option("--seed", default=0, show_default=True, help="Seed of all choices."),
    "budget": click.option(
        "--budget",
        default="",
        metavar="10m",
        help="Training time: 90s, 10m, 2h, or none (default: 10m without a GPU).",
    ),
    "device": click.option(
        "--device",
        type=click.Choice(["auto", "cpu", "cuda"]),
        default="auto",
        show_default=True,
        help="Where to train.",
    ),
}


def with_options(*names: str) -> Callable[[Command], Command]:
    """Return a decorator that adds some of OPTIONS to a command, in their order here."""

    def add(command: Command) -> Command:
        for name in reversed([name for name in OPTIONS if name in names]):
            command = OPTIONS[name](command)
        return command

    return add


build_options = with_options(*OPTIONS)  # what decides a plan
corpus_options = with_options("overrides", "out", "seed")  # what decides a corpus
