"""Vectors of texts from their letters: the offline embedding, for every language alike.

TF-IDF of character 2- to 5-grams of the folded words, hashed and projected to a few hundred
dimensions by random signs (Achlioptas 2003, doi:10.1016/S0022-0000(03)00025-4), which keeps the
cosines to within a few hundredths. Texts with words in common are near each other, also where the
words are inflected; meaning without common words is not seen. For that, name an encoder.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

SIZES = (2, 3, 4, 5)
BUCKETS, DIMENSIONS = 1 << 16, 256
MOST_LETTERS = 4000  # of one text
BASE, MIX = np.uint64(0x100000001B3), np.uint64(0xBF58476D1CE4E5B9)
Vectors = NDArray[np.float32]  # [texts, dimensions], of length 1
Counts = tuple[NDArray[np.intp], NDArray[np.float64]]  # buckets and how often


def ngram_vectors(texts: Sequence[str]) -> Vectors:
    """Return a vector of length 1 for each text, [texts, DIMENSIONS].

    A text without letters has zeros. The same texts give the same bits. Memory is 17 MB, and 1 KB
    for each text.
    """
    frequency = np.zeros(BUCKETS)
    for text in texts:  # counted again below: all counts would be larger than the texts
        frequency[_counts(text)[0]] += 1
    rarity = np.log((1 + len(texts)) / (1 + frequency)) + 1
    signs = np.random.default_rng(0).integers(0, 2, (BUCKETS, DIMENSIONS), np.int8) * 2 - 1
    made = np.zeros((len(texts), DIMENSIONS), np.float32)
    for row, text in enumerate(texts):
        buckets, counts = _counts(text)
        weights = (1 + np.log(counts)) * rarity[buckets]
        vector = weights.astype(np.float32) @ signs[buckets]
        made[row] = vector / (np.linalg.norm(vector) or 1)
    return made


def _counts(text: str) -> Counts:
    """Return the hashed n-grams of a text, within words, with a space at both ends."""
    folded = unicodedata.normalize("NFKC", text[:MOST_LETTERS]).casefold()
    blanks = {ord(char): " " for char in set(folded) if not (char.isalnum() or _mark(char))}
    words = folded.translate(blanks).split()
    codes = np.frombuffer((" " + " ".join(words) + " ").encode("utf-32-le"), "<u4").astype(
        np.uint64
    )
    space = codes == ord(" ")
    found = []
    for size in SIZES:
        count = len(codes) - size + 1
        if count < 1 or not words:
            continue
        hashed = np.full(count, size, np.uint64)
        across = np.zeros(count, bool)  # a space inside: a gram of two words
        for start in range(size):
            hashed = hashed * BASE + codes[start : start + count]
            if 0 < start < size - 1:
                across |= space[start : start + count]
        found.append(hashed[~across])
    if not found:
        return np.empty(0, np.intp), np.empty(0)
    mixed = np.concatenate(found) * MIX
    buckets, counts = np.unique(mixed >> np.uint64(48), return_counts=True)
    return buckets.astype(np.intp), counts.astype(np.float64)


def _mark(char: str) -> bool:
    return unicodedata.category(char)[0] == "M"
