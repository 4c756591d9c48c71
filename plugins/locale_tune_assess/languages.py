"""Names of languages for labels, and how to count words in them."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right

from locale_tune.api import Locale, spacing

# English names of the languages that packs control against; others show their tag.
NAMES = {
    "apc": "Levantine Arabic",
    "ar": "Standard Arabic",
    "arb": "Standard Arabic",
    "arz": "Egyptian Arabic",
    "am": "Amharic",
    "de": "German",
    "deu": "German",
    "en": "English",
    "eng": "English",
    "es": "Spanish",
    "fa": "Persian",
    "fr": "French",
    "fra": "French",
    "gsw": "Swiss German",
    "ha": "Hausa",
    "he": "Hebrew",
    "hi": "Hindi",
    "id": "Indonesian",
    "ig": "Igbo",
    "it": "Italian",
    "ita": "Italian",
    "ja": "Japanese",
    "ko": "Korean",
    "nl": "Dutch",
    "pt": "Portuguese",
    "rm": "Romansh",
    "ru": "Russian",
    "sw": "Swahili",
    "swh": "Swahili",
    "th": "Thai",
    "tr": "Turkish",
    "uk": "Ukrainian",
    "ur": "Urdu",
    "vi": "Vietnamese",
    "yo": "Yoruba",
    "zh": "Chinese",
    "zu": "Zulu",
}


def is_own(lang: str, locale: Locale) -> bool:
    """Whether a record's language is the pack's: its tag, its id, or not said at all."""
    return lang in ("", locale.tag, locale.id) or lang.startswith(f"{locale.tag}-")


def is_english(lang: str) -> bool:
    """Whether a tag means English, of any region or script."""
    return lang in ("en", "eng") or lang.startswith(("en-", "eng-", "eng_"))


def tag_of(lang: str, locale: Locale) -> str:
    """Return the tag under which findings name a language."""
    return locale.tag if is_own(lang, locale) else lang


def name_of(lang: str, locale: Locale) -> str:
    """Return a language's English name, or its tag where we know no name."""
    if is_own(lang, locale):
        return locale.name
    return NAMES.get(lang) or NAMES.get(re.split("[-_]", lang)[0]) or lang


def units(text: str) -> list[str]:
    """Cut text into what is compared and counted: words, or letters where no spaces part words.

    A word is what stands between spaces, if it holds a letter or a digit: its letters, digits and
    marks, in small letters.
    """
    return [unit for run in spacing.runs(text.casefold()) for unit in _of_run(run)]


def _of_run(run: str) -> list[str]:
    found, apart = [""], False
    for sign in run:
        mark = unicodedata.category(sign)[0] == "M"
        if not (mark or sign.isalnum()):
            continue
        if not mark:
            before, apart = apart, spacing.is_unspaced(sign)
            if apart or before:
                found.append("")
        found[-1] += sign
    return [unit for unit in found if any(sign.isalnum() for sign in unit)]


def count_words(text: str) -> int:
    """Count the words of a text, or its letters where no spaces part words."""
    return len(units(text))


def _cut(run: str, count: int) -> str:
    """Return the longest beginning of a run that has no more than so many words."""
    return run[: bisect_right(range(len(run) + 1), count, key=lambda n: count_words(run[:n])) - 1]


def first_words(text: str, count: int) -> str:
    """Return the beginning of a text with about so many words (letters where no spaces part them).

    A run of letters of such a script may be long, so it is cut; other runs stay whole.
    """
    kept: list[str] = []
    left = count
    for run in text.split():
        if left <= 0:
            break
        own = max(1, count_words(run))
        kept.append(_cut(run, left) if own > left else run)
        left -= own
    return " ".join(kept)
