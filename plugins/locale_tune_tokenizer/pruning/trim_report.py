"""What trimming costs each language, and what it saves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from locale_tune.api import Record, read_records
from locale_tune_tokenizer.learning.segments import measure
from locale_tune_tokenizer.texts import SAMPLE_LINES, draw, lines_of

UNNAMED = "und"  # BCP 47's "undetermined"


def fertility_cost(
    old: Any, new: Any, languages: Mapping[str, list[str]]
) -> dict[str, dict[str, Any]]:
    """Return tokens per word and bytes per token before and after, for each language's lines.

    `cost` is the share of tokens per word that trimming adds: 0.02 is 2 % more.
    """
    return {lang: _cost(old, new, lines) for lang, lines in sorted(languages.items())}


def _cost(old: Any, new: Any, lines: list[str]) -> dict[str, Any]:
    before, after = measure(old, lines), measure(new, lines)
    return {
        "lines": len(lines),
        "words": before.words,
        "fertility_before": before.fertility,
        "fertility_after": after.fertility,
        "bytes_per_token_before": before.bytes_per_token,
        "bytes_per_token_after": after.bytes_per_token,
        "cost": after.fertility / before.fertility - 1 if before.fertility else 0.0,
    }


def lines_by_language(corpus: Path, seed: int) -> tuple[dict[str, list[str]], list[str]]:
    """Return lines to measure each language of the corpus on, and the languages counted too.

    The lines are held-out and control text, which pruning never counts. A language that has none
    is measured on text that was counted, where trimming costs least; the second value names it.
    """
    unseen = _drawn(corpus, ("heldout", "control"), seed, set())
    counted = _drawn(corpus, ("text", "replay"), seed, set(unseen))
    return unseen | counted, sorted(counted)


def _drawn(corpus: Path, splits: tuple[str, ...], seed: int, but: set[str]) -> dict[str, list[str]]:
    langs = {_lang(r) for split in splits for r in read_records(corpus / split) if r.text} - but
    return {
        lang: draw(
            lines_of(
                r for split in splits for r in read_records(corpus / split) if _lang(r) == lang
            ),
            SAMPLE_LINES,
            seed,
        )
        for lang in sorted(langs)
    }


def _lang(record: Record) -> str:
    return record.lang or UNNAMED
