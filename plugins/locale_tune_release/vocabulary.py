"""What `extend` did to the vocabulary, in words and rows: how many tokens, why, and how fine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import certificate
from .facts import amount, part, told
from .fertility_curve import floor_of, upgraded
from .figures import decimals, number, percent

DOWN, UP = "\u2193", "\u2191"
FROM = {
    "heldout": "held-out text",
    "text": "the text it was learned from",
    "given": "the text given",
}
Row = dict[str, str]


def new_tokens(extension: Mapping[str, Any]) -> int:
    """Return how many tokens came."""
    return int(amount(extension, "new_tokens") or 0)


def trimmed(extension: Mapping[str, Any]) -> bool:
    """Tell whether the base's vocabulary was trimmed."""
    return amount(part(extension, "trimmed"), "tokens_after") is not None


def answer(extension: Mapping[str, Any]) -> dict[str, str]:
    """Say how many tokens came (`lead`) and why so many or none (`why`)."""
    if not extension:
        return {"lead": "The vocabulary of the base was kept; no token was added.", "why": ""}
    count, reason = new_tokens(extension), told(extension, "reason")
    if not count:
        why = f"Why: {reason}." if reason else "No reason was given."
        return {"lead": "No token was added.", "why": why}
    letters = int(amount(extension, "letters") or 0)
    came = "1 token was added" if count == 1 else f"{number(count)} tokens were added"
    of_them = f", {number(letters)} of them letters that it lacked" if letters else ""
    rarest = amount(extension, "rarest")
    why = f"Why so many: {reason}." if reason else ""
    seen = f" The rarest was seen {number(rarest)} times." if rarest and not letters else ""
    return {"lead": f"{came}{of_them}.", "why": why + seen}


def measures(tokenizer: Mapping[str, Any], extension: Mapping[str, Any]) -> list[Row]:
    """Return label, direction, explanation, both sides of how finely the language is cut.

    Tokens per word come twice where they were measured twice: over all text by `assess`, over
    words alone by `extend`, and only the latter compare with the floor.
    """
    english = amount(extension, "fertility_english")
    where = FROM.get(told(extension, "measured_on"), told(extension, "measured_on"))
    alone = f"without punctuation{', in ' + where if where else ''}"
    alone += f"; English has {number(english, 2)} with the base" if english else ""
    alone += "; the base after trimming" if trimmed(extension) else ""
    floor, floor_after = amount(extension, "floor"), floor_of(extension)
    rows = [
        _row("fertility", DOWN, "", *_both(tokenizer, "fertility")),
        _row("words", DOWN, alone, *_both(extension, "fertility")),
        _row(
            "floor",
            DOWN,
            "pieces per word that the pre-tokenizer alone makes; no vocabulary goes below",
            floor,
            floor_after,
        ),
        _row("bytes", UP, "", *_both(tokenizer, "bytes_per_token")),
        _row("parity", DOWN, "", *_both(tokenizer, "parity")),
    ]
    return [row for row in rows if row]


def _both(facts: Mapping[str, Any], key: str) -> tuple[float | None, float | None]:
    return amount(facts, f"{key}_before"), amount(facts, f"{key}_after")


def _row(key: str, arrow: str, how: str, before: float | None, after: float | None) -> Row:
    """Return a row in one precision, empty when neither side was measured."""
    if before is None and after is None:
        return {}
    digits = decimals(before, after)
    texts = {"before": number(before, digits), "after": number(after, digits)}
    return {"key": key, "arrow": arrow, "how": how, **texts}


def upgrade(extension: Mapping[str, Any]) -> str:
    """Say what became of the pre-tokenizer's upgrade, or what it would give; "" for nothing."""
    found = part(extension, "pretokenizer")
    before, after = amount(found, "floor_before"), amount(found, "floor_after")
    reason = told(found, "reason")
    if before is None or after is None:
        return f"The pre-tokenizer was not upgraded: {reason}." if reason else ""
    gain = f"from {number(before, 2)} to {number(after, 2)} pieces per word"
    if upgraded(extension):
        return (
            "The pre-tokenizer was upgraded to keep combining marks with their letters: the "
            f"floor fell {gain}. {_cost(found, 'have')}"
        ).strip()
    if after < before:
        # Behind an offer's colon stand the figures that are said here already.
        why = reason.partition(": ")[0] if reason.startswith("offered") else reason
        if found.get("accepted") is True:
            why = "no token was added"
        return (
            "An upgrade of the pre-tokenizer, which keeps combining marks with their letters, "
            f"would lower the floor {gain}. {_cost(found, 'would get')} Not taken: {why}."
        )
    return f"The pre-tokenizer was not upgraded: {reason}." if reason else ""


def _cost(found: Mapping[str, Any], verb: str) -> str:
    lines, changed = amount(found, "replay_lines"), amount(found, "replay_changed")
    if not lines or changed is None:
        return "Its cost on other languages was not measured."
    share = percent(changed, lines)
    return f"{number(changed)} of {number(lines)} replay lines {verb} other ids ({share})."


def card_sentences(said: Mapping[str, Any]) -> list[str]:
    """Return what the model card says of the tokenizer, of old ids only what was checked."""
    extension = said["extension"]
    sentences = [_size(said), _ids(extension)]
    written = upgrade(extension) if upgraded(extension) else ""
    return [sentence for sentence in (*sentences, written) if sentence]


def _size(said: Mapping[str, Any]) -> str:
    extension = said["extension"]
    count = new_tokens(extension)
    if not count:
        found = answer(extension)
        return f"{found['lead']} {found['why']}".strip()
    came = "1 new token came" if count == 1 else f"{number(count)} new tokens came"
    before, after = _both(said["tokenizer"], "fertility")
    if before is None or after is None:
        before, after = _both(extension, "fertility")
    if before is None or after is None:
        return f"{came} to the tokenizer."
    digits = decimals(before, after)
    per_word = f"{number(before, digits)} to {number(after, digits)}"
    return f"{came} to the tokenizer; tokens per word went from {per_word}."


def _ids(extension: Mapping[str, Any]) -> str:
    """Say whether ids of the base still hold."""
    sizes = part(extension, "trimmed")
    if trimmed(extension):
        was, now = amount(sizes, "tokens_before"), amount(sizes, "tokens_after")
        return (
            f"The base's vocabulary was trimmed from {number(was)} to {number(now)} tokens, so "
            "ids are not the base's: adapters and embeddings made for the base no longer fit."
        )
    if not new_tokens(extension):
        return ""
    checks = part(extension, "certificate")
    if not certificate.passed(checks, "id stability"):
        return "Whether old tokens kept their ids was not shown."
    old = amount(part(checks, "id stability"), "old_tokens")
    held = f"all {number(old)} old tokens" if old else "all old tokens"
    return f"The ids of {held} are unchanged."
