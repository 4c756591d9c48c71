"""Which lessons to learn from: the stage `select` and the simple selectors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from locale_tune.api import Job, Selector, Stage, hookimpl
from locale_tune_curation.selectors import everything, random_sample
from locale_tune_curation.settings import SelectSettings


@hookimpl
def locale_tune_selectors() -> Iterator[Selector]:
    """Offer `all` and `random`."""
    yield Selector("all", select=everything, doc="every clean lesson, whatever the budget")
    yield Selector("random", select=random_sample, doc="a sample that the seed decides")


@hookimpl
def locale_tune_stages() -> Iterator[Stage]:
    """Offer `select`."""
    yield Stage(
        "select",
        needs=("corpus",),
        makes="lessons",
        run=_select,
        settings=SelectSettings,
        version="1",
        reads=("prompts",),
        libraries=("pyarrow",),
        uses=("selectors",),
        doc="drop broken and repeated chats, choose among the others, shuffle",
    )


def _select(job: Job) -> dict[str, Any]:
    from locale_tune_curation.select import run

    return run(job)
