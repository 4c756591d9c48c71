"""Cut text into sentences by the marks that end one, in any script; the one place that does.

No list of abbreviations and no model: a rule that holds for a language nobody has described yet
is worth more here than one that is better in ten. Where it is in doubt it joins, because half a
sentence is a worse lesson than two sentences.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

# Marks that end a sentence where a space follows: Latin, Arabic and Urdu, Armenian, Syriac.
SPACED = ".!?…؟۔։܀܁܂"
# Marks that end one whatever follows: full width; Devanagari, Ethiopic, Khmer, Burmese, Tibetan.
FULL_WIDTH = "。．！？｡"
ALONE = FULL_WIDTH + "।॥።፧፨។៕။།༎"
MORE = {"el": ";"}  # what ends a question in Greek parts clauses elsewhere
CLOSERS = "\"'”’»›)]}）］」』】〉》"
SHORT, LONGEST_ORDINAL = 3, 2  # letters of `Art`, digits of `31`
UNMARKED = re.compile("[\u0e00-\u0eff]")  # Thai and Lao
UNMARKED_SPACE = re.compile(r"(?<=[\u0e00-\u0eff])\s+(?=[\u0e00-\u0eff])")
UNMARKED_LETTERS = 40


def sentences(text: str, lang: str = "") -> list[str]:
    """Return the sentences of a text with their marks and closing quotes, without outer spaces.

    `lang` is a language tag; it is asked only where one mark means two things. A line end always
    parts. `3.`, `J.`, `Art. 5`, and what a small letter follows end no sentence. Thai and Lao mark
    no ends: there a stretch of at least 40 characters up to a space counts as one.
    """
    ends = _ends(MORE.get(lang.partition("-")[0], ""))
    found: list[str] = []
    for line in text.splitlines():
        found += _of_line(line.strip(), ends)
    return found


def joined(parts: Iterable[str]) -> str:
    """Return sentences as running text: a space between two, none after a full-width mark."""
    text = ""
    for part in parts:
        gap = "" if not text or text.rstrip(CLOSERS)[-1:] in FULL_WIDTH else " "
        text += gap + part
    return text


def _ends(more: str) -> re.Pattern[str]:
    closers = re.escape(CLOSERS)
    spaced = rf"[{re.escape(SPACED + more)}]+[{closers}]*(?=\s)"
    return re.compile(rf"{spaced}|[{ALONE}]+[{closers}]*")


def _of_line(line: str, ends: re.Pattern[str]) -> list[str]:
    found: list[str] = []
    start = 0
    for end in ends.finditer(line):
        before, after = line[start : end.start()], line[end.end() :].lstrip()
        if not after or _goes_on(before, end[0], after):
            continue
        found.append(line[start : end.end()].strip())
        start = end.end()
    found.append(line[start:].strip())
    return [part for whole in found if whole for part in _unmarked(whole)]


def _goes_on(before: str, mark: str, after: str) -> bool:
    """Whether a mark ends no sentence, by the word before it and the letter after it."""
    first = after.lstrip("\"'“‘«‹([{¿¡")[:1]
    if first.islower():
        return True
    if mark != ".":
        return False
    word = (before.split() or [""])[-1].strip("\"'“‘«‹([{")
    if word.isdigit():
        return len(word) <= LONGEST_ORDINAL
    letters = sum(unicodedata.category(char)[0] == "L" for char in word)
    if letters <= 1:
        return letters == len(word) == 1
    short = letters == len(word) <= SHORT
    return (first.isdigit() and letters <= SHORT + 1) or (short and word[0].isupper())


def _unmarked(sentence: str) -> list[str]:
    """Cut what has no marks to cut at."""
    if len(sentence) < 2 * UNMARKED_LETTERS or not UNMARKED.search(sentence):
        return [sentence]
    found, start = [], 0
    for space in UNMARKED_SPACE.finditer(sentence):
        if space.start() - start >= UNMARKED_LETTERS <= len(sentence) - space.end():
            found.append(sentence[start : space.start()])
            start = space.end()
    return [*found, sentence[start:]]
