"""Build a pack once per value of a setting and seed, and see what the values do.

A sweep is builds and nothing else: every trial is `build` in the same run directory with other
`--set` values, so that steps which do not depend on a value are made once, a sweep that was stopped
goes on, and each trial can be had again alone.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

from locale_tune import curves, plugins
from locale_tune.build import Options, Screen, build, command_of, preview, run_directory, upto
from locale_tune.curves import Axis, Sweep, Trial
from locale_tune.errors import NotFinite, PlanError, StageFailed
from locale_tune.files import replace_json
from locale_tune.schema import Plan

RESULT = "sweep.json"
FINDINGS, RELEASE = "findings", "release"
HOW = "write --sweep stage.setting=value,value"


@dataclass(frozen=True)
class Trying:
    """One build to make. Two of the same fingerprint are the same build."""

    values: tuple[str, ...]
    seed: int
    options: Options
    plan: Plan
    fingerprint: str


def sweep(
    name: str,
    settings: Sequence[str],
    seeds: int = 1,
    options: Options | None = None,
    screen: Screen | None = None,
) -> tuple[Sweep, Path]:
    """Run every trial; return what was found and the folder of `sweep.json`.

    `settings` are texts such as `tune.label_smoothing=0,0.1`; several of them make a grid. Raises
    PlanError before anything runs when a setting or a value cannot work.
    """
    options, screen = options or Options(), screen or Screen()
    axes = axes_of(settings)
    trying = tried(name, axes, seeds, options, screen)
    different = len({trial.fingerprint for trial in trying})
    screen.note(f"sweep: {len(trying)} trials, {different} of them different")
    done: dict[str, Trial] = {}
    trials = []
    for number, trial in enumerate(trying, start=1):
        if trial.fingerprint not in done:
            screen.note(f"trial {number} of {len(trying)}: {told(axes, trial)}")
            done[trial.fingerprint] = ran(name, trial, screen)
        same = done[trial.fingerprint]
        trials.append(same.model_copy(update={"values": trial.values, "seed": trial.seed}))
    return written(name, axes, trying, trials, options, screen)


def axes_of(settings: Sequence[str]) -> tuple[Axis, ...]:
    """Read what `--sweep` says. Raise PlanError for a text that names no values, or names twice."""
    axes = tuple(_axis(text) for text in settings)
    names = [axis.setting for axis in axes]
    for name in names:
        if names.count(name) > 1:
            raise PlanError(f"'{name}' is swept twice", "give all its values in one --sweep")
    return axes


def _axis(text: str) -> Axis:
    setting, found, listed = text.partition("=")
    values = tuple(value.strip() for value in listed.split(","))
    if not (found and all(setting.partition(".")) and all(values)):
        raise PlanError(f"'{text}' is no setting with values", HOW)
    for value in values:
        if values.count(value) > 1:
            raise PlanError(f"'{setting}' is to be {value} twice", "name each value once")
    return Axis(setting=setting, values=values)


def tried(
    name: str, axes: Sequence[Axis], seeds: int, options: Options, screen: Screen
) -> list[Trying]:
    """Plan every trial, so that a mistake in any of them is told before the first one runs.

    All values come with one seed before any comes with the next: a long sweep shows its whole
    curve early.
    """
    trials: list[Trying] = []
    for seed in range(options.seed, options.seed + seeds):
        for place, values in enumerate(product(*(axis.values for axis in axes))):
            pairs = zip(axes, values, strict=True)
            own = [f"{axis.setting}={value}" for axis, value in pairs]
            if seed != options.seed:
                own += [f"{step}.seed={seed}" for step in seeded(trials[place].plan, axes)]
            at = replace(options, overrides=(*options.overrides, *own), trial=True)
            told = Screen() if trials else screen  # a warning about a plugin is told once
            plan = preview(name, at, told.note)
            trials.append(Trying(values, seed, at, plan, measured(plan, options)))
    return trials


def seeded(plan: Plan, axes: Sequence[Axis]) -> list[str]:
    """Return the steps that another seed changes: those from the first swept one on.

    What measures and what releases keeps the seed of the build, so that all trials answer the same
    questions.
    """
    swept = {axis.setting.partition(".")[0] for axis in axes}
    first = next(index for index, step in enumerate(plan.steps) if step.name in swept)
    return [step.name for step in plan.steps[first:] if step.makes not in (FINDINGS, RELEASE)]


def measured(plan: Plan, options: Options) -> str:
    """Return the fingerprint of what a trial measures. Raise PlanError when it measures nothing."""
    steps = [step for step in upto(plan, options.until) if step.makes == FINDINGS]
    if not steps:
        raise PlanError(
            "this build measures nothing, so there is nothing to compare",
            "sweep a build with a step such as 'assess', and let --until name no earlier step",
        )
    return steps[-1].fingerprint


def ran(name: str, trial: Trying, screen: Screen) -> Trial:
    """Make one trial. A broken bound and a training that diverged are results of its values."""
    try:
        report = build(name, trial.options, screen)
    except StageFailed as error:
        if error.exit_code != NotFinite.exit_code:
            raise
        screen.note(f"failed: {error.problem}")
        return Trial(values=trial.values, seed=trial.seed, failed=error.problem)
    for sentence in report.broken:
        screen.note(f"bound failed: {sentence}")
    return Trial(
        values=trial.values, seed=trial.seed, findings=report.findings, broken=report.broken
    )


def written(
    name: str,
    axes: tuple[Axis, ...],
    trying: Sequence[Trying],
    trials: Sequence[Trial],
    options: Options,
    screen: Screen,
) -> tuple[Sweep, Path]:
    """Write `sweep.json` into the run directory, and let plugins hear of it."""
    plan = trying[0].plan
    seeds = tuple(dict.fromkeys(trial.seed for trial in trials))
    words = [command_of(name, options), *([f"--until {options.until}"] if options.until else [])]
    words += [f"--sweep {shlex.quote(_text(axis))}" for axis in axes]
    found = Sweep(
        locale=plan.pack.locale,
        base=plan.base,
        machine=plan.machine,
        command=" ".join([*words, *([f"--seeds {len(seeds)}"] if len(seeds) > 1 else [])]),
        axes=axes,
        seeds=seeds,
        trials=tuple(trials),
        figures=curves.figures(trials),
        recommended=curves.recommend(trials, plan.pack.locale.tag),
    )
    folder = run_directory(plan.pack, options)
    replace_json(folder / RESULT, found.model_dump(mode="json"))
    pm = plugins.manager(lambda text: None)  # what it warns of was told when the sweep began
    plugins.load_language(pm, name)
    pm.hook.locale_tune_swept(sweep=found, folder=folder)
    return found, folder


def _text(axis: Axis) -> str:
    return f"{axis.setting}={','.join(axis.values)}"


def told(axes: Sequence[Axis], trial: Trying) -> str:
    """Say in a few words which trial this is."""
    pairs = zip(axes, trial.values, strict=True)
    return ", ".join([*(f"{a.setting}={v}" for a, v in pairs), f"seed {trial.seed}"])
