"""Shares of answers, where not every answer can be judged, and not the same ones on both sides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from locale_tune.api import Finding

from .bootstrap import FEWEST_GROUPS, Array, group_sums, paired, ratio, seed_of
from .context import Context

Judged = Sequence[bool | None]  # for each prompt: yes, no, or an answer that cannot be judged


def compare_rates(
    context: Context,
    check: str,
    label: str,
    sides: tuple[Judged, Judged],
    groups: Sequence[str],
    **more: Any,
) -> Iterator[Finding]:
    """Yield the share of yes, in percent, among the answers of each side that can be judged.

    Nothing is yielded when no answer of the localized model can be judged: a bound on it is then
    broken, for silence is no pass. When none of the base can be, there is no number before. With
    fewer than 5 judged groups on a side there is no interval: many resamples would hold none.
    """
    before, after = (_rows(side) for side in sides)
    if not after[:, 1].sum():
        return
    on = context.locale.tag
    result = paired(
        before, after, groups, ratio, context.settings.resamples, seed_of(context.seed, check, on)
    )
    if min(_judged_groups(rows, groups) for rows in (before, after)) < FEWEST_GROUPS:
        result = replace(result, interval=None, p=None)
    judged = [int(rows[:, 1].sum()) for rows in (before, after)]
    told = f"{judged[0]} of {len(sides[0])} answers before and {judged[1]} after can be judged"
    note = "; ".join(text for text in (told, more.pop("note", "")) if text)
    found = context.finding(
        check, on, label, result, n=len(sides[0]), unit="%", note=note, section="language", **more
    )
    silent = {"before": None, "change": None}
    yield found if before[:, 1].sum() else found.model_copy(update=silent)


def _judged_groups(rows: Array, groups: Sequence[str]) -> int:
    return int((group_sums(rows, groups)[:, 1] > 0).sum())


def _rows(judged: Judged) -> Array:
    """Return addends [N, 2] of (100 for yes, 1 for judged)."""
    return np.array(
        [[100.0 * bool(one), float(one is not None)] for one in judged], dtype=np.float64
    )
