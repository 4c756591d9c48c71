"""Turn a time budget into token counts: a short probe on this machine, then a written number.

The counts go into plan.json, so the build itself is deterministic, and the same command later
takes them from there instead of measuring again.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from locale_tune.errors import PlanError
from locale_tune.process import measure_speed
from locale_tune.schema import Machine, Parts, Plan, Step
from locale_tune.store import BASE, Runs, load_plan, save_plan

UNITS = {"s": 1, "m": 60, "h": 3600}
ROUND_TO = 1_000
CPU_BUDGET = "10m"


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


def answered(previous: Plan | None, plan: Plan, parts: Parts) -> dict[str, int] | None:
    """Return the counts of an earlier plan if it had the same budget, base, machine and pack."""
    if previous is None or any(
        getattr(previous, name) != getattr(plan, name)
        for name in ("budget", "base", "machine", "pack")
    ):
        return None
    names = [step.name for step in steps_to_time(plan, parts)]
    if not all(name in previous.resolved for name in names):
        return None
    return {name: previous.resolved[name] for name in names}


def resolve(
    plan: Plan,
    runs: Runs,
    parts: Parts,
    make: Callable[[Step], object],
    note: Callable[[str], None],
) -> dict[str, int]:
    """Return the tokens each training step gets: its share of the time times its speed."""
    total = seconds(plan.budget)
    timed = steps_to_time(plan, parts)
    known = answered(load_plan(runs.out), plan, parts)
    if known is not None or not timed:
        return known or {}
    save_plan(runs.out, plan)
    if not runs.made(runs.steps[BASE]):
        make(runs.steps[BASE])
    shares = {step.name: parts.stages[step.stage].budget_share for step in timed}
    resolved = {}
    speeds: dict[object, float] = {}  # stages that share a probe are measured once
    for step in timed:
        probe = parts.stages[step.stage].speed
        if probe not in speeds:
            speeds[probe] = measure_speed(runs, step)
        speed = speeds[probe]
        granted = total * shares[step.name] / sum(shares.values())
        tokens = max(ROUND_TO, int(speed * granted) // ROUND_TO * ROUND_TO)
        resolved[step.name] = tokens
        note(f"probe: {step.name} trains {speed:,.0f} tokens/s here; {granted:,.0f} s = {tokens:,}")
    return resolved
