"""Turn a time budget into token counts: a short probe on this machine, then a written number.

The counts go into plan.json, so the build itself is deterministic, and the same command later
takes them from there instead of measuring again.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from locale_tune.errors import PlanError
from locale_tune.process import measure_speed
from locale_tune.schema import Parts, Plan, Step
from locale_tune.store import BASE, Runs, load_plan, save_plan

UNITS = {"s": 1, "m": 60, "h": 3600}
ROUND_TO = 1_000


def seconds(budget: str) -> int:
    """Read `90s`, `10m` or `2h`. Raise PlanError on anything else."""
    match = re.fullmatch(r"(\d+)([smh])", budget.strip())
    if not match or not int(match[1]):
        raise PlanError(f"'{budget}' is no budget", "write 90s, 10m or 2h")
    return int(match[1]) * UNITS[match[2]]


def same_question(old: Plan, new: Plan) -> bool:
    """Whether an earlier plan already answered this budget: same base, machine and settings."""
    return bool(old.resolved) and all(
        getattr(old, name) == getattr(new, name) for name in ("budget", "base", "machine", "pack")
    )


def resolve(
    plan: Plan,
    runs: Runs,
    parts: Parts,
    make: Callable[[Step], object],
    note: Callable[[str], None],
) -> dict[str, int]:
    """Return the tokens each training step gets: its share of the time times its speed."""
    total = seconds(plan.budget)
    previous = load_plan(runs.out)
    if previous and same_question(previous, plan):
        return previous.resolved
    save_plan(runs.out, plan)
    if not runs.made(runs.steps[BASE]):
        make(runs.steps[BASE])
    timed = [step for step in plan.steps if parts.stages[step.stage].speed]
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
