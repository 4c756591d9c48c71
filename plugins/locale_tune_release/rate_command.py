"""`locale-tune rate RUN`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from shlex import quote
from typing import Any

import click

from locale_tune.api import (
    FinishedRun,
    PlanError,
    disk_errors,
    open_run,
    read_json,
    replace_json,
    replace_text,
)

from .plain import plain
from .rate_answers import BadAnswers, ratings, read_answers
from .rate_figures import summary
from .rate_items import key_of
from .rate_page import render
from .remake import KEY, RATINGS, remake

FOLDER, ANSWERS = "rate", "answers"
SHOWN = ("prompt", "before", "after", "lang", "direction")
DIGEST = re.compile(r"[0-9a-f]{64}")
FILE = click.Path(path_type=Path)


@click.command("rate")
@click.argument("run", type=FILE)
@click.argument("answers", nargs=-1, type=FILE)
@click.option(
    "--raters",
    type=click.IntRange(1, 1000),
    default=1,
    show_default=True,
    help="Make so many pages, one for each person.",
)
@click.option("--add", is_flag=True, help="Take in the ANSWERS that people sent back.")
def command(run: Path, answers: tuple[Path, ...], raters: int, add: bool) -> None:
    """Make blind pages for RUN on which native speakers choose the better of two answers.

    RUN is a run directory such as runs/rm, or just the id of a pack built here.
    """
    if bool(answers) != add:
        raise click.UsageError("give --add with the files that people sent back, and only then")
    finished = open_run(run)
    if add:
        for line in list(take_in(finished, answers)):
            click.echo(line)
        click.echo(on_the_page(finished))
    else:
        for line in list(make_pages(finished, raters)):  # all is written before a word is said
            click.echo(line)


def on_the_page(run: FinishedRun) -> str:
    """Put the ratings on the run's report, where it has one; return what to say of it."""
    if any(artifact.kind == "release" for artifact in run.made.values()):
        return f"report: {remake(run)}"
    return (
        f"kept in {run.path / RATINGS}; this run has no report yet: build it, then add them again"
    )


def make_pages(run: FinishedRun, raters: int) -> Iterator[str]:
    """Write one page per rater and the key that says which answer is whose; yield what to say."""
    samples = samples_of(run)
    findings = run.newest("findings").fingerprint
    old = _key(run)
    if old and old["findings"] != findings:
        yield from _put_aside(run, old["findings"])
        yield from _bring_back(run, findings)
        old = _key(run)
    more = max(raters, len(old["pages"]) if old else 0)
    key = key_of(samples, findings, run.plan.seed, more)
    items = next(iter(key["pages"].values()))["items"]
    if not items:
        raise PlanError(
            "there is nothing to compare: both models gave the same answers, or the pack has no "
            "prompts",
            "add prompts to [pack] and build again",
        )
    folder = run.path / FOLDER
    with disk_errors(folder):
        folder.mkdir(exist_ok=True)
        replace_json(run.path / KEY, key)
        for name, page in key["pages"].items():
            ui = run.plan.pack.ui
            path = folder / f"page-{page['rater']}.html"
            replace_text(path, render(name, page, samples, run.plan.pack.locale, ui))
            yield f"page for rater {page['rater']}: {path}"
    yield f"{len(items)} of {len(samples)} prompts to judge; the others got two equal answers"
    yield f"give out the pages alone: {KEY} beside them says which model is which"
    yield f"then: locale-tune rate {quote(str(run.path))} --add ANSWERS.json ..."


def take_in(run: FinishedRun, files: tuple[Path, ...]) -> Iterator[str]:
    """Check all files, keep them in the run and write ratings.json; yield the figures.

    Raises BadAnswers, and takes nothing in, when one of them cannot be taken.
    """
    key, samples = _key(run), samples_of(run)
    if key is None or key["findings"] != run.newest("findings").fingerprint:
        raise PlanError(
            "there are no pages of this run as it is now" if key else "no page was made for it yet",
            f"locale-tune rate {quote(str(run.path))}, and let people fill the new pages",
        )
    folder = run.path / FOLDER / ANSWERS
    kept = {one["page"]: one for one in _kept(folder, key)}
    for path in files:
        new = read_answers(path, key)
        _refuse_twice(new, kept, key, path)
        kept[new["page"]] = new
    with disk_errors(folder):
        folder.mkdir(exist_ok=True)
        for name, one in kept.items():
            replace_json(folder / f"{name}.json", one)
        found = ratings(list(kept.values()), key, samples)
        replace_json(run.path / RATINGS, found)
    yield from told(summary(found))


def _put_aside(run: FinishedRun, findings: str) -> Iterator[str]:
    """Keep pages, key, answers and ratings of another build of this run, out of the way."""
    aside = _aside(run, findings)
    with disk_errors(aside):
        (run.path / FOLDER).rename(aside)
        if (run.path / RATINGS).exists():
            (run.path / RATINGS).rename(aside / RATINGS)
    yield f"this run was built anew: what was rated before is in {aside}"


def _bring_back(run: FinishedRun, findings: str) -> Iterator[str]:
    """Take up again what was put aside of the build that the run is now."""
    aside = _aside(run, findings)
    if aside.is_dir():
        with disk_errors(aside):
            aside.rename(run.path / FOLDER)
            if (run.path / FOLDER / RATINGS).exists():
                (run.path / FOLDER / RATINGS).rename(run.path / RATINGS)
        yield f"what was rated of this build before is back from {aside}"


def _aside(run: FinishedRun, findings: str) -> Path:
    return run.path / f"{FOLDER}-{findings[:12]}"


def samples_of(run: FinishedRun) -> list[dict[str, Any]]:
    """Return the prompts with both answers, as `assess` wrote them.

    Raises PlanError for what is damaged, or was written by another version.
    """
    path = run.newest("findings").path / "findings.json"
    try:
        samples: list[dict[str, Any]] = plain(read_json(path).get("samples") or [])
        if all(isinstance(sample[key], str) for sample in samples for key in SHOWN):
            return samples
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass
    raise PlanError(
        f"the answers in {run.path} cannot be read: they are damaged, or of another version",
        "build it again: assess writes them anew",
        path.name,
    )


def told(figures: Mapping[str, Any]) -> Iterator[str]:
    """Yield the figures of the ratings, line by line."""
    votes = figures["votes"]
    yield f"{figures['raters']} raters, {figures['prompts']} prompts"
    yield (
        f"votes: localized better {votes['after']}, base better {votes['before']}, "
        f"both good {votes['tie']}, both bad {votes['both bad']}"
    )
    yield (
        f"prompts: localized {figures['won']}, base {figures['lost']}, even {figures['even']}; "
        f"two-sided sign test p = {figures['p']:.3g}"
    )
    if figures["interval"]:
        low, high = figures["interval"]
        yield (
            f"share of decided prompts for the localized model: {figures['share']:.0%} "
            f"(95 % interval {low:.0%} to {high:.0%})"
        )
    if figures["equal"] is not None:
        alpha = "not defined" if figures["alpha"] is None else f"{figures['alpha']:.2f}"
        yield f"raters agree in {figures['equal']:.0%} of pairs (Krippendorff's alpha {alpha})"


def _key(run: FinishedRun) -> dict[str, Any] | None:
    try:
        key: dict[str, Any] = read_json(run.path / KEY)
        return key if DIGEST.fullmatch(key["findings"]) and _are_pages(key["pages"]) else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _are_pages(pages: Mapping[str, Any]) -> bool:
    return bool(pages) and all(
        isinstance(page["rater"], int)
        and all(
            isinstance(place["prompt"], int)
            and sorted((place["A"], place["B"])) == ["after", "before"]
            for place in page["items"].values()
        )
        for page in pages.values()
    )


def _kept(folder: Path, key: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the answers taken in before; those to pages of an older build stay aside."""
    for path in sorted(folder.glob("*.json")):
        if path.stem in key["pages"]:
            yield read_answers(path, key)


def _refuse_twice(
    new: Mapping[str, Any], kept: Mapping[str, Any], key: Mapping[str, Any], path: Path
) -> None:
    """Raise BadAnswers when a page has other answers already, or a person another page."""
    number = key["pages"][new["page"]]["rater"]
    if kept.get(new["page"], new) != new:
        raise BadAnswers(
            f"page {number} has other answers already: one page is for one person",
            f"make more pages with --raters, or delete {FOLDER}/{ANSWERS}/{new['page']}.json first",
            path.name,
        )
    names = {one["rater"].casefold() for one in kept.values() if one["page"] != new["page"]}
    if new["rater"] and new["rater"].casefold() in names:
        raise BadAnswers(
            "its rater has answered another page already",
            "take one page of each person; two people of one name need different names",
            path.name,
        )
