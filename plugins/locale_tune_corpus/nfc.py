"""Unicode's composed form, NFC, for every text of a record."""

from __future__ import annotations

import re
import unicodedata
from itertools import groupby
from typing import Any

from locale_tune.api import Bad, Record
from locale_tune_corpus.filters import strings

# The stream-safe text format (UAX #15, section 13) allows 30 marks on one letter. `normalize` sorts
# marks by insertion: a line of a megabyte that is nothing but marks would take it minutes.
MARKS_LIMIT = 30
SUSPECT = re.compile(rf"[^\w\s\x00-\u02ff]{{{MARKS_LIMIT + 1}}}|[\uff9e\uff9f]")
HALF_WIDTH_MARKS = "\uff9e\uff9f"  # letters that NFKC turns into marks


def settled(record: Record) -> Record | Bad:
    """Return the record in NFC, or Bad if it piles up marks that no reader could see apart."""
    for text in strings(record):
        suspect = not text.isascii() and SUSPECT.search(text)
        if suspect and (marks := longest_pile(text)) > MARKS_LIMIT:
            where = record.meta.get("where", record.id)
            return Bad(where, f"{marks} marks on one letter, {MARKS_LIMIT} at most", text[:200])
    return normalised(record)


def normalised(record: Record) -> Record:
    """Return the record with all its text in Unicode's composed form, NFC."""
    if all(unicodedata.is_normalized("NFC", text) for text in strings(record)):
        return record
    return Record.model_validate({**record.model_dump(), **_composed(_row(record))})


def longest_pile(text: str) -> int:
    """Return how many combining marks follow each other at most."""
    piles = (sum(1 for _ in run) for marks, run in groupby(text, _is_mark) if marks)
    return max(piles, default=0)


def _is_mark(char: str) -> bool:
    return unicodedata.category(char)[0] == "M" or char in HALF_WIDTH_MARKS


def _row(record: Record) -> dict[str, Any]:
    said = {"text", "translation", "question", "choices", "messages", "rejected"}
    return record.model_dump(include=said)


def _composed(value: Any) -> Any:
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    if isinstance(value, dict):
        return {key: _composed(item) for key, item in value.items()}
    return [_composed(item) for item in value] if isinstance(value, list | tuple) else value
