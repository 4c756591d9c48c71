"""`locale-tune assess RUN --lm-eval TASK...`."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import quote
from typing import Any, cast

import click
from rich.console import Console

from locale_tune.api import (
    Finding,
    FinishedRun,
    PlanError,
    disk_errors,
    open_run,
    read_json,
    replace_json,
)

from .context import Context, Model, judged
from .diff_screen import changes_table
from .settings import AssessSettings

RESULT, FOLDER, LOG = "lm-eval.json", "lm-eval", "logs/lm-eval.log"
FILE = click.Path(path_type=Path)


@click.command("assess")
@click.argument("run", type=FILE)
@click.argument("tasks", nargs=-1, metavar="TASK...")
@click.option("--lm-eval", is_flag=True, help="Run these tasks of lm-evaluation-harness.")
@click.option(
    "--include-path",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A folder with more tasks. Their files may run code; may be given more than once.",
)
@click.option("--limit", type=click.IntRange(min=1), help="Only the first documents of each task.")
@click.option("--download", is_flag=True, help="Let lm-eval fetch data sets that are not here.")
def command(
    run: Path,
    tasks: tuple[str, ...],
    lm_eval: bool,
    include_path: tuple[Path, ...],
    limit: int | None,
    download: bool,
) -> None:
    """Run tasks of lm-evaluation-harness on the base and on the localized model of RUN.

    RUN is a run directory such as runs/rm, or just the id of a pack built here. The tasks in the
    folder `tasks` of its pack are known by name.
    """
    if not lm_eval or not tasks:
        raise click.UsageError("name tasks after --lm-eval")
    from .lm_eval_run import prepare

    prepare(download)
    finished = open_run(run)
    found, shown = measure(finished, tasks, include_path, limit, click.echo)
    kept = keep(finished, found, shown, limit)
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 140
    if found:
        console.print(changes_table([one for one in kept if one.on in {new.on for new in found}]))
    else:
        click.echo("none of these tasks has a metric with a value per document")
    click.echo(f"kept in {finished.path / RESULT}, items in {finished.path / FOLDER / 'items'}")
    click.echo(f"to put it on the report page: locale-tune report {quote(str(finished.path))}")


def measure(
    run: FinishedRun,
    tasks: Sequence[str],
    include: Sequence[Path],
    limit: int | None,
    tell: Any,
) -> tuple[list[Finding], list[dict[str, Any]]]:
    """Return the findings of all tasks and the rows of their reliability diagrams."""
    from .lm_eval_findings import findings_of, items, pairs_of
    from .lm_eval_run import into_log, run_tasks, task_manager
    from .lm_eval_tasks import pack_tasks, read_task, write_items

    folders = {"base": run.base().path, "localized": run.newest("model").path}
    with disk_errors(run.path / FOLDER):
        context = context_of(run)
        write_items(context, run.path / FOLDER / "data")
    own = pack_tasks(run.plan.pack.root / "tasks")
    asked: list[Any] = [
        read_task(own[name], run.path / FOLDER / "data") if name in own else name for name in tasks
    ]
    others = [name for name in asked if isinstance(name, str)]
    with into_log(run.path / LOG):
        manager = task_manager(include, builtin=bool(others))
    known(others, manager.all_tasks, own)
    sides = []
    for who, folder in folders.items():
        tell(f"  {who}: {', '.join(tasks)} (progress in {run.path / LOG})")
        with into_log(run.path / LOG):
            machine = run.plan.machine
            sides.append(
                run_tasks(
                    folder, asked, manager, context.settings, machine.device, context.seed, limit
                )
            )
    found: list[Finding] = []
    for pairs in pairs_of(*sides):
        higher = sides[0]["higher_is_better"].get(pairs.task, {})
        context.save_items("lm-eval", pairs.on, items(pairs))
        how = f"by lm-evaluation-harness {sides[0]['lm_eval_version']}, without a chat template"
        how += "; its verdicts are decided among all results of lm-eval on this run"
        how += f"; the first {limit:,} documents only" if limit else ""
        found += findings_of(context, pairs, higher, how)
    return found, context.shown.get("reliability", [])


def known(names: Sequence[str], offered: Sequence[str], own: Mapping[str, Path]) -> None:
    """Raise PlanError for a name that is no task, group or tag, with the nearest one."""
    from locale_tune.api import did_you_mean

    for name in names:
        if name not in offered:
            near = did_you_mean(name, [*own, *offered])
            here = ", ".join(own) or "none"
            raise PlanError(
                f"there is no task '{name}'", near or f"lm-eval ls tasks; the pack's own: {here}"
            )


def context_of(run: FinishedRun) -> Context:
    """Return what the checks of this run had, without models: lm-eval loads its own."""
    step = next(step for step in run.plan.steps if step.makes == "findings")
    fields = AssessSettings.model_fields
    settings = {name: value for name, value in step.settings.items() if name in fields}
    out = run.path / FOLDER
    shutil.rmtree(out / "data", ignore_errors=True)
    out.mkdir(exist_ok=True)
    none = cast(Model, None)
    return Context(
        locale=run.plan.pack.locale,
        settings=AssessSettings.model_validate(settings),
        seed=run.plan.seed,
        corpus=run.newest("corpus").path,
        out=out,
        before=none,
        after=none,
    )


def keep(
    run: FinishedRun, found: Sequence[Finding], shown: Sequence[Any], limit: int | None
) -> list[Finding]:
    """Write lm-eval.json and return its findings: what earlier calls measured stays beside the new.

    Verdicts are Holm's over all of them. What was measured on another model is forgotten.
    """
    model = run.newest("model").fingerprint
    names = {finding.on for finding in found}
    old = _earlier(run, model)
    both = judged([*(one for one in old["findings"] if one.on not in names), *found])
    with disk_errors(run.path / RESULT):
        replace_json(
            run.path / RESULT,
            {
                "format": 1,
                "model": model,
                "findings": [finding.model_dump(mode="json") for finding in both],
                "reliability": [*(r for r in old["reliability"] if r["on"] not in names), *shown],
                "limits": {**old["limits"], **dict.fromkeys(sorted(names), limit)},
            },
        )
    return both


def _earlier(run: FinishedRun, model: str) -> dict[str, Any]:
    try:
        old: dict[str, Any] = read_json(run.path / RESULT)
        if old["model"] == model:
            return {
                "findings": [Finding.model_validate(row) for row in old["findings"]],
                "reliability": [row for row in old["reliability"] if isinstance(row["on"], str)],
                "limits": dict(old.get("limits", {})),
            }
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        pass
    return {"findings": [], "reliability": [], "limits": {}}
