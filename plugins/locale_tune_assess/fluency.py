"""The fluency guard: how surprising native text is to a frozen model, and what lies outside.

The reference is the base model, which no stage has trained; its tokenizer and weights are the same
before and after. Gibberish surprises it more than native text does, a loop of one phrase less.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .context import Model
from .held_out import NATS_PER_BIT

FEWEST = 20  # native texts without which there is no range
EDGES = (1.0, 99.0)  # percentiles of the native texts that bound the range


@dataclass(frozen=True)
class Guard:
    """Bits per byte of native text under the reference: the range that counts as fluent."""

    low: float
    high: float
    texts: int

    def passes(self, bits: float) -> bool:
        """Whether a text's bits per byte lie within the range."""
        return self.low <= bits <= self.high


def bits_of(reference: Model, texts: Sequence[str]) -> list[float]:
    """Return the bits per UTF-8 byte of each text, none of them empty, under the reference."""
    return [score.nats / NATS_PER_BIT / score.bytes for score in reference.nll(texts)]


def guard_of(bits: Sequence[float]) -> Guard | None:
    """Return the range of native texts as long as an answer; None with fewer than 20."""
    if len(bits) < FEWEST:
        return None
    low, high = np.percentile(bits, EDGES)
    return Guard(float(low), float(high), len(bits))
