"""Make the report page of a finished run anew, with what people and tests have added since.

Nothing is measured or trained: the page is a function of the release's report.json, `ratings.json`
and `lm-eval.json` in the run directory. The release itself stays as it was built.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import UndefinedError
from pydantic import ValidationError

from locale_tune.api import (
    Finding,
    FinishedRun,
    LocaleTuneError,
    PlanError,
    disk_errors,
    read_json,
    replace_json,
    replace_text,
)

from .page import render_page
from .plain import plain
from .settings import ReleaseSettings

RATINGS = "ratings.json"
LM_EVAL = "lm-eval.json"
KEY = "rate/key.json"


def remake(run: FinishedRun) -> Path:
    """Write report.html, report.json and provenance.json into the run directory; return the page.

    Raises PlanError when the run has no release, or one that this version cannot read.
    """
    release = run.newest("release")
    step = next(step for step in run.plan.steps if step.name == release.step)
    try:
        said = with_additions(read_json(release.path / "report.json"), run)
        page = render_page(said, ReleaseSettings.model_validate(step.settings))
        provenance = (release.path / "provenance.json").read_text(encoding="utf-8")
    except (OSError, ValueError, KeyError, TypeError, UndefinedError) as error:
        if isinstance(error, LocaleTuneError):
            raise
        raise PlanError(
            "the release was written by another version, or is damaged",
            "build again with this version: finished steps are kept",
            str(release.path.name),
        ) from error
    out = run.path / "report.html"
    with disk_errors(out):
        replace_json(run.path / "report.json", said)
        replace_text(run.path / "provenance.json", provenance)
        replace_text(out, page)
    return out


def with_additions(said: Mapping[str, Any], run: FinishedRun) -> dict[str, Any]:
    """Return what the release says, with the ratings and the results of lm-eval of this run."""
    told = dict(said)
    if (path := run.path / RATINGS).is_file():
        rated = read_json(run.path / KEY)["findings"]
        if rated == run.newest("findings").fingerprint:  # not answers of an earlier build
            told["ratings"] = plain(read_json(path))
    if (path := run.path / LM_EVAL).is_file():
        more = read_json(path)
        if more["model"] == run.newest("model").fingerprint:
            findings = [_finding(found) for found in more["findings"]]
            told["findings"] = [*told["findings"], *findings]
            told["reliability"] = [*told["reliability"], *plain(more["reliability"])]
            told["verdicts"] = dict(Counter(found["verdict"] for found in told["findings"]))
    return told


def _finding(found: Any) -> dict[str, Any]:
    try:
        checked: dict[str, Any] = plain(Finding.model_validate(found).model_dump())
    except ValidationError as error:
        raise PlanError(
            f"{LM_EVAL} holds no findings", "locale-tune assess RUN --lm-eval TASK", LM_EVAL
        ) from error
    return checked
