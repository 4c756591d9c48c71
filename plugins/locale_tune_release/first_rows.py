"""How the rows of new tokens began and what was trained, in words and figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import certificate
from .facts import amount, part, told
from .figures import number

FROM = {
    "edge": "as their old pieces (the last one to be read, the first one to be written)",
    "mean": "as the mean of their old pieces",
    "hewitt": "near the mean of all old rows",
    "focus": "as old tokens that the pack's text uses alike",
    "lexicon": "half way to their translations in the pack's lexicon",
    "random": "at random",
    "zero": "at zero",
}
LOSSES = {"next-token": "next-token loss", "distillation": "token distillation"}


def story(extension: Mapping[str, Any]) -> list[str]:
    """Return sentences: how many rows, from what, which training and why, what stayed."""
    rows = part(extension, "rows")
    if not rows:
        return []
    return [
        sentence
        for sentence in (_began(extension, rows), _trained(rows), _old_rows(extension))
        if sentence
    ]


def losses(extension: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """Return (label, base, new rows at their start, trained) on held-out text; [] unmeasured."""
    rows = part(extension, "rows")
    table = (
        ("bits per byte \u2193", "bits_per_byte_unextended", "bits_per_byte"),
        ("loss in nats per token \u2193", "", "probe_loss"),
    )
    found = []
    for label, base, key in table:
        values = [amount(rows, f"{key}_{side}") for side in ("before", "after")]
        if any(value is not None for value in values):
            was = number(amount(rows, base), 3) if base else "not comparable"
            found.append((label, [was, *(number(value, 3) for value in values)]))
    return found


def _began(extension: Mapping[str, Any], rows: Mapping[str, Any]) -> str:
    initializer, counted = told(rows, "initializer"), part(rows, "rows_from")
    found = {str(name): int(amount(counted, name) or 0) for name in counted}
    used = {name: times for name, times in found.items() if times}
    total = sum(used.values()) or int(amount(extension, "new_tokens") or 0)
    if not total or not (initializer or used):
        return ""
    tables = {True: ", in one table for reading and writing,", False: ", in each of two tables,"}
    where = tables[rows["tied"]] if isinstance(rows.get("tied"), bool) else ""
    named = f" (initialiser {initializer})" if initializer else ""
    new = "1 new row" if total == 1 else f"{number(total)} new rows"
    return f"{new}{where} began{named}{_from_what(initializer, used)}."


def _from_what(initializer: str, used: Mapping[str, int]) -> str:
    """Say what rows came from; with counts unless all came from what was asked for."""
    if not used or list(used) == [initializer]:
        return f": {FROM[initializer]}" if initializer in FROM else ""
    counts = (f"{number(times)} {FROM.get(name, name)}" for name, times in used.items())
    return f": {', '.join(counts)}"


def _trained(rows: Mapping[str, Any]) -> str:
    steps, tokens = amount(rows, "steps"), amount(rows, "trained_tokens")
    if not steps:
        return "They were not trained on their own before the model was."
    loss = told(rows, "rows_loss")
    by = f", by {LOSSES.get(loss, loss)}" if loss else ""
    teacher = amount(rows, "teacher_tokens")
    and_teacher = f" (and {number(teacher)} read by the teacher)" if teacher else ""
    amounts = f"{number(steps)} steps on {number(tokens)} tokens{and_teacher}"
    return f"Then they alone were trained: {amounts}{by}.{_why(rows)}"


def _why(rows: Mapping[str, Any]) -> str:
    reason = told(rows, "rows_loss_reason")
    probe = part(rows, "rows_probe")
    if reason == "as set":
        return " The settings asked for this loss."
    if probe:
        bits = part(probe, "bits_per_byte")
        figures = ", ".join(f"{LOSSES.get(n, n)} {number(amount(bits, n), 3)}" for n in bits)
        said = reason or f"{figures} bits per byte"
        return f" A probe of {number(amount(probe, 'steps'))} steps of each loss decided: {said}."
    return f" Why this loss: {reason}." if reason else ""


def _old_rows(extension: Mapping[str, Any]) -> str:
    checks = part(extension, "certificate")
    kept = amount(part(checks, "rows"), "old_rows_unchanged")
    if not certificate.passed(checks, "rows") or kept is None:
        return ""
    return f"All {number(kept)} old rows are bit for bit what they were."
