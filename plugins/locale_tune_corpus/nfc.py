"""Unicode's composed form, NFC, for every text of a record."""

from __future__ import annotations

import unicodedata
from typing import Any

from locale_tune.api import Record
from locale_tune_corpus.filters import strings


def normalised(record: Record) -> Record:
    """Return the record with all its text in Unicode's composed form, NFC."""
    if all(unicodedata.is_normalized("NFC", text) for text in strings(record)):
        return record
    row = record.model_dump(include={"text", "translation", "question", "choices", "messages"})
    return Record.model_validate({**record.model_dump(), **_composed(row)})


def _composed(value: Any) -> Any:
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    if isinstance(value, dict):
        return {key: _composed(item) for key, item in value.items()}
    return [_composed(item) for item in value] if isinstance(value, list | tuple) else value
