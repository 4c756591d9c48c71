"""All that is said about one model's confidence on one set of questions, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import calibration as cal
from .answers import Answers
from .bootstrap import FEWEST_GROUPS, around, level, percentiles, resampled
from .calibration import Array
from .selective import accuracy_at, ranking, risk_area
from .smooth import smooth_error, smooth_errors

FEWEST_FOR_TEMPERATURE = 10
# Sorting and smoothing every draw takes memory: 8 bytes per draw and question, several times.
MOST_RESAMPLES = 1000
COVERAGES = {"selective_50": 0.5, "selective_80": 0.8}
UNBOUNDED = {"brier", "nll"}  # all others are at most 1
Interval = tuple[float, float]


@dataclass(frozen=True)
class Judged:
    """What the metrics are made of, per item: confidence, right or wrong, Brier score, NLL [N]."""

    confidence: Array
    correct: Array
    brier: Array
    nll: Array


def judged(answers: Answers) -> Judged:
    """Return what the metrics of one model's answers are made of."""
    return Judged(
        answers.confidence,
        answers.correct,
        cal.brier_items(answers.probabilities, answers.right),
        cal.nll_items(answers.scores, answers.right),
    )


def measures(items: Judged, bins: int, weights: Array | None = None) -> dict[str, Array]:
    """Return every metric but smooth ECE [R], given how often each item counts [R, N] (once)."""
    weights = np.ones((1, len(items.correct))) if weights is None else weights
    total = weights.sum(axis=1)

    def mean(values: Array) -> Array:
        result: Array = weights @ values / total
        return result

    ranked = ranking(items.confidence, items.correct, weights)
    accuracy, confidence = mean(items.correct), mean(items.confidence)
    return {
        "accuracy": accuracy,
        "confidence": confidence,
        "overconfidence": confidence - accuracy,
        "brier": mean(items.brier),
        "nll": mean(items.nll),
        **_binned(items, bins, weights),
        "adaptive_ece": _adaptive(items, bins, weights),
        **{name: accuracy_at(ranked, share) for name, share in COVERAGES.items()},
        "risk_area": risk_area(ranked),
    }


def _binned(items: Judged, bins: int, weights: Array) -> dict[str, Array]:
    member = np.eye(bins)[cal.bin_of(items.confidence, bins)]
    count = weights @ member
    gap = np.abs(weights @ (member * (items.correct - items.confidence)[:, None]))
    gap /= np.maximum(count, 1)
    share = count / count.sum(axis=1, keepdims=True)
    return {
        "ece": (share * gap).sum(axis=1),
        "rms": np.sqrt((share * gap**2).sum(axis=1)),
        "mce": gap.max(axis=1),
    }


def _adaptive(items: Judged, bins: int, weights: Array) -> Array:
    """Return the equal-mass ECE [R]: the first n mod B bins of each resample hold one more."""
    order = np.argsort(items.confidence, kind="stable")
    residual = (items.correct - items.confidence)[order]
    ranked = weights[:, order]
    ends = np.cumsum(ranked, axis=1)
    total = ends[:, -1:]
    result, start = np.zeros(len(weights)), np.zeros((len(weights), 1))
    for number in range(bins):
        stop = start + total // bins + (number < total % bins)
        taken = np.clip(np.minimum(ends, stop) - np.maximum(ends - ranked, start), 0, None)
        result += np.abs(taken @ residual)
        start = stop
    return result / total[:, 0]


@dataclass(frozen=True)
class Metrics:
    """The metrics of one side and their draws [R], which pair with those of the other side."""

    values: Mapping[str, float]
    draws: Mapping[str, Array]
    groups: int

    @property
    def intervals(self) -> dict[str, Interval]:
        """Return 95 % intervals, within what a metric can be; none with fewer than 5 groups."""
        found = {}
        for name, draws in self.draws.items():
            low, high = level(self.values[name], draws, self.groups)
            found[name] = (low, high if name in UNBOUNDED else min(high, 1.0))
        return found

    def changes(self, before: Metrics) -> dict[str, Interval]:
        """Return 95 % intervals of this side minus the other, drawn together."""
        changes = {}
        for name, draws in self.draws.items():
            change = self.values[name] - before.values[name]
            moved = around(change, draws - before.draws[name], self.groups)
            changes[name] = percentiles(moved)
        return changes


def metrics(
    answers: Answers, groups: Sequence[str], bins: int, resamples: int, seed: int
) -> Metrics:
    """Return all metrics of one side. The same seed and groups draw the same items for both."""
    items = judged(answers)
    values = {name: float(value[0]) for name, value in measures(items, bins).items()}
    values["smooth_ece"] = smooth_error(items.confidence, items.correct)[0]
    names, index = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    if len(names) < FEWEST_GROUPS:
        return Metrics(values, {}, len(names))
    weights = resampled(np.eye(len(names)), min(resamples, MOST_RESAMPLES), seed)[:, index]
    drawn = measures(items, bins, weights)
    drawn["smooth_ece"] = smooth_errors(items.confidence, items.correct, weights)
    return Metrics(values, drawn, len(names))


def diagram(test: Answers, dev: Answers, found: Metrics, bins: int) -> dict[str, Any]:
    """Return the numbers of one reliability diagram; the temperature comes from dev items only."""
    values = dict(found.values)
    selective = {f"{share:g}": values.pop(name) for name, share in COVERAGES.items()}
    selective["risk_area"] = values.pop("risk_area")
    table = cal.reliability(test.confidence, test.correct, bins)
    low, high = cal.wilson(table.accuracy * table.count, table.count)
    columns = (table.count.astype(int), table.confidence, table.accuracy, low, high)
    intervals = {name: list(ends) for name, ends in found.intervals.items()}
    return {
        "n": len(test.right),
        **values,
        "selective": selective,
        **_scaled(test, dev, bins),
        "dev": len(dev.right),
        "ece_interval": intervals.get("ece"),
        "intervals": intervals,
        "bins": [list(row) for row in zip(*(column.tolist() for column in columns), strict=True)],
    }


def _scaled(test: Answers, dev: Answers, bins: int) -> dict[str, float | None]:
    """Return the temperature fitted on dev, and what it makes of ECE and NLL on test."""
    if len(dev.right) < FEWEST_FOR_TEMPERATURE:
        return {"temperature": None, "ece_scaled": None, "nll_scaled": None}
    temperature = cal.fit_temperature(dev.scores, dev.right)
    confidence = cal.softmax(test.scores, temperature).max(axis=1)
    return {
        "temperature": temperature,
        "ece_scaled": cal.expected_error(confidence, test.correct, bins),
        "nll_scaled": cal.mean_nll(test.scores, test.right, temperature),
    }
