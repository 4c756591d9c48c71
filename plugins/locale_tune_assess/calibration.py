"""Calibration: does a model's confidence say how often it is right?

Statements and oracle: design section 22 (Naeini et al. 2015 for ECE; Nguyen and O'Connor 2015 for
equal-mass bins; Guo et al. 2017 for temperature; Wilson 1927 for the interval). `confidence` is
the largest option probability [N], `correct` is 1 where that option is the answer [N].
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

Z95 = 1.959963984540054
COLDEST, HOTTEST = 0.01, 100.0


@dataclass(frozen=True)
class Bins:
    """One reliability diagram: count, mean confidence and accuracy [B]; empty bins hold 0."""

    count: Array
    confidence: Array
    accuracy: Array

    @property
    def gap(self) -> Array:
        """Return |accuracy - confidence| per bin [B]."""
        return np.abs(self.accuracy - self.confidence)

    @property
    def share(self) -> Array:
        """Return the share of all items that each bin holds [B]."""
        result: Array = self.count / max(self.count.sum(), 1)
        return result


def bin_of(confidence: Array, bins: int = 15) -> Integers:
    """Return the equal-width bin of each confidence [N]: right edge closed, 0 in the first."""
    edges = np.linspace(0, 1, bins + 1)[1:-1]
    return np.searchsorted(edges, confidence, side="left").astype(np.int64)


def reliability(confidence: Array, correct: Array, bins: int = 15) -> Bins:
    """Return counts, mean confidences and accuracies of equal-width bins."""
    return _bins(bin_of(confidence, bins), confidence, correct, bins)


def _bins(index: Integers, confidence: Array, correct: Array, bins: int) -> Bins:
    count = np.bincount(index, minlength=bins).astype(np.float64)
    held = np.maximum(count, 1)
    return Bins(
        count,
        np.bincount(index, weights=confidence, minlength=bins) / held,
        np.bincount(index, weights=correct, minlength=bins) / held,
    )


def expected_error(confidence: Array, correct: Array, bins: int = 15) -> float:
    """Return ECE: the mean gap of the bins, weighted by how many items each holds."""
    table = reliability(confidence, correct, bins)
    return float((table.share * table.gap).sum())


def ece_addends(confidence: Array, correct: Array, bins: int = 15) -> Array:
    """Return what each item adds to ECE [N, bins + 1]: its gap in its bin, and a 1 to count it."""
    addends = np.zeros((len(confidence), bins + 1))
    addends[np.arange(len(confidence)), bin_of(confidence, bins)] = correct - confidence
    addends[:, bins] = 1.0
    return addends


def ece_of_sums(sums: Array) -> Array:
    """Return ECE [R] of sums of `ece_addends` [R, bins + 1]: it is a function of sums too."""
    result: Array = np.abs(sums[:, :-1]).sum(axis=1) / np.maximum(sums[:, -1], 1)
    return result


def rms_error(confidence: Array, correct: Array, bins: int = 15) -> float:
    """Return the root of the weighted mean of the squared gaps."""
    table = reliability(confidence, correct, bins)
    return float(np.sqrt((table.share * table.gap**2).sum()))


def maximum_error(confidence: Array, correct: Array, bins: int = 15) -> float:
    """Return the largest gap of any bin that holds an item."""
    return float(reliability(confidence, correct, bins).gap.max(initial=0.0))


def adaptive_error(confidence: Array, correct: Array, bins: int = 15) -> float:
    """Return ECE over equal-mass bins; the first n mod B bins hold one item more.

    Tied confidences keep the order given, so the value may depend on it (the sort is stable).
    """
    order = np.argsort(confidence, kind="stable")
    sizes = np.full(bins, order.size // bins)
    sizes[: order.size % bins] += 1
    table = _bins(np.repeat(np.arange(bins), sizes), confidence[order], correct[order], bins)
    return float((table.share * table.gap).sum())


def brier_binary(confidence: Array, correct: Array) -> float:
    """Return the mean of (confidence - correct)^2."""
    return float(np.mean((confidence - correct) ** 2))


def brier_items(probabilities: Array, answers: Integers) -> Array:
    """Return the multi-class Brier score of each item [N]: the sum over options of (p - y)^2."""
    truth = np.zeros_like(probabilities)
    truth[np.arange(len(answers)), answers] = 1.0
    result: Array = ((probabilities - truth) ** 2).sum(axis=1)
    return result


def brier(probabilities: Array, answers: Integers) -> float:
    """Return the mean multi-class Brier score, from 0 (sure and right) to 2 (sure and wrong)."""
    return float(brier_items(probabilities, answers).mean())


def softmax(scores: Array, temperature: float = 1.0) -> Array:
    """Return option probabilities [N, K]; an option scored -inf is absent and gets 0."""
    shifted = (scores - scores.max(axis=1, keepdims=True)) / temperature
    weights = np.exp(shifted)
    result: Array = weights / weights.sum(axis=1, keepdims=True)
    return result


def nll_items(scores: Array, answers: Integers, temperature: float = 1.0) -> Array:
    """Return -log p(answer) of each item [N], in nats."""
    scaled = scores / temperature
    top = scaled.max(axis=1)
    partition = top + np.log(np.exp(scaled - top[:, None]).sum(axis=1))
    result: Array = partition - scaled[np.arange(len(answers)), answers]
    return result


def mean_nll(scores: Array, answers: Integers, temperature: float = 1.0) -> float:
    """Return the mean of -log p(answer), in nats."""
    return float(np.mean(nll_items(scores, answers, temperature)))


def fit_temperature(scores: Array, answers: Integers) -> float:
    """Return the temperature with the lowest NLL (Guo et al. 2017), within 0.01 to 100.

    In b = 1/T the NLL is convex with slope mean(sum_k p_k z_k - z_answer), so its root is bisected
    over log T. Fit on dev items only: a temperature fitted on test reports its own training error.
    """
    present = np.where(np.isfinite(scores), scores, 0.0)
    own = present[np.arange(len(answers)), answers]

    def slope(temperature: float) -> float:
        return float(np.mean((softmax(scores, temperature) * present).sum(axis=1) - own))

    low, high = np.log(COLDEST), np.log(HOTTEST)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(float(np.exp(middle))) > 0 else (low, middle)
    return float(np.exp((low + high) / 2))


def wilson(successes: Array, counts: Array) -> tuple[Array, Array]:
    """Return the 95 % Wilson interval of each share [B]; without any item it is 0 to 1."""
    n = np.maximum(counts, 1)
    share = successes / n
    spread = 1 + Z95**2 / n
    centre = (share + Z95**2 / (2 * n)) / spread
    half = Z95 * np.sqrt(share * (1 - share) / n + Z95**2 / (4 * n**2)) / spread
    empty = counts == 0
    # By the formula the interval holds the share; rounding must not put it outside.
    low = np.where(empty, 0.0, np.clip(centre - half, 0, share))
    high = np.where(empty, 1.0, np.clip(centre + half, share, 1))
    return low, high
