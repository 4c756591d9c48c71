"""How much a set of lessons differs within itself: figures for before and after a choice.

Distinct-n (Li et al. 2016, arXiv:1510.03055), the entropy of n-grams, the Vendi score (Friedman and
Dieng 2023, arXiv:2210.02410), the mean cosine distance, and NovelSum (`novelty.py`). They can be
compared between sets in one language, not between languages.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from locale_tune_curation.novelty import unit

Tokens = Sequence[Sequence[str]]


def distinct(texts: Tokens, size: int) -> float:
    """Return the share of different n-grams among all n-grams of a set; 0 without any."""
    grams = _grams(texts, size)
    return len(grams) / sum(grams.values()) if grams else 0.0


def entropy(texts: Tokens, size: int) -> float:
    """Return the entropy of the n-grams of a set, in nats."""
    counts = np.array([*_grams(texts, size).values()], np.float64)
    if not len(counts):
        return 0.0
    shares = counts / counts.sum()
    return float(-(shares * np.log(shares)).sum())


def vendi(vectors: NDArray[Any]) -> float:
    """Return the Vendi score by cosine, from 1 (all the same) to the number of items.

    It is e to the entropy of the eigenvalues of the kernel over n. X X^T and X^T X have the same
    ones but for zeros, so the smaller of the two is taken.
    """
    made = unit(vectors)
    if not len(made):
        return 0.0
    kernel = made @ made.T if len(made) <= made.shape[1] else made.T @ made
    values = np.linalg.eigvalsh(kernel / len(made))
    values = values[values > 1e-12]
    return float(np.exp(-(values * np.log(values)).sum()))


def mean_distance(vectors: NDArray[Any]) -> float:
    """Return the mean cosine distance over all pairs of two different items; 0 for fewer."""
    made = unit(vectors)
    count = len(made)
    if count < 2:
        return 0.0
    total = (made.sum(axis=0) ** 2).sum() - (made**2).sum()
    return float(1 - total / (count * (count - 1)))


def _grams(texts: Iterable[Sequence[str]], size: int) -> Counter[tuple[str, ...]]:
    grams: Counter[tuple[str, ...]] = Counter()
    for text in texts:
        grams.update(zip(*(text[start:] for start in range(size)), strict=False))
    return grams
