"""Selectors: each returns the indices of the lessons to keep, best first, and respects the shares.

Heavy modules load when a selector runs; to offer one costs nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from math import sqrt
from typing import Any

from locale_tune.api import Pool


def everything(pool: Pool, budget: int, seed: int) -> list[int]:
    """Return every index in order; neither budget nor seed nor shares change that."""
    return list(range(len(pool.records)))


def random_sample(pool: Pool, budget: int, seed: int) -> list[int]:
    """Return `budget` indices; which, depends on the seed and the records' ids alone."""
    ranks = [rank(seed, record.id) for record in pool.records]
    return _taken(pool, sorted(range(len(ranks)), key=lambda index: ranks[index]), budget)


def novelselect(pool: Pool, budget: int, seed: int) -> list[int]:
    """Return the picks of NovelSelect, each as novel as can be beside those before."""
    from locale_tune_curation import novelty

    settings, vectors = pool.settings, pool.vectors()
    reference = vectors[_first(pool, seed, settings.novelty_reference)]
    densities = novelty.density(
        vectors, reference, settings.novelty_neighbours, settings.novelty_density_power
    )
    quotas = pool.quotas(budget)
    start = next((i for i in _first(pool, seed, len(vectors)) if quotas.allows(i)), None)
    if start is None:
        return []
    quality = pool.quality() if settings.novelty_quality else None
    power = settings.novelty_distance_power
    return novelty.novelselect(vectors, densities, budget, start, power, quality, quotas)


def mig(pool: Pool, budget: int, seed: int) -> list[int]:
    """Return the picks that bring the most information to the graph of labels."""
    from locale_tune_curation.information import Phi, label_graph, propagation
    from locale_tune_curation.information import Pool as Informed
    from locale_tune_curation.information import mig as picked

    settings = pool.settings
    labels, vectors = pool.labels()
    spread = propagation(label_graph(vectors, settings.mig_threshold), settings.mig_spread)
    informed = Informed(labels, pool.quality().tolist(), spread, settings.mig_divide)
    return picked(informed, budget, Phi(power=settings.mig_power), pool.quotas(budget))[0]


def mdaq(pool: Pool, budget: int, seed: int) -> list[int]:
    """Return the best lessons, then the best of clusters that none of them comes from.

    M-DaQ (arXiv:2509.15549): six parts of the budget for quality, one for diversity. When every
    cluster is covered, a new round over the clusters begins.
    """
    import numpy as np

    from locale_tune_curation.clusters import kmeans

    quality, quotas = pool.quality(), pool.quotas(budget)
    best = np.argsort(-quality, kind="stable").tolist()
    picked = _pick(quotas, best, round(budget * pool.settings.mdaq_quality_share))
    place, _ = kmeans(pool.vectors(), pool.settings.clusters or clusters_for(len(best)), seed)
    taken = set(picked)
    covered = {int(place[index]) for index in picked}
    while len(picked) < budget:
        before = len(picked)
        for index in best:  # what is passed over stays covered or closed until the round ends
            if index in taken or int(place[index]) in covered or not quotas.allows(index):
                continue
            picked.append(index)
            taken.add(index)
            covered.add(int(place[index]))
            quotas.take(index)
            if len(picked) == budget:
                break
        if not covered and len(picked) == before:
            break
        covered.clear()
    return picked


def kcenter(pool: Pool, budget: int, seed: int) -> list[int]:
    """Return picks each as far as can be from those before (k-center greedy, Sener et al. 2018)."""
    import numpy as np

    vectors, quotas = pool.vectors(), pool.quotas(budget)
    picked: list[int] = []
    nearest = np.full(len(vectors), np.inf)
    nearest[[*_first(pool, seed, 1)]] = np.finfo(float).max  # the first pick
    nearest[np.isinf(nearest)] = 2.0
    while len(picked) < min(budget, len(vectors)):
        shut = quotas.closed()
        if shut is not None:
            nearest[shut] = -np.inf
        here = int(nearest.argmax())
        if nearest[here] == -np.inf:
            break
        picked.append(here)
        quotas.take(here)
        np.minimum(nearest, 1 - vectors @ vectors[here], out=nearest)
        nearest[here] = -np.inf
    return picked


def clusters_for(items: int) -> int:
    """Return how many clusters suit so many items: the root of half of them, at most 1,000."""
    return max(1, min(1000, round(sqrt(items / 2))))


def rank(seed: int, identity: str) -> bytes:
    """Return a sort key that is random to the eye and the same on every machine."""
    return hashlib.sha256(f"{seed}\0{identity}".encode()).digest()


def _first(pool: Pool, seed: int, count: int) -> list[int]:
    """Return `count` indices in an order that the seed decides."""
    ranks = [rank(seed, record.id) for record in pool.records]
    return sorted(range(len(ranks)), key=lambda index: ranks[index])[:count]


def _taken(pool: Pool, order: Iterable[int], budget: int) -> list[int]:
    return _pick(pool.quotas(budget), order, budget)


def _pick(quotas: Any, order: Iterable[int], budget: int) -> list[int]:
    """Take what the shares allow, in this order, up to `budget`."""
    picked: list[int] = []
    for index in order:
        if len(picked) == budget:
            break
        if quotas.allows(index):
            picked.append(index)
            quotas.take(index)
    return picked
