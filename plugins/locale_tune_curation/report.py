"""What a choice of lessons did: how diverse they are, before and after, and which tags it cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from locale_tune.api import Pool, Record
from locale_tune_curation.diversity import distinct, entropy, mean_distance, vendi
from locale_tune_curation.information import Pool as Informed
from locale_tune_curation.information import information, label_graph, propagation
from locale_tune_curation.novelty import density, novelsum
from locale_tune_curation.pool import said, value
from locale_tune_curation.rouge import units
from locale_tune_curation.selectors import rank
from locale_tune_curation.settings import SelectSettings

MOST = 2000  # lessons that a figure is measured on; more are drawn from by hash
KEYS = ("source", "lang", "variety")


def report(pool: Pool, picked: Sequence[int], settings: SelectSettings) -> dict[str, Any]:
    """Return facts on a choice: `kept` by source, language, variety and tag, and `diversity`.

    Figures of a set of more than 2,000 lessons are of 2,000 of them.
    """
    after = [pool.records[index] for index in picked]
    facts: dict[str, Any] = {"kept": retention(pool.records, after, (*KEYS, *settings.tags))}
    if not settings.diversity:
        return facts
    before = figures(pool, range(len(pool.records)), settings)
    chosen = len(picked) < len(pool.records)
    figured = figures(pool, picked, settings) if chosen else before
    facts["diversity"] = {"before": before, "after": figured}
    for key in settings.tags:
        for name in sorted({value(record, key) for record in after} - {""}):
            own = [index for index in picked if value(pool.records[index], key) == name]
            facts["diversity"][f"{key} {name}"] = figures(pool, own, settings)
    return facts


def figures(pool: Pool, indices: Sequence[int], settings: SelectSettings) -> dict[str, float]:
    """Return the figures of diversity of some lessons of a pool."""
    some = sorted(sorted(indices, key=lambda i: rank(0, pool.records[i].id))[:MOST])
    vectors = pool.vectors()[some]
    words = [units(said(pool.records[index])) for index in some]
    found = {
        "lessons": float(len(indices)),
        "distinct_1": distinct(words, 1),
        "distinct_2": distinct(words, 2),
        "entropy_1": entropy(words, 1),
        "vendi": vendi(vectors),
        "mean_distance": mean_distance(vectors),
        "information": _information(pool, some, settings),
    }
    if len(some) > 1:
        power = settings.novelty_density_power
        densities = density(vectors, vectors, settings.novelty_neighbours, power)
        found["novelsum"] = novelsum(vectors, densities, settings.novelty_distance_power)
    return {name: float(np.round(number, 6)) for name, number in found.items()}


def _information(pool: Pool, indices: Sequence[int], settings: SelectSettings) -> float:
    labels, vectors = pool.labels()
    spread = propagation(label_graph(vectors, settings.mig_threshold), settings.mig_spread)
    own, scores = [labels[index] for index in indices], pool.quality()[list(indices)]
    informed = Informed(own, scores.tolist(), spread, settings.mig_divide)
    return information(informed, range(len(own)))[1]


def retention(
    before: Sequence[Record], after: Sequence[Record], keys: Sequence[str]
) -> dict[str, Any]:
    """Return, for each value of some keys, how many lessons there were and how many are left."""
    found: dict[str, Any] = {}
    for key in keys:
        were, are = (Counter(value(record, key) for record in some) for some in (before, after))
        if names := sorted(were.keys() - {""}):
            found[key] = {name: [were[name], are[name]] for name in names}
    return found
