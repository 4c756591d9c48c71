"""What a sweep measured: curves over the values of a setting, and which value they speak for."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from locale_tune.schema import Finding, Frozen, Locale, Machine

ACCURACY, ECE = "accuracy", "ece"
RULE = (
    "the lowest mean ECE in the pack's language among the values whose mean accuracy there lies "
    "within one standard error of the best"
)


class Axis(Frozen):
    """One setting that is swept, `step.setting`, and its values as a person wrote them."""

    setting: str
    values: tuple[str, ...]


class Trial(Frozen):
    """One build of a sweep: a value of each axis, and what it ended in.

    `failed` says why there is no result, where the training diverged.
    """

    values: tuple[str, ...]
    seed: int
    findings: tuple[Finding, ...] = ()
    broken: tuple[str, ...] = ()
    failed: str = ""


class Figure(Frozen):
    """One measure at one point: mean and sample standard deviation over `seeds` trials.

    `spread` is None for one seed; `before` is the base model's own value; `n` items were asked.
    """

    values: tuple[str, ...]
    check: str
    on: str
    label: str
    unit: str
    n: int
    seeds: int
    mean: float
    spread: float | None
    before: float | None


class Recommendation(Frozen):
    """The values a sweep speaks for, those that were near enough in accuracy, and how clearly."""

    values: tuple[str, ...]
    among: tuple[tuple[str, ...], ...]
    rule: str
    reading: str


class Sweep(Frozen):
    """What a sweep ended in, as `sweep.json` holds it."""

    locale: Locale
    base: str
    machine: Machine
    command: str
    axes: tuple[Axis, ...]
    seeds: tuple[int, ...]
    trials: tuple[Trial, ...]
    figures: tuple[Figure, ...]
    recommended: Recommendation | None


def figures(trials: Sequence[Trial]) -> tuple[Figure, ...]:
    """Return accuracy and ECE of every point and language, in the order they were measured."""
    found: dict[tuple[tuple[str, ...], str, str], list[Finding]] = {}
    for trial in trials:
        for finding in trial.findings:
            if finding.check in (ACCURACY, ECE):
                key = (trial.values, finding.check, finding.on)
                found.setdefault(key, []).append(finding)
    return tuple(_figure(values, items) for (values, _, _), items in found.items())


def _figure(values: tuple[str, ...], findings: Sequence[Finding]) -> Figure:
    first, after = findings[0], [finding.after for finding in findings]
    return Figure(
        values=values,
        check=first.check,
        on=first.on,
        label=first.label,
        unit=first.unit,
        n=first.n,
        seeds=len(after),
        mean=statistics.fmean(after),
        spread=statistics.stdev(after) if len(after) > 1 else None,
        before=first.before,
    )


def standard_error(accuracy: Figure) -> float:
    """Return the standard error of a mean accuracy, in its own unit.

    Other questions and other seeds would each give another mean: sqrt(a (1 - a) / n + s^2 / k),
    with the share a right of n questions, and the spread s over k seeds.
    """
    whole = 100.0 if accuracy.unit == "%" else 1.0
    share = accuracy.mean / whole
    questions = share * (1 - share) / accuracy.n
    seeds = ((accuracy.spread or 0.0) / whole) ** 2 / accuracy.seeds
    return whole * math.sqrt(questions + seeds)


def recommend(trials: Sequence[Trial], on: str) -> Recommendation | None:
    """Return what RULE picks in the language `on`; None where no accuracy or ECE was measured.

    The rule follows Breiman's: what is within one standard error of the best is not told apart
    from it (Breiman, Friedman, Olshen and Stone 1984). Of equal ECE the higher accuracy wins, then
    the value named first. A point with a trial that failed is not recommended.
    """
    failed = {trial.values for trial in trials if trial.failed}
    here = [f for f in figures(trials) if f.on == on and f.values not in failed]
    right = {figure.values: figure for figure in here if figure.check == ACCURACY}
    error = {figure.values: figure for figure in here if figure.check == ECE}
    points = [values for values in right if values in error]
    if not points:
        return None
    best = max((right[values] for values in points), key=lambda figure: figure.mean)
    least = best.mean - standard_error(best)
    near = [values for values in points if right[values].mean >= least]
    order = sorted(near, key=lambda values: (error[values].mean, -right[values].mean))
    reading = _reading([error[values] for values in order])
    return Recommendation(values=order[0], among=tuple(near), rule=RULE, reading=reading)


def _reading(errors: Sequence[Figure]) -> str:
    """Say whether the lowest ECE is told apart from the next by more than the spread over seeds."""
    if len(errors) == 1:
        return "No other value is as accurate."
    first, second = errors[:2]
    gap = second.mean - first.mean
    ends = f"ECE {first.mean:.3f}, the next {second.mean:.3f} at {', '.join(second.values)}"
    if first.spread is None or second.spread is None:
        return f"{ends}; one seed shows no spread, so this may be chance: try --seeds 3."
    spread = max(first.spread, second.spread)
    if gap > spread:
        return f"{ends}; the gap is larger than the spread over the seeds ({spread:.3f})."
    return f"{ends}; the gap is within the spread over the seeds ({spread:.3f}): not told apart."


def languages(sweep: Sweep) -> list[str]:
    """Return the languages measured, the pack's own first and English last."""
    return sorted(
        dict.fromkeys(figure.on for figure in sweep.figures),
        key=lambda on: (on != sweep.locale.tag, on.partition("-")[0] in ("en", "eng")),
    )
