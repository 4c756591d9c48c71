"""How good a lesson is as an answer, by what can be seen without a model.

A score from 0 to 1: the product of three parts that are 1 for most answers. It knows no language;
compare it within one. What a pack states (`meta["quality"]`) or a model says (`ifd.py`) can stand
in its place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import exp

import numpy as np
from numpy.typing import NDArray

from locale_tune.api import PluginError, Record

SHORT, LONG = 40, 4000  # letters of an answer below and above which it is marked down
GRAM = 8
STATED = "quality"


def heuristics(records: Sequence[Record]) -> NDArray[np.float64]:
    """Return a score for each lesson, [lessons]: its worst answer's."""
    return np.array([min(map(_score, answers(record)), default=0.0) for record in records])


def stated(records: Sequence[Record]) -> NDArray[np.float64]:
    """Return what each lesson states of itself. Raise PluginError for one that states no number."""
    found = []
    for record in records:
        try:
            found.append(float(record.meta[STATED]))
        except (KeyError, ValueError):
            raise PluginError(
                f"the lesson '{record.id}' of '{record.source}' states no number as '{STATED}'",
                'give the column in the source\'s options, or choose select.quality = "heuristics"',
            ) from None
    return np.array(found)


def answers(record: Record) -> list[str]:
    """Return what a lesson teaches to say."""
    return [m.content for m in record.messages if m.role == "assistant"]


def _score(text: str) -> float:
    letters = len(text)
    length = min(1.0, letters / SHORT) * (1.0 if letters < LONG else exp(1 - letters / LONG))
    return length * (1 - _repeated(text)) * _worded(text)


def _repeated(text: str) -> float:
    """Return the share of character 8-grams that were there before."""
    grams = Counter(text[i : i + GRAM] for i in range(len(text) - GRAM + 1))
    total = sum(grams.values())
    return 1 - len(grams) / total if total else 0.0


def _worded(text: str) -> float:
    """Return the share of characters that are letters, marks, digits or spaces, at most 1."""
    worded = sum(char.isalnum() or char.isspace() for char in text)
    return min(1.0, worded / (0.75 * len(text))) if text else 0.0
