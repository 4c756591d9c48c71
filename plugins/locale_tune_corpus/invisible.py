"""Characters that nobody sees: kept where a script needs them, else the text is left out.

They are not taken out, because that would change what somebody wrote. The rules are those of
Unicode's own chapters on them (The Unicode Standard, 23.2 "Layout Controls"), made simple.
"""

from __future__ import annotations

import unicodedata

from locale_tune.api import spacing

JOINERS = "\u200c\u200d\u180e"
WORD_BREAK = "\u200b"
DIRECTION_MARKS = frozenset("\u200e\u200f\u061c")
# The first words of the names of letters that never change their shape beside a joiner.
UNJOINED = frozenset(
    {
        "ARMENIAN",
        "BOPOMOFO",
        "CJK",
        "COMBINING",
        "CYRILLIC",
        "FULLWIDTH",
        "GEORGIAN",
        "GREEK",
        "HALFWIDTH",
        "HANGUL",
        "HIRAGANA",
        "KATAKANA",
        "LATIN",
        "MODIFIER",
        "VARIATION",
    }
)
# Of scripts that part words or syllables by spaces or signs, and where lines are still broken at an
# invisible one.
BROKEN_LINES = frozenset({"SUNDANESE", "TIBETAN"})
BLACK_FLAG, FLAG_TAGS = "\U0001f3f4", 8  # a flag, such as Scotland's, spells its code in tags
TAGS = frozenset(map(chr, range(0xE0020, 0xE0080)))
SELECTORS = frozenset(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
ALWAYS_HIDDEN = frozenset(
    map(chr, (0x3164, 0xFEFF, 0xFFA0, *range(0x2060, 0x2065), *range(0x206A, 0x2070)))
) | frozenset(map(chr, (0xFFF9, 0xFFFA, 0xFFFB, 0xE0001)))
SUSPECTS = ALWAYS_HIDDEN | DIRECTION_MARKS | frozenset(JOINERS + WORD_BREAK)
SUSPECTS |= TAGS | SELECTORS


def hidden(text: str) -> str:
    """Return what is wrong with a text's invisible characters, or an empty string."""
    found = SUSPECTS.intersection(text)
    if not found:
        return ""
    if never := found & ALWAYS_HIDDEN:
        return f"an invisible character ({', '.join(sorted(f'U+{ord(c):04X}' for c in never))})"
    if found & DIRECTION_MARKS and not _right_to_left(text):
        return "a direction mark in a text without right-to-left letters"
    if WORD_BREAK in found and not any(map(_breaks_unseen, set(text))):
        return "an invisible space (U+200B) in a script that has spaces"
    return next((why for at, c in enumerate(text) if c in found and (why := _why(text, at, c))), "")


def _breaks_unseen(char: str) -> bool:
    return spacing.is_unspaced(char) or _first_name(char) in BROKEN_LINES


def _why(text: str, at: int, char: str) -> str:
    before, after = text[at - 1 : at], text[at + 1 : at + 2]
    if char in JOINERS:
        joins = _joins(before) or _joins(after) or (char == "\u200d" and _is_emoji(before))
        return "" if joins else "an invisible joiner beside nothing that joins"
    if char in TAGS:
        flag = text[max(0, at - FLAG_TAGS) : at].rstrip("".join(TAGS)).endswith(BLACK_FLAG)
        return "" if flag else "text in invisible tags (U+E0020 to U+E007F)"
    if char in SELECTORS and before in SELECTORS:
        return "variation selectors in a row, which can hide data"
    return ""


def _right_to_left(text: str) -> bool:
    return any(
        unicodedata.bidirectional(char) in ("R", "AL")
        for char in set(text)
        if char not in DIRECTION_MARKS
    )


def _first_name(char: str) -> str:
    return unicodedata.name(char, "").partition(" ")[0] if char else ""


def _joins(char: str) -> bool:
    """Return whether a neighbour is a letter or a mark of a script whose letters join."""
    return (
        bool(char) and unicodedata.category(char)[0] in "LM" and _first_name(char) not in UNJOINED
    )


def _is_emoji(char: str) -> bool:
    return bool(char) and (unicodedata.category(char) in ("So", "Sk") or char == "\ufe0f")
