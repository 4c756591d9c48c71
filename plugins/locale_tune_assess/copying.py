"""Find what one text copies from another, or from a corpus that does not fit in memory.

Texts are compared as NFC with every run of space as one, letter by letter, so the figures do not
depend on a tokenizer.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

# A copy of this many letters is hardly chance: some ten words.
LONG = 50


class Copy(NamedTuple):
    """The longest stretch of `text` that a document holds too, and the document's id."""

    text: str
    document: str


def plain(text: str) -> str:
    """Return a text as it is compared."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def longest_common(one: str, other: str) -> str:
    """Return the longest stretch that two texts share, the first of equal ones.

    If they share one of n letters they share one of n - 1, so the length is found by halving.
    """
    low, high, found = 0, min(len(one), len(other)), ""
    while low < high:
        size = (low + high + 1) // 2
        there = {other[start : start + size] for start in range(len(other) - size + 1)}
        starts = range(len(one) - size + 1)
        shared = next((one[s : s + size] for s in starts if one[s : s + size] in there), "")
        if shared:
            low, found = size, shared
        else:
            high = size - 1
    return found


def longest_copies(
    answers: Sequence[str], documents: Iterable[tuple[str, str]], least: int = LONG
) -> list[Copy]:
    """Return for each answer its longest copy of at least `least` letters from any (id, text).

    Documents are read one at a time and memory grows with the answers only: every stretch of half
    that length in an answer is indexed, and of a document only each half-length block is looked up.
    A shared stretch of `least` letters covers one block whole, so none is missed.
    """
    half = (least + 1) // 2
    said = [plain(answer) for answer in answers]
    index: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for row, answer in enumerate(said):
        for start in range(len(answer) - half + 1):
            index[answer[start : start + half]].append((row, start))
    best = [Copy("", "")] * len(said)
    for name, text in documents if index else ():
        source = plain(text)
        for block in range(0, len(source) - half + 1, half):
            for row, start in index.get(source[block : block + half], ()):
                shared = _grown(said[row], start, source, block, half)
                if len(shared) >= max(least, len(best[row].text) + 1):
                    best[row] = Copy(shared, name)
    return best


def _grown(answer: str, start: int, source: str, block: int, size: int) -> str:
    """Return the shared stretch around answer[start:start + size] = source[block:block + size]."""
    left = 0
    while min(start, block) > left and answer[start - left - 1] == source[block - left - 1]:
        left += 1
    right = size
    room = min(len(answer) - start, len(source) - block)
    while right < room and answer[start + right] == source[block + right]:
        right += 1
    return answer[start - left : start + right]
