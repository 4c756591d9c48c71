"""Findings and trials of a made-up sweep, with means and spreads that can be checked by hand."""

from __future__ import annotations

from locale_tune.curves import Axis, Sweep, Trial, figures, recommend
from locale_tune.schema import Finding, Locale, Machine

LOCALE = Locale(
    id="ar-gulf",
    tag="afb",
    script="Arab",
    name="Gulf Arabic",
    endonym="العربية الخليجية",
    direction="rtl",
)


def pair(accuracy: float, ece: float, on: str = "afb", n: int = 100) -> list[Finding]:
    """Return one language's accuracy (in percent) and ECE."""
    named = {"afb": "Gulf Arabic", "en": "English"}[on]
    return [
        Finding(
            check="accuracy",
            on=on,
            label=f"{named} questions, accuracy",
            before=25.0,
            after=accuracy,
            n=n,
            unit="%",
        ),
        Finding(
            check="ece",
            on=on,
            label=f"{named} questions, calibration error (ECE, 15 bins)",
            before=0.3,
            after=ece,
            n=n,
            lower_is_better=True,
        ),
    ]


def trials(points: dict[tuple[str, ...], list[tuple[float, float]]]) -> list[Trial]:
    """Return one trial per point and seed; a point lists (accuracy, ECE) of its seeds."""
    return [
        Trial(values=values, seed=seed, findings=(*pair(*measured), *pair(40.0, 0.1, "en")))
        for values, found in points.items()
        for seed, measured in enumerate(found)
    ]


def sweep_of(axes: list[Axis], made: list[Trial]) -> Sweep:
    """Return the sweep that these trials make."""
    return Sweep(
        locale=LOCALE,
        base="base",
        machine=Machine(),
        command="locale-tune build ar-gulf --sweep tune.label_smoothing=0,0.1",
        axes=tuple(axes),
        seeds=tuple(dict.fromkeys(trial.seed for trial in made)),
        trials=tuple(made),
        figures=figures(made),
        recommended=recommend(made, LOCALE.tag),
    )
