"""Turn a time budget into token counts: a short probe on this machine, then a written number.

The counts go into plan.json, so the build itself is deterministic, and into budget.json, so that
the same question is not measured again.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from locale_tune.errors import PlanError
from locale_tune.files import digest, read_json, replace_json
from locale_tune.finished import BASE
from locale_tune.offers import Parts
from locale_tune.process import measure_speed
from locale_tune.schema import Machine, Plan, Step
from locale_tune.store import Runs, save_plan

UNITS = {"s": 1, "m": 60, "h": 3600}
ROUND_TO = 1_000
CPU_BUDGET = "10m"
COUNTS = "budget.json"
# The settings that change how fast a step trains; others do not bring the probe back.
SHAPE = (
    "sequence",
    "rows_per_step",
    "dtype",
    "adapter",
    "gradient_checkpointing",
    "shard",
    "compile",
    "row_length",
    "row_batch",
    "compute",
    "rows_loss",
)


def seconds(budget: str) -> int:
    """Read `90s`, `10m` or `2h`. Raise PlanError on anything else."""
    match = re.fullmatch(r"(\d+)([smh])", budget.strip())
    if not match or not int(match[1]):
        raise PlanError(f"'{budget}' is no budget", "write 90s, 10m, 2h or none")
    return int(match[1]) * UNITS[match[2]]


def effective(asked: str, machine: Machine) -> str:
    """Return the budget that holds: the one asked for, else a short one where there is no GPU.

    A pack states epochs over its text, which on a small CPU can take days.
    """
    if asked and asked != "none":
        seconds(asked)  # a typing mistake is told by `plan` already
    if asked:
        return "" if asked == "none" else asked
    return CPU_BUDGET if machine.device == "cpu" else ""


def steps_to_time(plan: Plan, parts: Parts) -> list[Step]:
    """Return the training steps whose token count nobody set: those the budget is for."""
    return [
        step
        for step in plan.steps
        if parts.stages[step.stage].speed
        and (step.settings.get("tokens") is None or step.name in plan.resolved)
    ]


def answered(out: Path, plan: Plan, parts: Parts) -> dict[str, int] | None:
    """Return the counts that earlier probes in this run directory gave, if all are known."""
    counts, timed = _counts(out), steps_to_time(plan, parts)
    keys = {step.name: _key(step, plan, parts) for step in timed}
    if not all(key in counts for key in keys.values()):
        return None
    return {name: counts[key] for name, key in keys.items()}


def _key(step: Step, plan: Plan, parts: Parts) -> str:
    """Return what a count depends on: budget, base, machine, shares, and what sets the speed."""
    shares = {s.name: parts.stages[s.stage].budget_share for s in steps_to_time(plan, parts)}
    shape = {name: step.settings[name] for name in SHAPE if name in step.settings}
    machine = plan.machine.model_dump()
    return digest([plan.budget, plan.base, machine, step.name, step.stage, shape, shares])


def fastest(out: Path, plan: Plan) -> Machine:
    """Return the plan's machine with the dtype that the probe found fastest, if it looked."""
    found = _counts(out).get(_dtype_key(plan))
    return plan.machine.model_copy(update={"dtype": found}) if found else plan.machine


def _dtype_key(plan: Plan) -> str:
    return digest(["dtype", plan.base, plan.machine.model_dump()])


def _counts(out: Path) -> dict[str, Any]:
    try:
        return dict(read_json(out / COUNTS))
    except (OSError, ValueError):
        return {}


def granted(plan: Plan, parts: Parts) -> dict[str, float]:
    """Return the seconds that each step trained by the budget gets of it."""
    timed = steps_to_time(plan, parts) if plan.budget else []
    shares = {step.name: parts.stages[step.stage].budget_share for step in timed}
    total = seconds(plan.budget) / sum(shares.values()) if shares else 0.0
    return {name: total * share for name, share in shares.items()}


def resolve(
    plan: Plan,
    runs: Runs,
    parts: Parts,
    make: Callable[[Step], object],
    note: Callable[[str], None],
) -> dict[str, int]:
    """Return the tokens each training step gets: its share of the time times its speed."""
    timed = steps_to_time(plan, parts)
    known = answered(runs.out, plan, parts)
    if known is not None:
        return known
    save_plan(runs.out, plan)
    if not runs.made(runs.steps[BASE]):
        make(runs.steps[BASE])
    share = granted(plan, parts)
    resolved = {}
    speeds: dict[object, float] = {}  # stages that share a probe are measured once
    for step in timed:
        key, counts = _key(step, plan, parts), _counts(runs.out)
        if key in counts:  # measuring it again would give another count, and train it anew
            resolved[step.name] = counts[key]
            continue
        probe = parts.stages[step.stage].speed
        if probe not in speeds:
            speeds[probe], fast = measure_speed(runs, step, parts.stages[step.stage].parallel)
            if fast:
                counts.setdefault(_dtype_key(plan), fast)
        speed = speeds[probe]
        tokens = max(ROUND_TO, int(speed * share[step.name]) // ROUND_TO * ROUND_TO)
        resolved[step.name] = tokens
        replace_json(runs.out / COUNTS, {**counts, key: tokens})
        time = f"{share[step.name]:,.0f} s"
        note(f"probe: {step.name} trains {speed:,.0f} tokens/s here; {time} = {tokens:,}")
    return resolved
