"""Which pairs first: those whose scores are furthest apart.

Curri-DPO (Pattnaik et al. 2024, arXiv 2403.07230): of K ranked answers to a prompt the best is
paired with each other one, the widest gap first; stage s of the curriculum holds the s-th widest
pair of every prompt, and starts from, and refers to, the model of the stage before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from locale_tune.api import Record


class Ranked(NamedTuple):
    """The best answer to a prompt against another one: indices, and how far apart they are."""

    chosen: int
    rejected: int
    gap: float


def ranked_pairs(scores: Sequence[float]) -> list[Ranked]:
    """Pair the best answer with each worse one, widest gap first; ties by place."""
    best = min(range(len(scores)), key=lambda index: (-scores[index], index))
    others = sorted((i for i in range(len(scores)) if i != best), key=lambda i: (scores[i], i))
    pairs = [Ranked(best, other, scores[best] - scores[other]) for other in others]
    return [pair for pair in pairs if pair.gap > 0]


def all_pairs(scores: Sequence[float]) -> list[Ranked]:
    """Pair every answer with every worse one, in the order of their places."""
    return [
        Ranked(one, other, scores[one] - scores[other])
        for one in range(len(scores))
        for other in range(len(scores))
        if scores[one] > scores[other]
    ]


def by_gap(settings: Any) -> bool:
    """Return whether the gaps of pairs decide which are learned from, or when."""
    return bool(settings.order == "widest-first" or settings.curriculum_stage)


def widest_first(gaps: Sequence[float], names: Sequence[str]) -> list[int]:
    """Return the places of all pairs, widest gap first; ties by name."""
    return sorted(range(len(gaps)), key=lambda place: (-gaps[place], names[place]))


def of_stage(records: Sequence[Record], stage: int) -> list[Record]:
    """Return the `stage`-th widest pair (from 1) of every prompt, in the order given.

    A pair says its gap in `meta["gap"]`; pairs of one prompt have the same messages before the
    answer.
    """
    by_prompt: dict[tuple[str, ...], list[Record]] = {}
    for record in records:
        asked = tuple(message.content for message in record.messages[:-1])
        by_prompt.setdefault(asked, []).append(record)
    kept: set[int] = set()
    for found in by_prompt.values():
        gaps = [float(record.meta.get("gap", "0")) for record in found]
        order = widest_first(gaps, [record.id for record in found])
        kept |= {id(found[place]) for place in order[stage - 1 : stage]}
    return [record for record in records if id(record) in kept]
