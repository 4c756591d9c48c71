"""Which lessons to learn from: the stage `select` and the selectors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from locale_tune.api import Command, Job, Selector, Stage, hookimpl
from locale_tune_curation import selectors
from locale_tune_curation.settings import SelectSettings

SELECTORS = {
    "all": (selectors.everything, "every clean lesson, whatever the budget"),
    "random": (selectors.random_sample, "a sample that the seed decides"),
    "novelselect": (selectors.novelselect, "each pick as novel as can be beside those before"),
    "mig": (selectors.mig, "the picks that bring most to a graph of labels"),
    "mdaq": (selectors.mdaq, "the best lessons, then the best of clusters not yet covered"),
    "kcenter": (selectors.kcenter, "each pick as far as can be from those before"),
}


@hookimpl
def locale_tune_selectors() -> Iterator[Selector]:
    """Offer the ways to choose."""
    for name, (function, doc) in SELECTORS.items():
        yield Selector(name, select=function, doc=doc)


@hookimpl
def locale_tune_stages() -> Iterator[Stage]:
    """Offer `select`."""
    yield Stage(
        "select",
        needs=("corpus", "base"),
        makes="lessons",
        run=_select,
        settings=SelectSettings,
        version="3",
        reads=("prompts",),
        heavy=True,
        libraries=("numpy", "pyarrow"),
        uses=("selectors", "filters"),
        doc="drop broken and repeated chats, choose among the others, shuffle",
    )


@hookimpl
def locale_tune_commands() -> Iterator[Command]:
    """Offer `locale-tune select`."""
    yield Command(
        "select",
        load=_command,
        doc="Choose the best and most different lines of JSONL files; needs no pack.",
    )


def _command() -> Any:
    from locale_tune_curation.command import command

    return command


def _select(job: Job) -> dict[str, Any]:
    from locale_tune_curation.select import run

    return run(job)
