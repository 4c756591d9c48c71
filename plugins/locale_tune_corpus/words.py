"""What counts as a word to the filters of running text, which know the script of the pack.

To compare texts of any script with each other, `units.py` goes by the letters themselves.
"""

from __future__ import annotations

import unicodedata

from locale_tune.api import spacing
from locale_tune_corpus.fold import fold
from locale_tune_corpus.scripts import belongs

LETTERS_PER_WORD = 4  # about a word of Thai or Khmer; where rules speak of n words


def words(text: str, script: str) -> list[str]:
    """Return the folded words of a text; of an unspaced script, its letters with their marks.

    Words of another script in between stay whole: "iPhone ของฉัน" is one word and five letters.
    """
    found = fold(text).split()
    if script not in spacing.SCRIPTS:
        return found
    return [unit for word in found for unit in _letters(word, script)]


def per_word(script: str) -> int:
    """Return how many of the units of `words` make up about one word."""
    return LETTERS_PER_WORD if script in spacing.SCRIPTS else 1


def _letters(word: str, script: str) -> list[str]:
    units: list[str] = []
    foreign = False  # whether the last unit is a word of another script, which may go on
    for char in word:
        if unicodedata.category(char)[0] == "M" and units:
            units[-1] += char
            continue
        was, foreign = foreign, not belongs(char, script)
        if was and foreign:
            units[-1] += char
        else:
            units.append(char)
    return units
