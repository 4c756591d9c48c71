"""READ THIS FIRST: a pack becomes a plan, the plan becomes artifacts, the artifacts a report.

`build` decides everything, writes it down, and runs what is not made yet. Each heavy step runs in
its own process (`worker.py`), so that all memory comes back between stages and a crash loses one
stage at most.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pluggy

from locale_tune import assets, budget, planning, plugins, store
from locale_tune.base import Base, fetch_base, locate_base
from locale_tune.errors import LocaleTuneError, PlanError, StageFailed, did_you_mean
from locale_tune.files import commit_folder, discard, read_json
from locale_tune.hookspecs import hookimpl
from locale_tune.machine import now, peak_memory, this_machine
from locale_tune.offers import Job, Launcher, Parts, Stage
from locale_tune.process import run_worker
from locale_tune.schema import Artifact, Finding, LanguagePack, Plan, Progress, Report, Step


@dataclass(frozen=True)
class Options:
    """What a person may say about one build."""

    out: Path | None = None
    base: str = ""
    seed: int = 0
    overrides: tuple[str, ...] = ()
    budget: str = ""
    device: str = "auto"
    until: str = ""
    only: bool = False  # run nothing that `until` does not need, and look for no base model
    on: str = "local"


class Screen:
    """What a build says while it runs. The command line shows it; tests leave it silent."""

    def note(self, text: str) -> None:
        """Say one line."""

    def starts(self, step: Step, why: str) -> None:
        """A step begins, for this reason."""

    def ends(self, step: Step, artifact: Artifact, reused: bool) -> None:
        """A step's artifact is there."""

    def progress(self, step: Step) -> Progress:
        """Return how this step reports progress."""
        return lambda done, total, note="": None


class HostRuns:
    """The host's own answer to `locale_tune_run_stage`, given last."""

    @hookimpl(trylast=True)
    def locale_tune_run_stage(self, stage: Stage, job: Job) -> Mapping[str, Any] | None:
        """Run the stage's own function."""
        return stage.run(job)


def build(name: str, options: Options | None = None, screen: Screen | None = None) -> Report:
    """Build the pack `name`. Raise LocaleTuneError when it cannot be built."""
    options, screen = options or Options(), screen or Screen()
    now()  # a date that cannot be read is told before the work, not after it
    pm = plugins.manager(screen.note)
    pack = plugins.load_language(pm, name)
    parts = plugins.parts(pm, pack)
    out = run_directory(pack, options)
    with store.hold(out):
        plan = prepare(name, pm, pack, parts, options, screen)
        store.save_plan(out, plan)
        runs = store.Runs(out, plan, launcher_of(parts, options))
        ran: list[str] = []
        steps = upto(plan, options.until)
        for step in needed(steps) if options.only else steps:
            if not (artifact := runs.made(step)):
                screen.starts(step, runs.why(step))
                artifact = make(step, runs, pm, parts, screen.progress(step))
                ran.append(step.name)
            screen.ends(step, artifact, reused=step.name not in ran)
        report = report_of(plan, runs, tuple(ran))
        pm.hook.locale_tune_built(report=report)
    return report


def run_directory(pack: LanguagePack, options: Options) -> Path:
    """Return where this build's artifacts go."""
    return (options.out or Path("runs") / pack.locale.id).resolve()


def command_of(name: str, options: Options) -> str:
    """Return the command line that makes the same plan again (the run directory left out)."""
    words = ["locale-tune", "build", name]
    words += ["--base", options.base] if options.base else []
    words += ["--seed", str(options.seed)] if options.seed else []
    words += ["--budget", options.budget] if options.budget else []
    words += ["--device", options.device] if options.device != "auto" else []
    for override in options.overrides:
        words += ["--set", override]
    return shlex.join(words)


def launcher_of(parts: Parts, options: Options) -> Launcher:
    """Return how heavy steps are started. Raise PlanError if nobody offers that way."""
    if options.on not in parts.launchers:
        known = ", ".join(sorted(parts.launchers))
        raise PlanError(f"no plugin offers the launcher '{options.on}'", f"there are {known}")
    return parts.launchers[options.on]


def upto(plan: Plan, until: str) -> tuple[Step, ...]:
    """Return the steps to run: all, or those up to and with the step `until`."""
    names = [step.name for step in plan.steps]
    if until and until not in names:
        raise PlanError(
            f"--until names '{until}', which is no step of this build",
            did_you_mean(until, names) or f"the steps are {', '.join(names)}",
        )
    return plan.steps[: names.index(until) + 1] if until else plan.steps


def needed(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """Return the last step and those before it that it is made from."""
    wanted = {steps[-1].name}
    for step in reversed(steps):
        if step.name in wanted:
            wanted.update(step.needs.values())
    return tuple(step for step in steps if step.name in wanted)


def prepare(
    name: str,
    pm: pluggy.PluginManager,
    pack: LanguagePack,
    parts: Parts,
    options: Options,
    screen: Screen,
) -> Plan:
    """Find base and sources (downloading what is missing), spend the budget, decide the plan."""
    uri = options.base or pack.base_model
    base = _any_base(uri) if options.only else fetch_base(locate_base(uri))
    here = assets.locate_all(pack)
    # Planned once before any download: of a source that may not be read not even its host hears.
    before = planning.plan_for(pm, pack, parts, _request(name, base, options, found=here))
    found = assets.fetch_missing(pack, here, before.unread)
    if missing := assets.missing_text(pack, found):
        raise missing
    request = _request(name, base, options, found=found)
    plan = planning.plan_for(pm, pack, parts, request)
    if not plan.budget:
        return plan
    if options.only:
        return _answered(pm, pack, parts, options, request, plan)
    runs = store.Runs(run_directory(pack, options), plan, launcher_of(parts, options))

    def make_now(step: Step) -> Artifact:
        return make(step, runs, pm, parts, screen.progress(step))

    upto(plan, options.until)  # a misspelt name is told before the probe, not after it
    resolved = budget.resolve(plan, runs, parts, make_now, screen.note)
    fast = budget.fastest(runs.out, plan)
    return planning.plan_for(pm, pack, parts, replace(request, resolved=resolved, machine=fast))


def preview(name: str, options: Options, warn: Callable[[str], None]) -> Plan:
    """Decide the plan without a connection and without running anything."""
    pm = plugins.manager(warn)
    pack = plugins.load_language(pm, name)
    parts = plugins.parts(pm, pack)
    base = locate_base(options.base or pack.base_model)
    request = _request(name, base, options, found=assets.locate_all(pack))
    plan = planning.plan_for(pm, pack, parts, request)
    return _answered(pm, pack, parts, options, request, plan) if plan.budget else plan


def _answered(
    pm: pluggy.PluginManager,
    pack: LanguagePack,
    parts: Parts,
    options: Options,
    request: planning.Request,
    plan: Plan,
) -> Plan:
    """Return the plan with the token counts of earlier probes, where all of them are known."""
    out = run_directory(pack, options)
    if not (resolved := budget.answered(out, plan, parts)):
        return plan
    fast = budget.fastest(out, plan)
    return planning.plan_for(pm, pack, parts, replace(request, resolved=resolved, machine=fast))


def _any_base(uri: str) -> Base:
    """Return the base model, or its bare name where it is not here: what is run needs none."""
    try:
        return locate_base(uri)
    except LocaleTuneError:
        return Base(uri, None, uri)


def _request(name: str, base: Base, options: Options, **more: Any) -> planning.Request:
    machine = this_machine(options.device)
    return planning.Request(
        base=base,
        seed=options.seed,
        overrides=options.overrides,
        budget=budget.effective(options.budget, machine),
        command=command_of(name, options),
        machine=machine,
        **more,
    )


def make(
    step: Step, runs: store.Runs, pm: pluggy.PluginManager, parts: Parts, progress: Progress
) -> Artifact:
    """Run one step, in its own process when it is heavy, and return its verified artifact."""
    stage = parts.stages[step.stage]
    if stage.heavy:
        store.save_plan(runs.out, runs.plan)
        run_worker(runs, step, stage.parallel, progress)
    else:
        run_here(step, runs, pm, parts, progress)
    artifact = runs.made(step)
    if artifact is None:
        raise StageFailed(f"'{step.name}' ended, but its artifact does not verify", "run it again")
    discard(runs.work(step))
    return artifact


def run_here(
    step: Step, runs: store.Runs, pm: pluggy.PluginManager, parts: Parts, progress: Progress
) -> None:
    """Run one step in this process and commit its folder."""
    if not pm.has_plugin("host runs"):
        pm.register(HostRuns(), name="host runs")
    stage = parts.stages[step.stage]
    began = now()

    def fill(folder: Path) -> dict[str, Any]:
        job = job_for(step, runs, parts, folder, progress)
        facts = pm.hook.locale_tune_run_stage(stage=stage, job=job)
        if facts is None:
            raise StageFailed(
                f"the stage '{stage.name}' of {step.provider} returned nothing",
                "return its facts for the report; an empty {} will do",
            )
        inputs = {kind: made.fingerprint for kind, made in job.inputs.items()}
        return {
            "kind": step.makes,
            "fingerprint": step.fingerprint,
            "facts": dict(facts),
            "seed": runs.plan.seed,
            "step": {**step.model_dump(mode="json"), "inputs": inputs},
            "made_at": now().isoformat(),
            "cost": _cost(step, runs.plan, parts, (now() - began).total_seconds()),
        }

    commit_folder(runs.folder(step), fill)


def _cost(step: Step, plan: Plan, parts: Parts, seconds: float) -> dict[str, Any]:
    """Return seconds taken and planned, and the most memory of a step's own process.

    Empty where time stands still (SOURCE_DATE_EPOCH): there every byte repeats.
    """
    if seconds <= 0:
        return {}
    peak = peak_memory() if parts.stages[step.stage].heavy else None
    planned = budget.granted(plan, parts).get(step.name)
    return {"seconds": round(seconds, 1), "planned_seconds": planned, "peak_bytes": peak}


def job_for(step: Step, runs: store.Runs, parts: Parts, out: Path, progress: Progress) -> Job:
    """Give a stage all that it may know, and no more."""
    plan, stage = runs.plan, parts.stages[step.stage]
    work = runs.work(step)
    work.mkdir(parents=True, exist_ok=True)
    files = {found.source: found.path for found in plan.sources if found.path}
    return Job(
        pack=_narrow(plan.pack, stage.reads),
        parts=parts,
        settings=stage.settings.model_validate(step.settings),
        inputs=runs.inputs(step),
        seed=plan.seed,
        fingerprint=step.fingerprint,
        out=out,
        work=work,
        machine=plan.machine,
        progress=progress,
        files=files if "sources" in stage.reads else {},
        command=plan.command if "command" in stage.reads else "",
        base_path=plan.base_path if stage.name == planning.BASE else None,
    )


def _narrow(pack: LanguagePack, reads: tuple[str, ...]) -> LanguagePack:
    """Empty the fields of a pack that a stage did not say it reads."""
    empty: dict[str, Any] = dict.fromkeys(
        ("sources", "filters", "bounds", "prompts", "authors"), ()
    )
    empty |= dict.fromkeys(("base_model", "licence", "version", "distribution"), "")
    empty |= {"settings": {}, "ui": {}}
    hidden = {name: value for name, value in empty.items() if name not in reads}
    if "names" not in reads:
        unnamed = {"name": pack.locale.id, "endonym": pack.locale.id}
        hidden["locale"] = pack.locale.model_copy(update=unnamed)
    return pack.model_copy(update=hidden)


def report_of(plan: Plan, runs: store.Runs, ran: tuple[str, ...]) -> Report:
    """Gather what the build ended in; steps not run yet are left out."""
    made = {step.makes: artifact for step in plan.steps if (artifact := runs.made(step))}
    release = made.get("release")
    if release:
        _point_at(runs.out / "release", release.path)
    findings = made.get("findings")
    measured = read_json(findings.path / "findings.json")["findings"] if findings else []
    return Report(
        plan=plan,
        release=release,
        findings=tuple(Finding.model_validate(item) for item in measured),
        broken=tuple(release.facts.get("broken", ())) if release else (),
        ran=ran,
        reused=tuple(step.name for step in plan.steps if step.name not in ran),
    )


def _point_at(link: Path, target: Path) -> None:
    """Make `runs/<id>/release` lead to the newest release."""
    aside = link.with_name(f".release-{os.getpid()}")
    aside.symlink_to(os.path.relpath(target, link.parent), target_is_directory=True)
    aside.replace(link)
