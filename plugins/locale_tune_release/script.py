"""Find native text: its direction, the language mark it needs, where it starts and ends.

Unicode data come from the standard library (`unicodedata`), which knows no scripts; the first
word of a letter's name ("ARABIC LETTER BEH") stands in for them.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache

from locale_tune.api import Locale

NAMES = {
    "Adlm": "ADLAM",
    "Arab": "ARABIC",
    "Armn": "ARMENIAN",
    "Beng": "BENGALI",
    "Cyrl": "CYRILLIC",
    "Deva": "DEVANAGARI",
    "Ethi": "ETHIOPIC",
    "Geor": "GEORGIAN",
    "Grek": "GREEK",
    "Gujr": "GUJARATI",
    "Guru": "GURMUKHI",
    "Hang": "HANGUL",
    "Hans": "CJK",
    "Hant": "CJK",
    "Hebr": "HEBREW",
    "Jpan": "CJK",
    "Khmr": "KHMER",
    "Knda": "KANNADA",
    "Kore": "HANGUL",
    "Laoo": "LAO",
    "Latn": "LATIN",
    "Mlym": "MALAYALAM",
    "Mymr": "MYANMAR",
    "Nkoo": "NKO",
    "Olck": "OL",
    "Orya": "ORIYA",
    "Sinh": "SINHALA",
    "Syrc": "SYRIAC",
    "Taml": "TAMIL",
    "Telu": "TELUGU",
    "Tfng": "TIFINAGH",
    "Thaa": "THAANA",
    "Thai": "THAI",
    "Tibt": "TIBETAN",
    "Vaii": "VAI",
}
RTL_CLASSES = ("R", "AL")


@dataclass(frozen=True)
class Run:
    """A stretch of text; `lang` and `dir` are empty where the page's own language goes on."""

    text: str
    lang: str = ""
    dir: str = ""


def direction(text: str) -> str:
    """Return "rtl" or "ltr" by the majority of strong letters, "" when there are none."""
    classes = [unicodedata.bidirectional(char) for char in text]
    rtl = sum(name in RTL_CLASSES for name in classes)
    ltr = sum(name == "L" for name in classes)
    return "" if rtl == ltr == 0 else "rtl" if rtl > ltr else "ltr"


def spoken(text: str, lang: str, given: str, locale: Locale) -> Run:
    """Mark a whole text: its own direction, and `lang` unless its letters deny that language.

    What a model wrote may be in another script than it was asked in; "und" then says so.
    """
    expected = given or locale.direction
    found = direction(text) or expected
    return Run(text, (lang or locale.tag) if found == expected else "und", found)


def runs(text: str, locale: Locale) -> list[Run]:
    """Split English text at stretches in the pack's script or in a right-to-left one.

    Spaces, digits and signs between two foreign letters belong to their stretch, so that a
    phrase stays one run. Latin-script languages cannot be told apart here: their whole texts
    are marked where they stand.
    """
    found: list[Run] = []
    done = 0
    while (start := _next_foreign(text, done, locale)) < len(text):
        stop = end = start
        while end < len(text) and not _stretch_ended(text[end]):
            if _foreign(text[end], locale):
                stop = end + 1
            end += 1
        found += [Run(text[done:start])] if start > done else []
        found.append(_foreign_run(text[start:stop], locale))
        done = stop
    return found + ([Run(text[done:])] if done < len(text) else [])


def is_script(char: str, script: str) -> bool:
    """Whether a letter belongs to an ISO 15924 script, by its Unicode name."""
    name = NAMES.get(script)
    return name is not None and char.isalpha() and _first_word(char) == name


def _foreign_run(text: str, locale: Locale) -> Run:
    ours = any(is_script(char, locale.script) for char in text)
    found = direction(text) or locale.direction
    return Run(text, locale.tag if ours else "und", found)


def _next_foreign(text: str, start: int, locale: Locale) -> int:
    return next((i for i in range(start, len(text)) if _foreign(text[i], locale)), len(text))


def _stretch_ended(char: str) -> bool:
    return _first_word(char) == "LATIN" or char == "\n"


def _foreign(char: str, locale: Locale) -> bool:
    if unicodedata.bidirectional(char) in RTL_CLASSES:
        return True
    return locale.script != "Latn" and is_script(char, locale.script)


@cache
def _first_word(char: str) -> str:
    return unicodedata.name(char, "").partition(" ")[0]
