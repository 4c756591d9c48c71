"""Words that give a language or variety away, where there is hardly any text to learn from."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from locale_tune_corpus.fold import fold

WEIGHT = 2.0  # one marker makes its label e^2 = 7 times as likely
MOST = 3  # and no more than three of them are counted


class Markers:
    """Counts the markers of each label in a text; a marker is one word or several."""

    def __init__(self, lists: Mapping[str, Iterable[str]]) -> None:
        self._lists = {label: {fold(word) for word in words} for label, words in lists.items()}
        self.labels = frozenset(self._lists)

    def found(self, text: str) -> dict[str, int]:
        """Return how many different markers of each label a text holds; no label has none."""
        folded = f" {fold(text)} "
        words = set(folded.split())
        counts = {}
        for label, markers in self._lists.items():
            here = sum(m in words if " " not in m else f" {m} " in folded for m in markers)
            if here:
                counts[label] = here
        return counts


def weighed(chances: Mapping[str, float], found: Mapping[str, int]) -> dict[str, float]:
    """Return the chances after the markers: odds of a label times e^WEIGHT for each of its own."""
    raised = {
        label: chance * math.exp(WEIGHT * min(found.get(label, 0), MOST))
        for label, chance in chances.items()
    }
    total = sum(raised.values())
    return {label: value / total for label, value in raised.items()}
