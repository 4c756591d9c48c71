"""The stage `release`: a model folder with its card, its report page and its provenance.

The page of a sweep is written here too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from locale_tune.api import Command, Job, Stage, Sweep, hookimpl

from .settings import ReleaseSettings


def run_release(job: Job) -> Mapping[str, Any]:
    """Write the release into `job.out`; see `locale_tune_release.release.run`."""
    from .release import run

    return run(job)


@hookimpl
def locale_tune_stages() -> Iterator[Stage]:
    """Offer the stage `release`."""
    yield Stage(
        "release",
        needs=("model", "findings", "corpus"),
        makes="release",
        run=run_release,
        settings=ReleaseSettings,
        version="5",
        reads=(
            "sources",
            "prompts",
            "bounds",
            "base_model",
            "authors",
            "licence",
            "names",
            "ui",
            "version",
            "distribution",
            "command",
        ),
        heavy=True,
        doc="model folder, model card, report page and provenance, with the bounds checked",
    )


@hookimpl
def locale_tune_commands() -> Iterator[Command]:
    """Offer what is done with the page of a finished run: `rate` and `report`."""
    yield Command("rate", load=_rate, doc="Make blind A/B pages for native speakers.")
    yield Command("report", load=_report, doc="Make the report page of a run anew.")


def _rate() -> Any:
    from .rate_command import command

    return command


def _report() -> Any:
    from .report_command import command

    return command


@hookimpl
def locale_tune_swept(sweep: Sweep, folder: Path) -> None:
    """Write the page of a sweep beside its `sweep.json`."""
    from .sweep_page import render_sweep

    (folder / "sweep.html").write_text(render_sweep(sweep), encoding="utf-8")
