"""Check native libraries before they are loaded: what is imported must be what was meant."""

from __future__ import annotations

from functools import cache
from importlib.metadata import packages_distributions

from locale_tune.api import PluginError


@cache
def only_one(module: str) -> None:
    """Raise PluginError when several installed distributions bring one top-level module.

    Each installation overwrites files of the other, so nobody knows which code would run.
    """
    names = sorted(set(packages_distributions().get(module, ())))
    if len(names) > 1:
        raise PluginError(
            f"the module '{module}' was installed by {' and by '.join(names)}: which of them runs "
            "is chance",
            f"pip uninstall {' '.join(names)}, then install the one that you mean again",
        )
