"""Log-probabilities of pairs under the model that stands still: computed once, kept on disk.

They are computed before training and in its dtype, so that the first loss is that of a margin of 0,
and then that model leaves memory: none stands beside the one that trains. With adapters it is the
same model, whose weights they do not touch. What is kept in the step's work folder is verified, and
belongs to one model, one set of pairs and one dtype; a run that was killed goes on with the next
part.
"""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from locale_tune.api import Job, commit_folder, discard, sha256_file, verified
from locale_tune_training.model import cast, load_model, resolve_dtype
from locale_tune_training.pairs import PairModule, Pairs, packed_pairs, pair_row
from locale_tune_training.preferences import Loss
from locale_tune_training.recipe import model_digests

PART_ROWS = 32
FILE = "logps.npy"
Open = Callable[[], PairModule]


def reference_of(
    job: Job, sets: Mapping[str, Pairs], wanted: Mapping[str, Sequence[int]]
) -> dict[str, np.ndarray]:
    """Return for each named set of pairs the log-probabilities under the job's model, [2 pairs].

    Only those of the `wanted` pairs are computed; the others are NaN, which no training survives.
    """
    opened: list[PairModule] = []

    def module() -> PairModule:
        if not opened:
            opened.append(PairModule(load_model(job.inputs["model"].path, job.machine), Loss()))
            cast(opened[0], resolve_dtype(job.settings.dtype, job.machine))
        return opened[0]

    found = {name: _kept(job, name, pairs, wanted[name], module) for name, pairs in sets.items()}
    if opened:
        opened[0].finish()
        opened.clear()
        gc.collect()
        if job.machine.device == "cuda":
            torch.cuda.empty_cache()
    return found


def measured(module: PairModule, pairs: Pairs, rows: Sequence[Sequence[int]]) -> np.ndarray:
    """Return the log-probabilities of the pairs of some rows, in their order; dropout is off."""
    training = module.training
    module.eval()
    nothing = np.zeros(2 * len(pairs))
    found = [module.logps(pair_row(pairs, row, nothing)).cpu().numpy() for row in rows]
    module.train(training)
    return np.concatenate([np.empty(0), *found])


def _kept(job: Job, name: str, pairs: Pairs, wanted: Sequence[int], module: Open) -> np.ndarray:
    rows = list(packed_pairs(pairs, job.settings.sequence, wanted))
    key = {**_key(job, name), "wanted": digest_of(wanted)}
    found = np.full(2 * len(pairs), np.nan)
    for start in range(0, len(rows), PART_ROWS):
        folder = job.work / f"reference-{name}-{start:07d}"
        job.progress(start, len(rows), "log-probabilities before training")
        manifest = verified(folder)
        if manifest is None or manifest.get("key") != key:
            discard(folder)
            commit_folder(folder, _filler(pairs, rows[start : start + PART_ROWS], key, module))
        places = [
            2 * pair + side
            for row in rows[start : start + PART_ROWS]
            for pair in row
            for side in (0, 1)
        ]
        found[places] = np.load(folder / FILE)
    return found


def _filler(
    pairs: Pairs, rows: Sequence[Sequence[int]], key: dict[str, Any], module: Open
) -> Callable[[Path], dict[str, Any]]:
    def fill(folder: Path) -> dict[str, Any]:
        np.save(folder / FILE, measured(module(), pairs, rows))
        return {"key": key}

    return fill


def digest_of(wanted: Sequence[int]) -> str:
    """Return a digest of which pairs are wanted."""
    return hashlib.sha256(repr(list(wanted)).encode()).hexdigest()


def _key(job: Job, name: str) -> dict[str, Any]:
    """Return what the numbers depend on."""
    data = job.work / name
    return {
        "model": model_digests(job.inputs["model"].path),
        "pairs": [sha256_file(data / f"{file}.bin") for file in ("ids", "weights")],
        "dtype": str(resolve_dtype(job.settings.dtype, job.machine)),
        "sequence": job.settings.sequence,
        "part": PART_ROWS,
        "threads": job.machine.threads,
    }
