"""Filters of running text. Each returns "" to keep a record, or the reason to leave it out."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from locale_tune.api import Locale, Record
from locale_tune_corpus import scripts
from locale_tune_corpus.invisible import SUSPECTS, hidden

Keep = Callable[[Record], str]

BIDI_OVERRIDES = {*range(0x202A, 0x202F), *range(0x2066, 0x206A)}
TATWEEL_FLOOD = "\u0640" * 8
CONTROL_STRING = re.compile(
    r"<\|[a-z_ ]{2,40}\|>|\[/?INST\]|<</?SYS>>|</?(?:start|end)_of_turn>|<(?:unk|s|/s|pad)>"
    r"|^### (?:Instruction|Response|System):",
    re.IGNORECASE | re.MULTILINE,
)
CONTROL_SIGNS = frozenset("<[#")  # one of them is in every control string
# Rae et al. 2021 (arXiv:2112.11446), table A1: most characters in repeated lines and n-grams.
DUPLICATE_LINES = 0.30
TOP_NGRAM = {2: 0.20, 3: 0.18, 4: 0.16}
LEAST_WORDS = 50


def strings(record: Record) -> Iterator[str]:
    """Yield every text that a record holds."""
    yield from (record.text, record.translation, record.question, *record.choices)
    yield from (message.content for message in record.messages)
    if record.rejected:
        yield record.rejected


def script_share(locale: Locale, settings: Mapping[str, Any]) -> Keep:
    """Keep text whose letters are, to a share of `min` (0.6), of the locale's script."""
    least = float(settings.get("min", 0.6))

    def keep(record: Record) -> str:
        share = scripts.share(record.text, locale.script)
        if share is None:
            return "no letters"
        return "" if share >= least else f"under {least:.0%} {locale.script} letters"

    return keep


def length(locale: Locale, settings: Mapping[str, Any]) -> Keep:
    """Keep text of `min` (20) to `max` (100,000) bytes of UTF-8."""
    least, most = int(settings.get("min", 20)), int(settings.get("max", 100_000))

    def keep(record: Record) -> str:
        size = len(record.text.encode())
        if size < least:
            return f"under {least} bytes"
        return f"over {most} bytes" if size > most else ""

    return keep


def repetition(locale: Locale, settings: Mapping[str, Any]) -> Keep:
    """Keep text that does not repeat itself, by the rules of Gopher (Rae et al. 2021)."""

    def keep(record: Record) -> str:
        lines = [line.strip() for line in record.text.splitlines() if line.strip()]
        again = sum(len(line) * (count - 1) for line, count in Counter(lines).items())
        if again > DUPLICATE_LINES * sum(map(len, lines)):
            return "lines that repeat"
        words = record.text.split()
        if len(words) < LEAST_WORDS:
            return "one word over and over" if _one_word(words) else ""
        return "words that repeat" if _repeats(words) else ""

    return keep


def _one_word(words: list[str]) -> bool:
    return len(words) >= 6 and max(Counter(words).values()) > len(words) / 2


def _repeats(words: list[str]) -> bool:
    """Whether one n-gram holds more than its share of the characters, for any n of TOP_NGRAM."""
    total, longest = sum(map(len, words)), max(map(len, words))
    most = len(words)
    for size, share in TOP_NGRAM.items():
        if most * size * longest <= share * total:
            continue  # no n-gram is more frequent than a shorter one inside it
        grams = Counter(zip(*(words[start:] for start in range(size)), strict=False))
        gram, most = grams.most_common(1)[0]
        if most > 1 and sum(map(len, gram)) * most > share * total:
            return True
    return False


def hygiene(locale: Locale, settings: Mapping[str, Any]) -> Keep:
    """Keep text without characters that hide or reorder words, or that pose as chat control."""

    def keep(record: Record) -> str:
        return next((why for text in strings(record) if (why := unclean(text))), "")

    return keep


def unclean(text: str) -> str:
    """Return what is wrong with a text's characters, or an empty string."""
    given = chars = set(text)
    if fault := next((fault for char in sorted(chars) if (fault := _fault(char))), ""):
        return fault
    if TATWEEL_FLOOD in text:
        return "a flood of tatweel"
    shown = text
    if not unicodedata.is_normalized("NFKC", text):
        shown = unicodedata.normalize("NFKC", text)
        chars = set(shown)
    if unseen := [ord(char) for char in chars if unicodedata.category(char) == "Cf"]:
        shown = shown.translate(dict.fromkeys(unseen))
    if not CONTROL_SIGNS.isdisjoint(chars) and CONTROL_STRING.search(shown):
        return "a chat control string"
    return "" if SUSPECTS.isdisjoint(given) else hidden(text)


@cache
def _fault(char: str) -> str:
    code, kind = ord(char), unicodedata.category(char)
    if code in BIDI_OVERRIDES:
        return "a character that overrides writing direction"
    if kind == "Cc" and char not in "\n\t":
        return "a control character"
    if kind in ("Co", "Cs") or code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF:
        return "a private character or none at all"
    return "a letter lost in conversion (U+FFFD)" if code == 0xFFFD else ""
