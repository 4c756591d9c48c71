"""The units that texts are compared by: words, or letters where a script has no spaces."""

from __future__ import annotations

import re
from collections.abc import Sequence

from locale_tune.api import spacing
from locale_tune_corpus.fold import fold_words

LETTERS = 4  # letters that count as one word: more than in Chinese, fewer than in Thai
UNSPACED = re.compile(f"[{spacing.LETTERS}]")
PARTS = re.compile(f"[{spacing.LETTERS}]|[^{spacing.LETTERS}]+")


def units(text: str) -> list[str]:
    """Return the folded words of a text, those of scripts without spaces letter by letter."""
    words = fold_words(text)
    if not UNSPACED.search(text):
        return words
    return [part for word in words for part in PARTS.findall(word)]


def units_per_word(parts: Sequence[str]) -> int:
    """Return how many units of a text count as one word."""
    return LETTERS if 2 * sum(map(bool, map(UNSPACED.match, parts))) > len(parts) else 1
