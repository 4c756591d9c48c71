"""What `locale-tune extend` says at its end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from locale_tune_tokenizer.alone import Bad

WORDS = {True: "ok", False: "FAILED", None: "not run"}


def shown(facts: Mapping[str, Any], bad: Bad, out: Path) -> Iterator[str]:
    """Yield the lines of the answer: what came of it, the curve, the checks, where it lies."""
    if bad.count:
        yield f"left out {bad.count:,} lines that could not be read:"
        yield from (f"  {line}" for line in bad.shown)
    yield facts["line"]
    if facts["new_tokens"]:
        yield from _figures(facts)
    for note in facts["notes"]:
        yield f"note: {note}"
    for name, passed in facts["checks"].items():
        yield f"  {WORDS[passed]:8} {name}"
    yield f"written: {out}"


def checked(entries: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield one line per check of an audit, with what failed or why it did not run."""
    for name, entry in entries.items():
        said = str(entry.get("example") or entry.get("why") or "").removeprefix("not run: ")
        yield f"  {WORDS[entry['passed']]:8} {name:16} {said}".rstrip()


def _figures(facts: Mapping[str, Any]) -> Iterator[str]:
    yield f"why so many: {facts['reason']}"
    yield "  new tokens  tokens per word"
    for point in facts["curve"]:
        mark = "  <- taken" if point["new_tokens"] == facts["new_tokens"] - facts["letters"] else ""
        yield f"  {point['new_tokens']:10,}  {point['tokens_per_word']:15.2f}{mark}"
    yield (
        f"bytes per token {facts['bytes_per_token_before']:.2f} -> "
        f"{facts['bytes_per_token_after']:.2f}; the pre-tokenizer alone cuts "
        f"{facts['floor']:.2f} pieces per word"
    )
