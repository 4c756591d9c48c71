"""Tidy one message of a program and its translation: what a person reads, or nothing.

Both sides are looked at together, because a mark such as `_` is an access key in `_File`, and a
letter in `file_name`: a name stands in the translation unchanged, a key does not.
"""

from __future__ import annotations

import html
import re
from collections import Counter

# printf of C, Python, Qt and shell; braces of Python, Java and ICU. A space after % is no flag
# here: "5 % of" is a sentence.
PLACEHOLDER = re.compile(
    r"%%|%(?:\d+\$|\(\w+\)|\|)?[-+#0']*(?:\d+|\*)?(?:\.(?:\d+|\*))?"
    r"(?:(?:hh|h|ll|l|q|j|z|t|L|I(?=[du]))?[diouxXeEfFgGaAcrsSpmn@]|<PRI\w+>|L?\d{1,2}\b|n\b)"
    r"|\$\{?\w+\}?|\{\{?[\w.!:,#<>^+-]*\}?\}"
)
TAG = re.compile(
    r"</?(?:a|abbr|b|big|br|code|div|em|h[1-6]|i|kbd|li|ol|p|pre|s|small|span|strong|sub|sup|tt|u"
    r"|ul)(?:\s[^<>]{0,200})?/?>",
    re.IGNORECASE,
)
ENTITY = re.compile(r"&(?:[a-zA-Z]{2,8}|#\d{1,6}|#x[0-9a-fA-F]{1,5});")
CREDITS = re.compile(r"translat(?:or|ion)[-_ ]credits|your (?:names|emails)", re.IGNORECASE)
LETTER = re.compile(r"[^\W\d_]")


def tidied(message: str, translation: str, marks: str) -> tuple[str, str]:
    """Return message and translation without access keys, inline tags and character entities."""
    for mark in marks:
        if _is_key(message, translation, mark):
            message, translation = _unmarked(message, mark), _unmarked(translation, mark)
    return _plain(message), _plain(translation)


def usable(text: str) -> bool:
    """Return whether letters outlast placeholders: `%s: %d files` does not, `%d files` does."""
    holes = PLACEHOLDER.findall(text)
    letters = len(LETTER.findall(PLACEHOLDER.sub("", text)))
    return letters >= 2 and letters >= 3 * len(holes)


def same_placeholders(one: str, other: str) -> bool:
    """Return whether both sides have the same placeholders, in any order."""
    return _holes(one) == _holes(other)


def names_translators(text: str) -> bool:
    """Return whether a message is no message but the place for translators' names."""
    return bool(CREDITS.fullmatch(text.strip()))


def _holes(text: str) -> Counter[str]:
    """Count placeholders; `%1$s`, the first of several, is `%s` where one side only has it."""
    return Counter(re.sub(r"%\d+\$", "%", hole) for hole in PLACEHOLDER.findall(text))


def _plain(text: str) -> str:
    text = TAG.sub("", text)
    text = ENTITY.sub(lambda found: html.unescape(found[0]), text)
    return "\n".join(line.strip() for line in text.strip().splitlines())


def _is_key(message: str, translation: str, mark: str) -> bool:
    """Return whether the one mark in a message names an access key: `_File`, `Si_ze`, `E&xit`.

    Before a word it is a key, unless a small word stands in the translation with its mark too
    (`_id`); within a word only after a capital, for `commit_delay` and `R&D` are names.
    """
    if message.count(mark) != 1 or (mark == "&" and ENTITY.search(message)):
        return False
    sign = re.escape(mark)
    if before := re.search(rf"(?<![\w*.-]){sign}[^\W\d_]\w*", message):
        return before[0] not in translation or before[0][1].isupper()
    return bool(re.search(rf"[A-Z][a-z]*{sign}[a-z]", message))


def _unmarked(text: str, mark: str) -> str:
    """Take the mark out; with it the brackets of a key that the word has not: `開く(_O)`."""
    sign = re.escape(mark)
    text = re.sub(rf"\s?[(（]{sign}[A-Za-z0-9][)）]", "", text)
    return text if text.count(mark) > 1 else re.sub(rf"{sign}(?=\w)", "", text)
