"""The units that figures on lessons count: words, or letters where a script has no spaces."""

from __future__ import annotations

import re
import unicodedata

# Thai and Lao, Burmese, Khmer, Kana, Chinese characters.
UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
UNIT = re.compile(f"[{UNSPACED}]|[^{UNSPACED}]+")


def tokens(text: str) -> list[str]:
    """Return the folded words of a text, those of scripts without spaces letter by letter."""
    folded = unicodedata.normalize("NFC", text).casefold()
    blanks = {ord(char): " " for char in set(folded) if not _of_words(char)}
    return [unit for word in folded.translate(blanks).split() for unit in UNIT.findall(word)]


def _of_words(char: str) -> bool:
    return char.isalnum() or unicodedata.category(char)[0] == "M"
