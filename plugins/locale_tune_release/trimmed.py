"""What trimming the vocabulary saved and what it costs each language, in words and rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .facts import amount, entries, flatten, part, spaced, told
from .figures import count, decimals, number, percent, signed, size

SIZES = (
    ("tokens of the vocabulary", "tokens", number),
    ("rows of each table", "rows", number),
    ("parameters", "parameters", count),
)
LABELS = {
    "unreachable_removed": "removed because no text reaches them",
    "next_removal_costs": "tokens the next removal would add to the counted text",
}
# Said in sentences and tables of their own, or only useful to a machine.
SAID = {
    "line",
    "reason",
    "languages",
    "measured_on_counted_text",
    "counted_share",
    "tables",
    "tied",
    "width",
}


def trimming(extension: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return `words`, `sizes`, `saved` and `languages` of a trimming; None without any.

    `words` alone when trimming was asked for and did not happen.
    """
    found = part(extension, "trimmed")
    if not found:
        return None
    facts = {**found, **part(found, "tables")}
    before, after = amount(facts, "tokens_before"), amount(facts, "tokens_after")
    if before is None or after is None:
        reason = told(facts, "reason") or "the vocabulary was not trimmed"
        words = [f"{reason[:1].upper()}{reason[1:]}."]
        return {"words": words, "sizes": [], "saved": [], "languages": []}
    return {
        "words": _words(facts, before, after),
        "sizes": _sizes(facts),
        "saved": _saved(facts),
        "languages": [
            _language(tag, facts, cost)
            for tag, cost in part(facts, "languages").items()
            if isinstance(cost, Mapping)
        ],
    }


def _words(facts: Mapping[str, Any], before: float, after: float) -> list[str]:
    share = percent(before - after, before)
    words = [
        f"First the base's vocabulary was trimmed from {number(before)} to {number(after)} tokens: "
        f"{share} of it went. Tokens that stayed have other ids, so adapters and embeddings made "
        "for the base no longer fit; trim.json in the model's folder maps the ids."
    ]
    if reason := told(facts, "reason"):
        words.append(f"Why it ended there: {reason}.")
    counted = amount(facts, "counted_share")
    if counted is not None and counted < 1:
        words.append(f"Use was counted in {percent(counted, 1)} of the text.")
    return words


def _sizes(facts: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return label, before, after and saved of each size that is told on both sides."""
    rows = []
    for label, key, write in SIZES:
        before, after = amount(facts, f"{key}_before"), amount(facts, f"{key}_after")
        if before is not None and after is not None:
            saved = f"{write(before - after)} ({percent(before - after, before)})"
            texts = {"before": write(before), "after": write(after), "saved": saved}
            rows.append({"label": label, **texts})
    return rows


def _saved(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (label, figure) of what else is told, also under names not known here."""
    found = []
    if (saved := amount(facts, "bytes_saved")) is not None:
        found.append(("bytes saved in the model's file", size(saved)))
    if amount(facts, "parameters_before") is None and amount(facts, "parameters_saved"):
        found.append(("parameters saved", count(amount(facts, "parameters_saved") or 0)))
    shown = {f"{key}_{side}" for _, key, _ in SIZES for side in ("before", "after")}
    shown |= {"bytes_saved", "parameters_saved", *SAID}
    rest = {key: value for key, value in facts.items() if key not in shown and value is not None}
    return found + [(LABELS.get(name, spaced(name)), text) for name, text in flatten(rest)]


def _language(tag: str, facts: Mapping[str, Any], cost: Mapping[str, Any]) -> dict[str, str]:
    share = amount(cost, "cost") if amount(cost, "words") != 0 else None
    told_of = "counted text: the true cost is higher"
    return {
        "tag": "" if tag == "und" else tag,
        "lines": number(amount(cost, "lines")),
        "fertility": _pair(cost, "fertility"),
        "bytes": _pair(cost, "bytes_per_token"),
        "cost": number(None) if share is None else f"{signed(100 * share, 1)}\u00a0%",
        "note": told_of if tag in entries(facts, "measured_on_counted_text") else "",
    }


def _pair(cost: Mapping[str, Any], key: str) -> str:
    if amount(cost, "words") == 0 and key == "fertility":
        return "no words"
    values = amount(cost, f"{key}_before"), amount(cost, f"{key}_after")
    digits = max(2, decimals(*values))
    return " to ".join(number(value, digits) for value in values)
