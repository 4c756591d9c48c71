"""Fold text for comparing: what a reader takes for the same words becomes the same words.

NFKC and case folding; for Arabic also alef forms, final ya and ta marbuta in one, without vowel
signs and tatweel. Letters, digits and combining marks of other scripts stay: they are the word.
"""

from __future__ import annotations

import hashlib
import unicodedata

ARABIC = str.maketrans("أإآٱىةؤئ", "اااايهوي")


class _Letters(dict[int, str]):
    """Maps a character to itself, to nothing, or to a space; filled as characters are met."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        kind = unicodedata.category(char)
        if code == 0x640 or 0x64B <= code <= 0x652 or code == 0x670 or kind == "Cf":
            self[code] = ""
        else:
            self[code] = char if kind[0] in "LMN" else " "
        return self[code]


_LETTERS = _Letters()


def fold(text: str) -> str:
    """Return the folded words of a text, one space between them."""
    plain = unicodedata.normalize("NFKC", text).casefold().translate(ARABIC)
    return " ".join(plain.translate(_LETTERS).split())


def fingerprint(text: str) -> bytes:
    """Return the SHA-256 of the folded text; a text without any words counts as it stands."""
    return hashlib.sha256((fold(text) or text).encode()).digest()


def rank(seed: int, *words: str) -> bytes:
    """Return a sort key that is random to the eye and the same on every machine."""
    return hashlib.sha256("\0".join((str(seed), *words)).encode()).digest()
