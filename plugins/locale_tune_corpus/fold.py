"""Fold text for comparing: what a reader takes for the same words becomes the same words.

NFKC and case folding, and the digits of every script as 0 to 9. For Arabic also alef forms, final
ya and ta marbuta in one, ya and kaf of Persian keyboards as Arabic ones, without vowel signs and
tatweel. Letters and combining marks of other scripts stay: they are the word.
"""

from __future__ import annotations

import hashlib
import unicodedata

ARABIC = dict(zip("أإآٱىةؤئیک", "اااايهوييك", strict=True))
# Tatweel, vowel signs, hamza and madda written as marks, and the signs of the Quran.
UNWRITTEN = {0x640, 0x670, *range(0x610, 0x61B), *range(0x64B, 0x660), *range(0x6D6, 0x6DD)}
UNWRITTEN |= {*range(0x6DF, 0x6E5), 0x6E7, 0x6E8, *range(0x6EA, 0x6EE)}
REMEMBERED, LONGEST = 1 << 16, 32


class _Letters(dict[int, str]):
    """Maps a character to itself, to nothing, or to a space; filled as characters are met."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        kind = unicodedata.category(char)
        if code in UNWRITTEN or kind == "Cf":
            self[code] = ""
        elif kind == "Nd":
            self[code] = str(unicodedata.decimal(char))
        else:
            self[code] = ARABIC.get(char, char) if kind[0] in "LMN" else " "
        return self[code]


class _Words(dict[str, str]):
    """Maps what stands between two spaces to its folded words. Most of a text are words met before.

    Holds at most `REMEMBERED` short ones, about 10 MB, and starts again when it is full.
    """

    def __missing__(self, raw: str) -> str:
        folded, before = _folded(raw), raw
        while folded != before:  # what was left out may have stood between a letter and its mark
            folded, before = _folded(folded), folded
        if len(raw) <= LONGEST:
            if len(self) >= REMEMBERED:
                self.clear()
            self[raw] = folded
        return folded


_LETTERS, _WORDS = _Letters(), _Words()


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().translate(_LETTERS)


def fold(text: str) -> str:
    """Return the folded words of a text, one space between them."""
    folded = _joined(text)
    untidy = "  " in folded or folded[:1] == " " or folded[-1:] == " "
    return " ".join(folded.split()) if untidy else folded


def fold_words(text: str) -> list[str]:
    """Return the folded words of a text."""
    return _joined(text).split()


def _joined(text: str) -> str:
    return " ".join(map(_WORDS.__getitem__, text.split()))


def fingerprint(text: str) -> bytes:
    """Return the SHA-256 of the folded text; a text without any words counts as it stands."""
    return hashlib.sha256((fold(text) or text).encode()).digest()


def rank(seed: int, *words: str) -> bytes:
    """Return a sort key that is random to the eye and the same on every machine."""
    return hashlib.sha256("\0".join((str(seed), *words)).encode()).digest()
