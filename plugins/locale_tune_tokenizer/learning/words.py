"""What counts as a word here, and which strings may become one token.

Unicode categories and names decide, so no language's letters are assumed.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import lru_cache

APOSTROPHES = "'\u2019\u02bc"
JOINERS = "\u200c\u200d"  # ZWNJ and ZWJ stand inside Persian and Indic words
KANA_IS_HAN = {"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "HALFWIDTH", "HANGZHOU"}
# First words of the names of letters that belong to no one script.
COMMON_LETTERS = {"MICRO", "FEMININE", "MASCULINE", "MODIFIER", "FULLWIDTH", "MATHEMATICAL"}


@lru_cache(maxsize=65_536)
def _in_word(letter: str) -> bool:
    return unicodedata.category(letter)[0] in "LM"


def words(text: str) -> Iterator[str]:
    """Yield the words of a text: runs of letters and marks.

    An apostrophe or a zero-width joiner belongs to a word when it stands inside it.
    """
    run = ""
    for letter in text:
        if _in_word(letter) or (run and letter in APOSTROPHES + JOINERS):
            run += letter
        elif run:
            yield run.rstrip(APOSTROPHES + JOINERS)
            run = ""
    if run:
        yield run.rstrip(APOSTROPHES + JOINERS)


@lru_cache(maxsize=65_536)
def script_of(letter: str) -> str:
    """Return the first word of a letter's Unicode name as its script; "" when it has none.

    Marks inherit the script of what they stand on. Kana counts as Han, as in SentencePiece,
    because Japanese words mix the two.
    """
    if unicodedata.category(letter)[0] != "L":
        return ""
    script = unicodedata.name(letter, "").split(" ")[0]
    if script in COMMON_LETTERS:
        return ""
    return "HAN" if script in KANA_IS_HAN else script


def refusal(token: bytes, max_chars: int) -> str:
    """Say why these bytes must not become one new token; "" when they may.

    A digit merged with its neighbour would break tokenizers that split digits; control and
    format characters (categories C*) carry emoji sequences and converters' check texts; two
    scripts in one token are noise. An unfinished character makes no claim: the merge that
    finishes it is judged.
    """
    if len(token.decode(errors="replace")) > max_chars:
        return "too long"
    text = token.decode(errors="ignore")
    kinds = {unicodedata.category(letter)[0] for letter in text}
    if "N" in kinds:
        return "digit"
    if "C" in kinds:
        return "control"
    if text and not kinds - {"Z"}:
        return "only spaces"
    if len({script for letter in text if (script := script_of(letter))}) > 1:
        return "two scripts"
    return ""
