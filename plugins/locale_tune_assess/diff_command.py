"""`locale-tune diff RUN RUN`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from locale_tune.api import Finding, FinishedRun, open_run

from .context import judged
from .diff import Difference, Score, artifacts, differences, scores
from .diff_screen import artifacts_table, isolated, scores_table, tables
from .settings import AssessSettings

LOG_WIDTH = 140
Pairs = Mapping[tuple[str, str], Finding]


@click.command("diff")
@click.argument("run_a", metavar="RUN", type=click.Path(path_type=Path))
@click.argument("run_b", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON, for programs.")
def command(run_a: Path, run_b: Path, as_json: bool) -> None:
    """Show what differs between two finished runs: plan, settings, data, artifacts, scores.

    RUN is a run directory such as runs/rm, its plan.json, or just the id of a pack built here.
    """
    a, b = open_run(run_a), open_run(run_b)
    rows = scores(a, b)
    sections, steps = differences(a, b), artifacts(a, b)
    pairs = paired(a, b, rows)
    if as_json:
        click.echo(portable(_data(a, b, sections, steps, rows, pairs)))
        return
    console = Console(highlight=False, soft_wrap=False)
    if not console.is_terminal:
        console.width = LOG_WIDTH
    console.print(f"A  {isolated(str(a.path))}\nB  {isolated(str(b.path))}\n", markup=False)
    for part in tables(sections):
        console.print(part, "", markup=False)
    console.print(artifacts_table(steps), "")
    console.print(scores_table(rows, pairs))
    for note in notes(a, b, rows, pairs):
        console.print(note, markup=False)


def paired(a: FinishedRun, b: FinishedRun, rows: Sequence[Score]) -> dict[tuple[str, str], Finding]:
    """Return, for findings whose items both runs have, what changed from A to B.

    Verdicts are Holm's over all of them.
    """
    from .paired_runs import compare

    folder_a, folder_b = (run.newest("findings").path / "items" for run in (a, b))
    bins, resamples = (_setting(b, name) for name in ("bins", "resamples"))
    sides = [(row.a, row.b) for row in rows if row.a and row.b]
    found = [compare(folder_a, folder_b, pair, bins, resamples, b.plan.seed) for pair in sides]
    return {(one.check, one.on): one for one in judged([one for one in found if one])}


def _setting(run: FinishedRun, name: str) -> int:
    """Return a setting of the step that measured; its default where an older one lacks it."""
    settings = next(step.settings for step in run.plan.steps if step.makes == "findings")
    value = settings.get(name)
    return value if isinstance(value, int) else int(AssessSettings.model_fields[name].default)


def notes(a: FinishedRun, b: FinishedRun, rows: Sequence[Score], pairs: Pairs) -> list[str]:
    """Return what a reader has to know to read the scores."""
    told = []
    if a.plan.pack.locale.id != b.plan.pack.locale.id:
        told.append("these are runs of different packs: few of their scores mean the same")
    if len({run.plan.steps[0].fingerprint for run in (a, b)}) > 1:
        told.append("the base models differ: the change of each run is against its own base")
    if any((row.check, row.on) not in pairs for row in rows if row.a and row.b):
        told.append("rows without shared items compare the intervals of each run's own change")
    return told


def portable(value: Any) -> str:
    """Return JSON that every program reads: no NaN (null instead), no half of a letter (?)."""
    finite = json.loads(json.dumps(value), parse_constant=lambda _: None)
    return json.dumps(finite, ensure_ascii=False).encode(errors="replace").decode()


def _data(
    a: FinishedRun,
    b: FinishedRun,
    sections: dict[str, list[Difference]],
    steps: list[Difference],
    rows: list[Score],
    pairs: Pairs,
) -> dict[str, Any]:
    return {
        "a": str(a.path),
        "b": str(b.path),
        **{name: [part._asdict() for part in found] for name, found in sections.items()},
        "artifacts": [{**step._asdict(), "same": step.a == step.b} for step in steps],
        "scores": [
            {
                "check": row.check,
                "on": row.on,
                "label": row.label,
                "a": row.a and row.a.model_dump(mode="json"),
                "b": row.b and row.b.model_dump(mode="json"),
                "change": row.change,
                "changes_overlap": row.overlap,
                "paired": _told(pairs.get((row.check, row.on))),
            }
            for row in rows
        ],
        "notes": notes(a, b, rows, pairs),
    }


def _told(pair: Finding | None) -> dict[str, Any] | None:
    names = {"before", "after", "change", "interval", "n", "p", "p_holm", "verdict"}
    return pair.model_dump(mode="json", include=names) if pair else None
