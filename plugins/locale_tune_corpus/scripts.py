"""Which script a letter belongs to, by its Unicode name (ISO 15924 codes)."""

from __future__ import annotations

import unicodedata
from functools import cache

NAMES: dict[str, tuple[str, ...]] = {
    "Arab": ("ARABIC",),
    "Armn": ("ARMENIAN",),
    "Beng": ("BENGALI",),
    "Cans": ("CANADIAN SYLLABICS",),
    "Cher": ("CHEROKEE",),
    "Cyrl": ("CYRILLIC",),
    "Deva": ("DEVANAGARI",),
    "Ethi": ("ETHIOPIC",),
    "Geor": ("GEORGIAN",),
    "Grek": ("GREEK",),
    "Gujr": ("GUJARATI",),
    "Guru": ("GURMUKHI",),
    "Hang": ("HANGUL",),
    "Hani": ("CJK",),
    "Hans": ("CJK",),
    "Hant": ("CJK",),
    "Hebr": ("HEBREW",),
    "Jpan": ("CJK", "HIRAGANA", "KATAKANA"),
    "Khmr": ("KHMER",),
    "Knda": ("KANNADA",),
    "Kore": ("HANGUL", "CJK"),
    "Laoo": ("LAO",),
    "Latn": ("LATIN",),
    "Mlym": ("MALAYALAM",),
    "Mong": ("MONGOLIAN",),
    "Mymr": ("MYANMAR",),
    "Nkoo": ("NKO",),
    "Olck": ("OL CHIKI",),
    "Orya": ("ORIYA",),
    "Sinh": ("SINHALA",),
    "Syrc": ("SYRIAC",),
    "Taml": ("TAMIL",),
    "Telu": ("TELUGU",),
    "Tfng": ("TIFINAGH",),
    "Thaa": ("THAANA",),
    "Thai": ("THAI",),
    "Tibt": ("TIBETAN",),
}


def share(text: str, script: str) -> float | None:
    """Return the share of a text's letters that belong to a script; None without letters.

    Digits, punctuation, marks and emoji are of no script and count on neither side.
    """
    kinds = [char for char in set(text) if char.isalpha()]
    if kinds and all(belongs(char, script) for char in kinds):
        return 1.0  # nearly always, and quick to see
    letters = {char: text.count(char) for char in kinds}
    total = sum(letters.values())
    own = sum(count for char, count in letters.items() if belongs(char, script))
    return own / total if total else None


@cache
def belongs(char: str, script: str) -> bool:
    """Return whether a letter is of the script; of an unlisted script every letter is."""
    return script not in NAMES or unicodedata.name(char, "").startswith(NAMES[script])
