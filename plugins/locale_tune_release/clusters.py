"""Where a text may be cut for the eye: never between a letter and its marks.

The rules are those of extended grapheme clusters (Unicode Standard Annex 29) as far as the
standard library's character data carry them; where they do not, letters stay together, and so do
those that a font draws as one glyph.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import cache

MARKS = ("Mn", "Me", "Mc")
JOINER, NON_JOINER = "\u200d", "\u200c"
# Belong to the letter before them and are no marks by category: emoji skin tones and tags,
# half-width Japanese voicing, the vowels of Hangul written in parts, Thai and Lao "am".
EXTENDING = (
    ("\U0001f3fb", "\U0001f3ff"),
    ("\U000e0020", "\U000e007f"),
    ("\uff9e", "\uff9f"),
    ("\u1160", "\u11ff"),
    ("\ud7b0", "\ud7ff"),
    ("\u0e33", "\u0e33"),
    ("\u0eb3", "\u0eb3"),
)
# The first letters of a Hangul syllable written in parts, and what may follow them.
LEADING = (("\u1100", "\u115f"), ("\ua960", "\ua97c"))
SYLLABLES = (("\uac00", "\ud7a3"),)
# Signs after which the next consonant joins its neighbour in one glyph: Devanagari, Bengali,
# Gurmukhi, Gujarati, Oriya, Telugu, Kannada, Malayalam, Khmer, Myanmar, Balinese, Javanese.
LINKERS = frozenset(
    "\u094d\u09cd\u0a4d\u0acd\u0b4d\u0c4d\u0ccd\u0d4d\u17d2\u1039\u1b44\ua9c0",
)
# Lam and alef are one glyph in every font; cut between them, half of it would not be drawn.
LAM = frozenset("\u0644\u06b5\u06b6\u06b7\u06b8")
ALEFS = frozenset("\u0622\u0623\u0625\u0627\u0671")
FLAGS = (("\U0001f1e6", "\U0001f1ff"),)  # two of these letters make one flag


def borders(text: str) -> list[int]:
    """Return the places where a text may be cut, its start and its end among them."""
    inside = (place for place in range(1, len(text)) if not _one(text, place))
    return [0, *inside, len(text)] if text else [0]


def _one(text: str, place: int) -> bool:
    """Tell whether the characters on both sides of a place are drawn as one."""
    before, char = text[place - 1], text[place]
    if extends(char):
        return before not in "\r\n"
    if before == JOINER and unicodedata.category(char) == "So":
        return True
    if _within(char, FLAGS):
        return _flags_before(text, place) % 2 == 1
    if char == "\n":
        return before == "\r"
    if _within(before, LEADING):
        return _within(char, LEADING) or _within(char, SYLLABLES)
    if char in ALEFS:
        return _letter_before(text, place) in LAM
    return char.isalpha() and _linked(text, place)


@cache
def extends(char: str) -> bool:
    """Tell whether a character belongs to the one before it."""
    if unicodedata.category(char) in MARKS or char in (JOINER, NON_JOINER):
        return True
    return _within(char, EXTENDING)


def _within(char: str, ranges: Sequence[tuple[str, str]]) -> bool:
    return any(first <= char <= last for first, last in ranges)


def _letter_before(text: str, place: int) -> str:
    """Return the letter before a place, past its marks; "" for none and after a joiner."""
    while place and extends(text[place - 1]) and text[place - 1] not in (JOINER, NON_JOINER):
        place -= 1
    return text[place - 1] if place else ""


def _linked(text: str, place: int) -> bool:
    """Tell whether a linking sign stands before a place, marks and joiners between allowed."""
    while place and extends(text[place - 1]):
        place -= 1
        if text[place] in LINKERS:
            return True
        if text[place] == NON_JOINER:
            return False
    return False


def _flags_before(text: str, place: int) -> int:
    count = 0
    while count < place and _within(text[place - 1 - count], FLAGS):
        count += 1
    return count
