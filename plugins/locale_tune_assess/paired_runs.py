"""Compare what two runs measured on the same items: a paired bootstrap of B minus A.

Runs keep their items as Parquet. A finding is compared only where those items, by the recipe of its
check, give back the very number that each run reported; so a changed format is left out, never
misread.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from locale_tune.api import Finding

from . import calibration as cal
from .answers import Answers
from .bootstrap import Array, Statistic, paired, ratio, rows_of, seed_of
from .held_out import NATS_PER_BIT
from .translation import chrf_rows

Row = Mapping[str, Any]
Recipe = Callable[[Sequence[Row], int], tuple[Array, Statistic]]
CLOSE = 1e-6
# What has to be the same in both runs for an item to be the same item.
FIXED = ("bytes", "words", "reference", "question", "prompt")


def compare(
    a: Path, b: Path, findings: tuple[Finding, Finding], bins: int, resamples: int, seed: int
) -> Finding | None:
    """Return what changed from A to B on the items that both runs have; `judged` gives verdicts.

    `a` and `b` are the folders of items. None: an item file is missing, the runs share no item, or
    the items do not give back what the run reported.
    """
    check, on = findings[0].check, findings[0].on
    name, recipe = RECIPES.get(check, (check, mean))
    sides = [_rows(folder / f"{name}-{on}.parquet") for folder in (a, b)]
    if not all(
        _gives(recipe, side, bins, f.after) for side, f in zip(sides, findings, strict=True)
    ):
        return None
    pairs = shared(*sides)
    if not pairs:
        return None
    old, statistic = recipe([one for one, _ in pairs], bins)
    new, _ = recipe([other for _, other in pairs], bins)
    groups = [str(one.get("group") or one["id"]) for one, _ in pairs]
    result = paired(old, new, groups, statistic, resamples, seed_of(seed, "diff", check, on))
    told: dict[str, Any] = {"before": result.before, "after": result.after, "change": result.change}
    told |= {"interval": result.interval, "p": result.p, "n": len(pairs), "verdict": "measured"}
    return findings[1].model_copy(update={**told, "p_holm": None, "note": ""})


def shared(a: Sequence[Row], b: Sequence[Row]) -> list[tuple[Row, Row]]:
    """Return the items that both hold, with the same content, in the order of the first."""
    others = {_identity(row): row for row in b}
    return [(row, others[_identity(row)]) for row in a if _identity(row) in others]


def _identity(row: Row) -> str:
    options = row.get("choices")
    if isinstance(options, list):
        options = sorted(map(repr, options))  # their order is drawn by the seed
    return repr((row["id"], options, *(row.get(name) for name in FIXED)))


def _rows(path: Path) -> list[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        rows: list[Row] = pq.read_table(path).to_pylist()
    except (OSError, pa.ArrowException):
        return []
    named = [row for row in rows if row.get("id") is not None]
    return [row for row in named if row.get("split", "test") == "test"]


def _gives(recipe: Recipe, rows: Sequence[Row], bins: int, reported: float) -> bool:
    if not rows:
        return False
    try:
        addends, statistic = recipe(rows, bins)
    except (KeyError, TypeError, ValueError, IndexError):
        return False
    found = float(statistic(addends.sum(axis=0, keepdims=True))[0])
    return math.isclose(found, reported, rel_tol=CLOSE, abs_tol=CLOSE)


def mean(rows: Sequence[Row], bins: int) -> tuple[Array, Statistic]:
    """Read the column `after` of a check that compares means."""
    return rows_of([float(row["after"]) for row in rows]), ratio


def bits(rows: Sequence[Row], bins: int) -> tuple[Array, Statistic]:
    """Read bits over UTF-8 bytes."""
    pairs = [[row["nats_after"] / NATS_PER_BIT, row["bytes"]] for row in rows]
    return np.array(pairs, dtype=np.float64), ratio


def fertility(rows: Sequence[Row], bins: int) -> tuple[Array, Statistic]:
    """Read tokens over words."""
    return np.array([[row["tokens_after"], row["words"]] for row in rows], dtype=np.float64), ratio


def bytes_per_token(rows: Sequence[Row], bins: int) -> tuple[Array, Statistic]:
    """Read UTF-8 bytes over tokens."""
    return np.array([[row["bytes"], row["tokens_after"]] for row in rows], dtype=np.float64), ratio


def accuracy(rows: Sequence[Row], bins: int) -> tuple[Array, Statistic]:
    """Read whether the most likely option is the right one, in per cent."""
    return rows_of(100 * _answers(rows).correct), ratio


def ece(rows: Sequence[Row], bins: int) -> tuple[Array, Statistic]:
    """Read the addends of the expected calibration error."""
    told = _answers(rows)
    return cal.ece_addends(told.probabilities.max(axis=1), told.correct, bins), cal.ece_of_sums


def brier(rows: Sequence[Row], bins: int) -> tuple[Array, Statistic]:
    """Read the Brier score of each item."""
    told = _answers(rows)
    return rows_of(cal.brier_items(told.probabilities, told.right)), ratio


def chrf(rows: Sequence[Row], bins: int) -> tuple[Array, Statistic]:
    """Read the n-gram counts of each translation."""
    addends, statistic, _ = chrf_rows(
        [row["after"] for row in rows], [" ".join(row["reference"].split()) for row in rows]
    )
    return addends, statistic


def _answers(rows: Sequence[Row]) -> Answers:
    widest = max(len(row["after"]) for row in rows)
    scores = np.full((len(rows), widest), -np.inf)
    for index, row in enumerate(rows):
        with np.errstate(divide="ignore"):  # an option may have got no probability at all
            scores[index, : len(row["after"])] = np.log(np.array(row["after"], dtype=np.float64))
    return Answers(scores, np.array([row["answer"] for row in rows], dtype=np.int64))


RECIPES: dict[str, tuple[str, Recipe]] = {
    "bits_per_byte": ("bits_per_byte", bits),
    "tokens_per_word": ("fertility", fertility),
    "bytes_per_token": ("fertility", bytes_per_token),
    "accuracy": ("multiple_choice", accuracy),
    "ece": ("multiple_choice", ece),
    "brier": ("multiple_choice", brier),
    "culture": ("culture", accuracy),
    "cloze": ("cloze", accuracy),
    "chrf": ("chrf", chrf),
}
