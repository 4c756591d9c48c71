"""`locale-tune plan PACK`."""

from __future__ import annotations

from typing import Any

import click

from locale_tune import assets
from locale_tune.build import Options, preview, run_directory
from locale_tune.cli.options import build_options
from locale_tune.schema import Plan
from locale_tune.store import Runs

LONGEST = 160  # characters of one setting


@click.command("plan")
@click.argument("pack")
@build_options
def command(pack: str, **chosen: Any) -> None:
    """Show the steps of a build of PACK, their settings, and what is missing; runs nothing."""
    options = Options(**chosen)
    plan = preview(pack, options, lambda text: click.echo(text, err=True))
    runs = Runs(run_directory(plan.pack, options), plan)
    show_plan(plan, runs)
    if missing := assets.missing_text(plan.pack, plan.sources):
        raise missing


def show_plan(plan: Plan, runs: Runs) -> None:
    """Print a plan for people."""
    locale, machine = plan.pack.locale, plan.machine
    click.echo(f"{locale.id} · {locale.name} · base {plan.base} · seed {plan.seed}")
    click.echo(f"on {machine.device}, {machine.threads} threads")
    for step in plan.steps:
        needs = ", ".join(f"{kind} of {name}" for kind, name in step.needs.items()) or "-"
        state = "made" if runs.folder(step).exists() else "to do"
        click.echo(f"\n  {step.name:9} {state:6} {step.stage} of {step.provider}")
        click.echo(f"            needs {needs}; makes {step.makes} {step.fingerprint[:12]}")
        chosen = {k: v for k, v in step.settings.items() if v not in (None, "", [])}
        settings = " ".join(f"{key}={_shown(value)}" for key, value in chosen.items())
        if step.seed != plan.seed:
            settings = f"seed={step.seed} {settings}".rstrip()
        if settings:
            click.echo(f"            {settings}")
    open_counts = any("tokens" in s.settings and not s.settings["tokens"] for s in plan.steps)
    if plan.budget and open_counts:
        click.echo(f"\nbudget {plan.budget}: a probe at the start of the build sets the tokens")
    found = [item for item in plan.sources if item.path]
    click.echo(f"\nsources: {len(found)} of {len(plan.sources)} found")
    for item in plan.sources:
        click.echo(
            f"  {'ok     ' if item.path else 'missing'} {item.source}  {item.how or item.problem}"
        )
    for note in plan.notes:
        click.echo(f"  {note}")
    click.echo("nothing has been downloaded or run")


def _shown(value: Any) -> str:
    """Return a setting on one line; a table of phrases is cut, plan.json has it whole."""
    text = str(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
