"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click


def build_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what decides a plan: settings, base model, folder, seed, budget, device."""
    for option in reversed(
        (
            click.option(
                "--set",
                "overrides",
                multiple=True,
                metavar="STAGE.SETTING=VALUE",
                help="Change one setting; may be given more than once.",
            ),
            click.option("--base", default="", metavar="URI", help="Another base model."),
            click.option(
                "--out",
                type=click.Path(file_okay=False, path_type=Path),
                help="Run directory (default: runs/PACK).",
            ),
            click.option("--seed", default=0, show_default=True, help="Seed of all choices."),
            click.option(
                "--budget",
                default="",
                metavar="10m",
                help="Training time: 90s, 10m, 2h, or none (default: 10m without a GPU).",
            ),
            click.option(
                "--device",
                type=click.Choice(["auto", "cpu", "cuda"]),
                default="auto",
                show_default=True,
                help="Where to train.",
            ),
        )
    ):
        command = option(command)
    return command
