"""Random texts that look for what fixed ones miss: odd Unicode, and native lines cut and joined.

Every text is a function of the seed and the lines, so a failure can be repeated.
"""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Callable, Sequence

ZWNJ, ZWJ, VS16 = "\u200c", "\u200d", "\ufe0f"
SKIN_TONES = [chr(code) for code in range(0x1F3FB, 0x1F400)]
PEOPLE = "\U0001f468\U0001f469\U0001f467\U0001f9d1\U0001f44d\U0001f64f\U0001f926"
THINGS = "\u2764\U0001f525\U0001f308\U0001f4bb\U0001f680\u2600\u26a7"
REGIONAL = [chr(code) for code in range(0x1F1E6, 0x1F200)]
BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
SPACES = " \t\n\r\u00a0\u2003\u200b\u2028\u3000"
PUNCTUATION = "'\"`.,;:!?-_=*#/\\()[]{}<>|~@&%^\u2026\u060c\u061f\u0964\u3002\u00bf\u2019"
DIGITS = ["0123456789", "\u0660\u0661\u0662\u0663", "\u06f1\u06f2\u06f3", "\u0967\u0968\u0969"]
# One range of letters and marks per script; unassigned code points are left out when drawing.
SCRIPTS = {
    "Latin": (0x61, 0x17F),
    "Greek": (0x386, 0x3CF),
    "Cyrillic": (0x410, 0x45F),
    "Hebrew": (0x591, 0x5EA),
    "Arabic": (0x620, 0x6D5),
    "Devanagari": (0x900, 0x963),
    "Bengali": (0x980, 0x9E3),
    "Tamil": (0xB82, 0xBCD),
    "Thai": (0xE01, 0xE4E),
    "Ethiopic": (0x1200, 0x135A),
    "Khmer": (0x1780, 0x17D3),
    "Hangul": (0xAC00, 0xAD00),
    "Kana": (0x3041, 0x30FE),
    "Han": (0x4E00, 0x4F00),
    "Tifinagh": (0x2D30, 0x2D67),
    "Adlam": (0x1E900, 0x1E94B),
}
LETTERS = {
    script: [c for c in map(chr, range(first, last)) if unicodedata.category(c)[0] in "LM"]
    for script, (first, last) in SCRIPTS.items()
}
JOINED = ("Arabic", "Devanagari", "Bengali", "Tamil", "Khmer")
COMBINING = (0x300, 0x36F), (0x64B, 0x65F), (0x1AB0, 0x1ABE), (0x20D0, 0x20DC), (0x93C, 0x94D)
PRIVATE = (0xE000, 0xF8FF), (0xF0000, 0xF00FF), (0x100000, 0x1000FF)
PRESENTATION = (0xFB00, 0xFB06), (0xFB50, 0xFBB1), (0xFDF0, 0xFDFB), (0xFE70, 0xFEFC)
RUNS = (SPACES[:3], PUNCTUATION, *DIGITS, "\u0640", "aA", "\u0e33", "\U0001f600")


def fuzzed(lines: Sequence[str], seed: int, count: int = 500) -> list[str]:
    """Return `count` random texts; a third are made of pieces of the lines, when there are any.

    The texts are valid UTF-8 and up to a few hundred characters long.
    """
    chance = random.Random(seed)
    texts = []
    for place in range(count):
        if lines and place % 3 == 0:
            texts.append(_from_lines(chance, lines))
        else:
            makers = chance.choices(MAKERS, k=chance.randint(1, 5))
            texts.append(chance.choice(("", " ", "\n")).join(make(chance) for make in makers))
    return texts


def emoji(chance: random.Random) -> str:
    """Return flags, faces with skin tones, or a family held together by joiners."""
    person = [chance.choice(PEOPLE) + chance.choice(["", *SKIN_TONES]) for _ in range(3)]
    return chance.choice(
        (
            "".join(chance.choices(REGIONAL, k=chance.randint(1, 4))),
            ZWJ.join(person[: chance.randint(1, 3)]),
            chance.choice(THINGS) + VS16 + chance.choice(("", "\u20e3", ZWJ + "\U0001f525")),
            "\U0001f3f4" + "".join(chr(0xE0000 + ord(c)) for c in "gbsct") + "\U000e007f",
        )
    )


def joiners(chance: random.Random) -> str:
    """Return a word of a script that uses zero-width joiners, with some between its letters."""
    letters = chance.choices(LETTERS[chance.choice(JOINED)], k=chance.randint(2, 9))
    return "".join(letter + chance.choice(("", "", ZWNJ, ZWJ)) for letter in letters)


def one_script(chance: random.Random) -> str:
    """Return a word of one script."""
    return "".join(chance.choices(LETTERS[chance.choice(list(LETTERS))], k=chance.randint(1, 12)))


def mixed_scripts(chance: random.Random) -> str:
    """Return one word whose parts are of several scripts."""
    return "".join(one_script(chance)[:4] for _ in range(chance.randint(2, 4)))


def both_forms(chance: random.Random) -> str:
    """Return the same word composed (NFC), decomposed (NFD), or one after the other."""
    word = one_script(chance) + chance.choice("éüñḁǭ각أإؤ")
    forms = [unicodedata.normalize(form, word) for form in ("NFC", "NFD")]
    return chance.choice((forms[0], forms[1], "".join(forms), " ".join(forms)))


def marks(chance: random.Random) -> str:
    """Return combining marks, alone, after a space or stacked on one letter."""
    stack = "".join(_from_ranges(chance, COMBINING) for _ in range(chance.randint(1, 5)))
    return chance.choice(("", " ", "\n", "e", "\u0915", "\u0645")) + stack


def controls(chance: random.Random) -> str:
    """Return control characters, byte order marks, or what stands for broken text."""
    broken = b"\xed\xa0\x80\xff\xc3".decode(errors="replace")
    kinds = [chr(chance.randrange(32)), chr(chance.randrange(0x7F, 0xA0)), "\ufeff", broken]
    return "".join(chance.choices([*kinds, "\x00", "\x1b[31m", "\ufffc"], k=chance.randint(1, 4)))


def bidirectional(chance: random.Random) -> str:
    """Return words of both directions between direction marks."""
    words = [chance.choice(BIDI) + one_script(chance) for _ in range(chance.randint(1, 3))]
    return " ".join(words) + chance.choice(BIDI)


def special_letters(chance: random.Random) -> str:
    """Return private-use characters or presentation forms."""
    ranges = chance.choice((PRIVATE, PRESENTATION))
    return "".join(_from_ranges(chance, ranges) for _ in range(chance.randint(1, 6)))


def runs(chance: random.Random) -> str:
    """Return long runs: spaces, newlines, punctuation, digits, tatweel."""
    letters = chance.choice(RUNS)
    if chance.random() < 0.5:
        return chance.choice(letters) * chance.randint(2, 70)
    return "".join(chance.choices(letters, k=chance.randint(2, 40)))


def tatweel(chance: random.Random) -> str:
    """Return an Arabic word stretched by tatweel."""
    letters = chance.choices(LETTERS["Arabic"], k=chance.randint(2, 6))
    return "".join(letter + "\u0640" * chance.randint(0, 4) for letter in letters)


def _from_lines(chance: random.Random, lines: Sequence[str]) -> str:
    """Return parts of lines, cut anywhere and joined by anything."""
    parts = []
    for _ in range(chance.randint(1, 4)):
        line = chance.choice(lines)
        start = chance.randint(0, len(line))
        parts.append(line[start : start + chance.randint(1, 60)])
        parts.append(chance.choice(("", "", " ", "\n", ZWNJ, ZWJ, "\u0301", chance.choice(BIDI))))
        if chance.random() < 0.2:
            parts.append(chance.choice(MAKERS)(chance))
    text = "".join(parts)
    return chance.choice((text, text, text.upper(), unicodedata.normalize("NFD", text)))


def _from_ranges(chance: random.Random, ranges: Sequence[tuple[int, int]]) -> str:
    return chr(chance.randint(*chance.choice(ranges)))


MAKERS: tuple[Callable[[random.Random], str], ...] = (
    emoji,
    joiners,
    one_script,
    mixed_scripts,
    both_forms,
    marks,
    controls,
    bidirectional,
    special_letters,
    runs,
    tatweel,
)
