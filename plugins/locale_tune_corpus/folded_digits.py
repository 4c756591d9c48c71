"""Read numbers in any writing system, and write others in their place.

Digits of every script, full-width signs, thin spaces and marks of writing direction become ASCII
or nothing, so that one set of patterns finds a number however it is written. Places in the original
are kept, so that a number is replaced digit by digit: in its own digits, with its own separators.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

KEYCAP = (0xFE0F, 0x20E3)  # what makes a key of a digit: 5️⃣


class _Signs(dict[int, str]):
    """Maps a character to its ASCII counterpart, to nothing, or to itself; filled when met."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        kind = unicodedata.category(char)
        plain = unicodedata.normalize("NFKC", char)
        if kind == "Nd":
            self[code] = str(unicodedata.digit(char))
        elif kind == "Cf" or code in KEYCAP:
            self[code] = ""
        elif kind == "Zs" or char == "\t":
            self[code] = " "
        elif kind == "Pd" or code == 0x2212:
            self[code] = "-"
        else:
            self[code] = plain if len(plain) == 1 and plain.isascii() else char
        return self[code]


_SIGNS = _Signs()


@dataclass(frozen=True)
class Folded:
    """A line as it is searched; `places` leads back to the line, None where nothing moved."""

    text: str
    places: tuple[int, ...] | None = None

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Return the span in the original line of a span that is not empty."""
        if self.places is None:
            return start, end
        return self.places[start], self.places[end - 1] + 1


def folded(line: str) -> Folded:
    """Return a line with ASCII digits and separators, without marks that show nothing."""
    if line.isascii():
        return Folded(line.replace("\t", " "))
    text = line.translate(_SIGNS)
    if len(text) == len(line):
        return Folded(text)
    places = tuple(at for at, char in enumerate(line) if _SIGNS[ord(char)])
    return Folded(text, places)


def poured(written: str, signs: str) -> str:
    """Return `written` with its letters and digits replaced, in order, by those of `signs`.

    What stands between them stays, and a digit stays in its writing system: "٠٥٠-١" and "0591"
    make "٠٥٩-١". `signs` must be as many as the letters and digits.
    """
    fresh = iter(signs)
    return "".join(_like(char, next(fresh)) if _counts(char) else char for char in written)


def counted(written: str) -> int:
    """Return how many letters and digits `poured` would replace."""
    return sum(map(_counts, written))


def in_digits_of(sample: str, text: str) -> str:
    """Return ASCII text with its digits in the writing system of the first digit of `sample`."""
    first = next((char for char in sample if unicodedata.category(char) == "Nd"), "0")
    return "".join(_like(first, char) for char in text)


def _counts(char: str) -> bool:
    return unicodedata.category(char) == "Nd" or _SIGNS[ord(char)].isalnum()


def _like(char: str, sign: str) -> str:
    if not sign.isdecimal():
        return sign
    value = unicodedata.digit(char, -1)
    zero = ord(char) - value if value >= 0 and unicodedata.category(char) == "Nd" else ord("0")
    return chr(zero + int(sign))
