"""How a heavy step is started: in a process of its own on this machine."""

from __future__ import annotations

from collections.abc import Iterator

from locale_tune.api import Launcher, hookimpl


def local(argv: list[str]) -> list[str]:
    """Start the worker as it is."""
    return argv


@hookimpl
def locale_tune_launchers() -> Iterator[Launcher]:
    """Offer `local`; a cluster's plugin puts `srun` or `accelerate launch` in front instead."""
    yield Launcher("local", command=local, doc="a process on this machine")
