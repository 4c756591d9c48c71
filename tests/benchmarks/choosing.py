"""NovelSelect and MIG on many lessons, against plain greedy loops that compute every score.

    python tests/benchmarks/choosing.py [--items 100000] [--budget 5000] [--json]

The vectors are made: 200 centres with noise around them, as embeddings of lessons on 200 topics
would lie; labels are drawn from 2,000 with a long tail, 1 to 4 to an item, near ones linked. A
plain NovelSelect of 5,000 from 100,000 would take hours (500 times as much as what is measured),
so its ratio is measured at 500 from 20,000. Both ways must pick the same. The plain loops are
vectorised, and keep distances once computed. Peak memory is that of the process, with the vectors.
"""

from __future__ import annotations

import argparse
import json
import resource
import time

import numpy as np

from locale_tune_curation.information import Phi, Pool, label_graph, mig, propagation
from locale_tune_curation.novelty import density, novelselect

DIMENSIONS, CENTRES, LABELS = 384, 200, 2000
SMALL = {"novelselect": (20_000, 500), "mig": (100_000, 5000)}


def vectors_of(items: int) -> np.ndarray:
    """Return unit vectors around common centres, float32 [items, DIMENSIONS]."""
    pick = np.random.default_rng(0)
    centres = pick.standard_normal((CENTRES, DIMENSIONS)).astype(np.float32)
    made = centres[pick.integers(0, CENTRES, items)]
    made += 0.7 * pick.standard_normal((items, DIMENSIONS), dtype=np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def pool_of(items: int) -> Pool:
    """Return items with labels and scores."""
    pick = np.random.default_rng(1)
    centres = pick.standard_normal((LABELS // 5, 16))
    near = np.repeat(centres, 5, axis=0) + 0.3 * pick.standard_normal((LABELS, 16))
    counts = pick.integers(1, 5, items)
    tail = (LABELS * pick.random(counts.sum()) ** 3).astype(int)
    labels = [sorted(set(part.tolist())) for part in np.split(tail, counts.cumsum()[:-1])]
    return Pool(labels, pick.uniform(5, 30, items), propagation(label_graph(near)))


def plain_novelselect(vectors: np.ndarray, densities: np.ndarray, budget: int) -> list[int]:
    """Pick by sorting every candidate's distances at every step."""
    unit = vectors.astype(np.float64)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    picked, rows = [0], np.empty((len(unit), budget))
    while len(picked) < budget:
        last, size = picked[-1], len(picked)
        far = np.maximum(1 - unit @ unit[last], 0)
        rows[:, size - 1] = (densities + densities[last]) * far
        scores = np.sort(rows[:, :size], axis=1) @ (1 / np.arange(1, size + 1))
        scores[picked] = -np.inf
        picked.append(int(scores.argmax()))
    return picked


def plain_mig(pool: Pool, budget: int) -> list[int]:
    """Pick by computing every gain at every step, on sparse rows laid end to end."""
    phi, known = Phi(), np.zeros(pool.labels)
    columns, values = np.concatenate(pool.columns), np.concatenate(pool.values)
    starts = np.cumsum([0, *map(len, pool.columns)])[:-1]
    picked: list[int] = []
    while len(picked) < budget:
        gains = np.add.reduceat(values * phi.slope(known)[columns], starts)
        gains[picked] = -np.inf
        picked.append(int(gains.argmax()))
        known[pool.columns[picked[-1]]] += pool.values[picked[-1]]
    return picked


def timed(function, *given):
    """Return (seconds, result)."""
    began = time.perf_counter()
    result = function(*given)
    return time.perf_counter() - began, result


def row(name: str, chosen: argparse.Namespace) -> dict[str, object]:
    """Return one row: the large run, and both ways at the smaller size."""
    items, budget = SMALL[name]
    if name == "novelselect":
        vectors = vectors_of(items)
        densities = density(vectors, vectors[:2000])
        ours, mine = timed(novelselect, vectors, densities, budget, 0)
        theirs, plain = timed(plain_novelselect, vectors, densities, budget)
        large = vectors_of(chosen.items)
        first, densities = timed(density, large, large[:10_000])
        seconds, picked = timed(novelselect, large, densities, chosen.budget, 0)
    else:
        small = pool_of(items)
        ours, (mine, _) = timed(mig, small, budget)
        theirs, plain = timed(plain_mig, small, budget)
        first, pool = timed(pool_of, chosen.items)
        seconds, (picked, _) = timed(mig, pool, chosen.budget)
    return {
        "selector": name,
        "items": chosen.items,
        "picks": len(picked),
        "prepare_s": round(first, 1),
        "select_s": round(seconds, 1),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "ratio_at": f"{items:,} items, {budget} picks",
        "ratio": round(theirs / ours, 1),
        "same_picks": mine == plain,
    }


def main() -> None:
    """Print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--budget", type=int, default=5000)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    rows = [row(name, chosen) for name in ("mig", "novelselect")]
    if chosen.json:
        print(json.dumps(rows))
        return
    for made in rows:
        print("  ".join(f"{name} {value}" for name, value in made.items()))


if __name__ == "__main__":
    main()
