"""Make the report page of a finished run anew, with what people and tests have added since.

Nothing is measured or trained: the page is a function of the release's report.json, `ratings.json`
and `lm-eval.json` in the run directory. The release itself stays as it was built.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jinja2 import TemplateError

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

from .charts import SIDES
from .page import render_page
from .plain import plain
from .settings import ReleaseSettings

RATINGS = "ratings.json"
LM_EVAL = "lm-eval.json"
KEY = "rate/key.json"
# What a value of another kind leads to, somewhere on the way to the page.
UNREADABLE = (
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RecursionError,
    TemplateError,
)


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
    except UNREADABLE as error:
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
    """Return what the release says, with the ratings and the results of lm-eval of this run.

    Raises PlanError, with the file, when one of the two is damaged.
    """
    told = dict(said)
    if (run.path / RATINGS).is_file() and (run.path / KEY).is_file():
        with _readable(KEY, "locale-tune rate RUN"):
            rated = read_json(run.path / KEY)["findings"]
        if rated == run.newest("findings").fingerprint:  # not answers of an earlier build
            with _readable(RATINGS, "locale-tune rate RUN --add ANSWERS.json ..."):
                told["ratings"] = _nameless(plain(read_json(run.path / RATINGS)))
    if (run.path / LM_EVAL).is_file():
        with _readable(LM_EVAL, "locale-tune assess RUN --lm-eval TASK"):
            more = read_json(run.path / LM_EVAL)
            ours = more["model"] == run.newest("model").fingerprint
            findings = [plain(Finding.model_validate(row).model_dump()) for row in more["findings"]]
            diagrams = plain(more["reliability"])
            named = all(row["side"] in SIDES and isinstance(row["on"], str) for row in diagrams)
        if ours and named:
            told["findings"] = [*told["findings"], *findings]
            told["reliability"] = [*told["reliability"], *diagrams]
            told["verdicts"] = dict(Counter(found["verdict"] for found in told["findings"]))
    return told


def _nameless(ratings: Any) -> list[dict[str, str]]:
    """Number the raters and leave out their comments: a page may be shown to anybody."""
    names = list(dict.fromkeys(rating["rater"] for rating in ratings))
    return [
        {
            "prompt": rating["prompt"],
            "choice": rating["choice"],
            "rater": f"rater {names.index(rating['rater']) + 1}",
        }
        for rating in ratings
    ]


@contextmanager
def _readable(name: str, remedy: str) -> Iterator[None]:
    try:
        yield
    except UNREADABLE as error:
        raise PlanError(
            f"{name} is damaged, or of another version", f"delete it, then  {remedy}", name
        ) from error
