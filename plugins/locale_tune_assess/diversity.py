"""How much a set of texts differs within itself, as figures on tokens and on vectors.

Distinct-n (Li et al. 2016, arXiv:1510.03055), the entropy of n-grams, self-BLEU (Zhu et al. 2018,
arXiv:1802.01886, on the sentence BLEU of Papineni et al. 2002, smoothed as nltk's `method1`), the
mean cosine distance, and the Vendi score (Friedman and Dieng 2023, arXiv:2210.02410). They depend
on how a text is cut into tokens: compare sets in one language, cut in one way, never languages.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Tokens = Sequence[str]
Grams = Counter[tuple[str, ...]]
Array = NDArray[np.float64]

LONGEST_GRAM = 4  # of BLEU
EPSILON = 0.1  # stands for an n-gram match of zero
LETTER_GRAMS = (2, 3, 4)


def grams_of(tokens: Tokens, size: int) -> Grams:
    """Count the n-grams of one text."""
    return Counter(zip(*(tokens[start:] for start in range(size)), strict=False))


def distinct(texts: Sequence[Tokens], size: int) -> float:
    """Return the share of different n-grams among all n-grams of the set; 0 without any."""
    grams = _pooled(texts, size)
    return len(grams) / grams.total() if grams else 0.0


def ngram_entropy(texts: Sequence[Tokens], size: int) -> float:
    """Return the entropy of the n-grams of the set, in nats."""
    grams = _pooled(texts, size)
    total = grams.total()
    return sum(count / total * math.log(total / count) for count in grams.values())


def self_bleu(texts: Sequence[Tokens]) -> float:
    """Return the mean BLEU-4 of each text against all others: 1 when all are the same.

    N-grams are counted once per text. What an n-gram may match is the most that another text
    holds, so of each n-gram the two highest counts are kept. Fewer than two texts, or texts
    without tokens, are 0.
    """
    if len(texts) < 2:
        return 0.0
    matched = [[0] * LONGEST_GRAM for _ in texts]
    for size in range(1, LONGEST_GRAM + 1):
        counts = [grams_of(text, size) for text in texts]
        highest = _two_highest(counts)
        for row, own in enumerate(counts):
            matched[row][size - 1] = sum(
                min(count, highest[gram][1 if count == highest[gram][0] else 0])
                for gram, count in own.items()
            )
    lengths = [len(text) for text in texts]
    scores = [
        _bleu(own, lengths[row], lengths[:row] + lengths[row + 1 :])
        for row, own in enumerate(matched)
    ]
    return sum(scores) / len(scores)


def mean_distance(vectors: Array) -> float:
    """Return the mean cosine distance over all pairs of rows [N, D]; 0 for fewer than two."""
    made, count = _unit(vectors), len(vectors)
    if count < 2:
        return 0.0
    total = (made.sum(axis=0) ** 2).sum() - (made**2).sum()
    return float(1 - total / (count * (count - 1)))


def vendi(vectors: Array) -> float:
    """Return the Vendi score of rows [N, D] by cosine: from 1, all the same, to N.

    It is e to the entropy of the eigenvalues of the Gram matrix over N. Rows of zeros (texts
    without a letter) count as one and the same point.
    """
    made = _unit(vectors)
    if not len(made):
        return 0.0
    kernel = made @ made.T
    empty = ~made.any(axis=1)
    kernel[np.ix_(empty, empty)] = 1.0
    values = np.linalg.eigvalsh(kernel / len(made))
    values = values[values > 1e-12]
    return float(np.exp(-(values * np.log(values)).sum()))


def letter_vectors(texts: Sequence[str]) -> Array:
    """Return counts of 2- to 4-letter pieces of each text [N, D], as logarithms.

    They need no model and work in every script, but see form only: two ways to say one thing are
    far apart.
    """
    found = [
        Counter(piece for size in LETTER_GRAMS for piece in _pieces(text, size)) for text in texts
    ]
    columns = {piece: index for index, piece in enumerate(sorted(set().union(*found)))}
    vectors = np.zeros((len(texts), max(1, len(columns))))
    for row, counts in enumerate(found):
        for piece, count in counts.items():
            vectors[row, columns[piece]] = 1 + math.log(count)
    return vectors


def _pieces(text: str, size: int) -> list[str]:
    padded = f" {' '.join(text.split())} " if text.strip() else ""
    return [padded[start : start + size] for start in range(len(padded) - size + 1)]


def _pooled(texts: Sequence[Tokens], size: int) -> Grams:
    pooled: Grams = Counter()
    for text in texts:
        pooled.update(grams_of(text, size))
    return pooled


def _two_highest(counts: Sequence[Grams]) -> dict[tuple[str, ...], tuple[int, int]]:
    highest: dict[tuple[str, ...], tuple[int, int]] = {}
    for own in counts:
        for gram, count in own.items():
            first, second = highest.get(gram, (0, 0))
            highest[gram] = (count, first) if count > first else (first, max(second, count))
    return highest


def _bleu(matched: Sequence[int], length: int, others: Sequence[int]) -> float:
    """Return sentence BLEU-4 from the matches of each n-gram size and the lengths."""
    if not matched[0]:
        return 0.0
    logs = [
        math.log((hits or EPSILON) / max(1, length - size)) for size, hits in enumerate(matched)
    ]
    nearest = min(others, key=lambda other: (abs(other - length), other))
    brevity = min(0.0, 1 - nearest / length)
    return math.exp(brevity + sum(logs) / LONGEST_GRAM)


def _unit(vectors: Array) -> Array:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(norms > 0, norms, 1)
