"""MinHash sketches of text, behind an interface of three functions: all that rensa is used for.

Broder 1997: the share of equal minima of random hash functions over two sets estimates their
Jaccard similarity. The sets are the character 5-grams of the folded text (`fold.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from rensa import RMinHash

PERMUTATIONS, BANDS = 120, 24  # 24 bands of 5 rows: 9,999 in 10,000 pairs of similarity 0.8
GRAM = 5
SEED = 1
# The multiplier of a polynomial hash, and those of the finaliser of SplitMix64 (Steele et al.
# 2014, doi:10.1145/2660193.2660195): neighbouring grams must not have neighbouring hashes.
BASE = np.uint64(0x100000001B3)
MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))

Sketches = NDArray[np.uint32]  # [texts, PERMUTATIONS]


def sketches(folded: Sequence[str]) -> Sketches:
    """Return the minima of every text: [texts, PERMUTATIONS]."""
    hashes = [_grams(text) for text in folded]
    ends = np.cumsum([0, *map(len, hashes)])
    flat = np.concatenate([*hashes, np.empty(0, np.uint64)])
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(flat, ends.tolist(), PERMUTATIONS, SEED)
    return np.array(matrix.to_rows(), np.uint32).reshape(len(folded), PERMUTATIONS)


def bands(made: Sketches) -> NDArray[np.uint32]:
    """Return a hash of every band of rows, [texts, BANDS]: similar texts share one of them."""
    rows = made.reshape(len(made), BANDS, PERMUTATIONS // BANDS).astype(np.uint64)
    hashed = np.zeros((len(made), BANDS), np.uint64)
    for column in range(rows.shape[2]):
        hashed = _mixed(hashed * BASE + rows[:, :, column])
    return (hashed >> np.uint64(32)).astype(np.uint32)


def similar(one: Sketches, others: Sketches) -> NDArray[np.float64]:
    """Return the estimated Jaccard similarity of one text, [PERMUTATIONS], with each of others."""
    return np.asarray((others == one).mean(axis=1), np.float64)


def _grams(folded: str) -> NDArray[np.uint64]:
    codes = np.frombuffer(folded.ljust(GRAM).encode("utf-32-le"), "<u4").astype(np.uint64)
    hashed = np.zeros(len(codes) - GRAM + 1, np.uint64)
    for start in range(GRAM):
        hashed = hashed * BASE + codes[start : start + len(hashed)]
    return _mixed(hashed)


def _mixed(hashed: NDArray[np.uint64]) -> NDArray[np.uint64]:
    hashed = (hashed ^ (hashed >> np.uint64(30))) * MIX[0]
    hashed = (hashed ^ (hashed >> np.uint64(27))) * MIX[1]
    mixed: NDArray[np.uint64] = hashed ^ (hashed >> np.uint64(31))
    return mixed
