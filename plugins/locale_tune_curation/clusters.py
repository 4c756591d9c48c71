"""k-means, for labels where nobody gave any."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ROUNDS, SEEDED_FROM, BLOCK = 25, 20_000, 4096
Vectors = NDArray[np.float32]


def kmeans(vectors: Vectors, count: int, seed: int) -> tuple[NDArray[np.intp], Vectors]:
    """Return the cluster of each vector, [vectors], and the centres, [clusters, dimensions].

    Lloyd's rounds from the seeds of k-means++ (Arthur and Vassilvitskii 2007), which are drawn
    from at most 20,000 vectors. A cluster that runs empty keeps its centre.
    """
    count = min(count, len(vectors))
    centres = _seeds(vectors, count, np.random.default_rng(seed))
    place = np.full(len(vectors), -1)
    for _ in range(ROUNDS):
        fresh = nearest(vectors, centres)
        if (fresh == place).all():
            break
        place = fresh
        sums = np.zeros_like(centres, np.float64)
        np.add.at(sums, place, vectors)
        sizes = np.bincount(place, minlength=count)
        full = sizes > 0
        centres[full] = sums[full] / sizes[full, None]
    return place, centres


def nearest(vectors: Vectors, centres: Vectors) -> NDArray[np.intp]:
    """Return which centre each vector is nearest to, the first of several."""
    squares = (centres.astype(np.float32) ** 2).sum(axis=1)
    found = [
        (squares - 2 * vectors[start : start + BLOCK] @ centres.T).argmin(axis=1)
        for start in range(0, len(vectors), BLOCK)
    ]
    return np.concatenate([np.empty(0, np.intp), *found])


def _seeds(vectors: Vectors, count: int, pick: np.random.Generator) -> Vectors:
    some = vectors
    if len(vectors) > SEEDED_FROM:
        some = vectors[np.sort(pick.choice(len(vectors), SEEDED_FROM, replace=False))]
    chosen = [int(pick.integers(len(some)))]
    far = ((some - some[chosen[0]]) ** 2).sum(axis=1, dtype=np.float64)
    while len(chosen) < count:
        total = far.sum()
        where = int(np.searchsorted(far.cumsum(), pick.random() * total)) if total > 0 else 0
        chosen.append(min(where, len(some) - 1))
        far = np.minimum(far, ((some - some[chosen[-1]]) ** 2).sum(axis=1, dtype=np.float64))
    return some[chosen].astype(np.float32)
