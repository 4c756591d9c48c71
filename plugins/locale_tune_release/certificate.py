"""The certificate of an extended tokenizer as a table: promise, result in words, figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .facts import flatten, spaced, told
from .figures import percent

PROMISES = {
    "opens": "both tokenizers can be read",
    "trimming": "tokens that stayed after trimming are used as before",
    "id stability": "every old token keeps its id, and no id is used twice",
    "added tokens": "the table of special and added tokens is the old one",
    "reachability": "every new token can come out of text",
    "coarsening": "new tokens join old ones and never cut one",
    "round trip": "decoding gives back what the base gives back",
    "fuzz": "the same on random texts: emoji, joiners, mixed scripts, control characters",
    "blast radius": "protected lines keep every id; how much other text changes is counted",
    "template": "the rendered chat template keeps its ids",
    "merge order": "all old merges come first and in their order",
    "options": "normalizer, pre-tokenizer and decoder are what they should be",
    "converter text": "llama.cpp's converter still recognises the pre-tokenizer",
    "reload": "a fresh process loads what was written, and saves the same again",
    "GGUF ids": "llama.cpp gives the same ids",
    "rows": "no row is lost, and old rows are bit for bit as they were",
    "learning": "new rows move in training, old rows do not",
    "tying": "tied tables stay one, untied ones two",
    "old rows": "every old row is bit for bit as it was",
    "new rows": "new rows are finite, not zero, and not all the same",
}
NO_REASON = "no reason was given"
NOT_RUN = "not run: "
SHARES = ("share", "limit")
APART = ("passed", "ran", "why", "example")
CLASSES = {"passed": "better", "failed": "worse", "not run": "unclear"}


def certificate_rows(certificate: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return name, promise, result in words with its class, and details of each check.

    Only True reads as passed and only False as failed. Everything else did not run.
    """
    return [_row(name, entry) for name, entry in certificate.items()]


def tally(rows: list[dict[str, str]]) -> str:
    """Count the results in one sentence."""
    counts = {result: sum(row["result"] == result for row in rows) for result in CLASSES}
    said = [f"{count} {result}" for result, count in counts.items() if count]
    checks = "check" if len(rows) == 1 else "checks"
    return f"{len(rows)} {checks}: {', '.join(said)}."


def passed(certificate: Mapping[str, Any], name: str) -> bool:
    """Tell whether a check ran and held."""
    entry = certificate.get(name)
    return isinstance(entry, Mapping) and entry.get("passed") is True


def _row(name: str, entry: Any) -> dict[str, str]:
    found = entry if isinstance(entry, Mapping) else {"passed": entry}
    result = _result(found.get("passed"))
    return {
        "name": spaced(name),
        "promise": PROMISES.get(name, ""),
        "result": result,
        "class": CLASSES[result],
        "why": _why(found, result),
        "details": "; ".join(_details(found)),
    }


def _result(passed: Any) -> str:
    if isinstance(passed, bool):
        return "passed" if passed else "failed"
    return "not run"


def _why(entry: Mapping[str, Any], result: str) -> str:
    if result == "passed":
        return ""
    if result == "failed":
        return told(entry, "example") or told(entry, "why") or NO_REASON
    return told(entry, "why").removeprefix(NOT_RUN) or NO_REASON


def _details(entry: Mapping[str, Any]) -> list[str]:
    """Return `name: figure` of each fact; the parts of a nested one stay together."""
    texts = []
    for key, value in entry.items():
        if key in APART:
            continue
        if isinstance(value, Mapping):
            inner = ", ".join(f"{spaced(name)} {text}" for name, text in _flat(value))
            texts.append(f"{spaced(key)}: {inner or 'none'}")
        else:
            texts += [f"{spaced(name)}: {text}" for name, text in _flat({key: value})]
    return texts


def _flat(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    shares = {k: percent(v, 1) for k, v in facts.items() if k in SHARES and _is_share(v)}
    return list(flatten({**facts, **shares}))


def _is_share(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1
