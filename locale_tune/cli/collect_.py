"""`locale-tune collect PACK`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import click

from locale_tune import __version__, licences
from locale_tune.build import Options, build
from locale_tune.cli.options import corpus_options
from locale_tune.cli.screen import TerminalScreen
from locale_tune.errors import PlanError
from locale_tune.files import read_json
from locale_tune.schema import Artifact, Step

STEP = "collect"
PAGES = {
    "rejects.html": "what was left out, to read",
    "rejects.jsonl": "the same for programs",
    "eu-summary.md": "summary of the training data",
    "croissant.json": "the corpus in Croissant",
}


class CorpusScreen(TerminalScreen):
    """Shows a build, and keeps the corpus it ends in."""

    corpus: Artifact | None = None

    def ends(self, step: Step, artifact: Artifact, reused: bool) -> None:
        """Say that a step's artifact is there, and keep it."""
        super().ends(step, artifact, reused)
        self.corpus = artifact


@click.command("collect")
@click.argument("pack")
@corpus_options
def command(pack: str, **chosen: Any) -> None:
    """Read the sources of PACK into a corpus; show what was kept and why the rest was not.

    The same as `build PACK --until collect`, but no base model is needed and nothing else is run.
    """
    screen = CorpusScreen()
    screen.note(f"locale-tune {__version__} · collect {pack}")
    report = build(pack, Options(**chosen, until=STEP, only=True), screen)
    for note in report.plan.notes:
        screen.note(f"  {note}")
    if screen.corpus is None or screen.corpus.kind != "corpus":
        raise PlanError(f"the step '{STEP}' of this pack makes no corpus", "locale-tune plan")
    for line in corpus_lines(screen.corpus.facts, rows_of(screen.corpus)):
        click.echo(line)
    for name, what in PAGES.items():
        if (screen.corpus.path / name).exists():
            click.echo(f"{name:15} {what}: {os.path.relpath(screen.corpus.path / name)}")


def rows_of(corpus: Artifact) -> list[dict[str, Any]]:
    """Return the rows of the corpus's sources.json, one per source."""
    path = corpus.path / "sources.json"
    return list(read_json(path)) if path.is_file() else []


def corpus_lines(facts: Mapping[str, Any], rows: list[dict[str, Any]]) -> Iterator[str]:
    """Yield what a person wants to know of a corpus, line by line."""
    yield from _sources(rows)
    yield ""
    yield f"kept      {_counted(facts.get('splits', {}))}"
    yield f"left out  {_counted(facts.get('rejected', {}))}"
    groups = facts.get("heldout_groups", 0)
    yield f"held out  {facts.get('heldout_bytes', 0):,} bytes of text, {groups:,} groups"
    yield from _licence(rows)
    for name, told in facts.get("filters", {}).items():
        if isinstance(told, Mapping) and "confusion" in told:
            yield from _confusion(name, told["confusion"])
    yield ""


def _sources(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    yield f"\n{'source':28} {'role':9} {'seen':>9} {'kept':>9} {'bytes':>13}  licence"
    for row in rows:
        if row.get("problem"):
            yield f"{row['id']:28} {row.get('role', ''):9} not read: {row['problem']}"
            continue
        counts = f"{row['seen']:>9,} {row['kept']:>9,} {row['bytes']:>13,}"
        yield f"{row['id']:28} {row['role']:9} {counts}  {row['licence']}"
        if row.get("rejected"):
            yield f"{'':38} left out: {_counted(row['rejected'])}"


def _licence(rows: list[dict[str, Any]]) -> Iterator[str]:
    found = licences.roll_up(rows)
    by = f", forced by {', '.join(found.forced_by)}" if found.rank > licences.Rank.FREE else ""
    yield f"licence   {found.licence} ({found.words}){by}"
    for price in licences.price_list(rows):
        dropped = ", ".join(price.dropped)
        yield f"          without {dropped}: {price.then}, {price.lost:,} bytes less"


def _confusion(name: str, matrix: Mapping[str, Any]) -> Iterator[str]:
    """Yield a matrix: a row per true language, a column per language it was taken for."""
    labels = [str(label) for label in matrix["labels"]]
    width = max(8, *(len(label) + 2 for label in labels))
    yield f"{name}: rows are what a text is, columns what it was taken for"
    yield f"{'':{width}}" + "".join(f"{label:>{width}}" for label in labels)
    for label, counts in zip(labels, matrix["counts"], strict=True):
        yield f"{label:{width}}" + "".join(f"{count:>{width},}" for count in counts)


def _counted(counts: Mapping[str, int]) -> str:
    most = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return ", ".join(f"{count:,} {name}" for name, count in most) or "nothing"
