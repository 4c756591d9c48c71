"""Grow and train a tiny model without the rest of the stage, for the tests of its rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from extending import make_job
from safetensors.torch import load_file
from tokenizer_support import ROMANSH, sentences

from locale_tune.api import Job, read_json, read_records
from locale_tune_tokenizer.embeddings.growing import Grown, grow_and_train
from locale_tune_tokenizer.embeddings.loading import load_model
from locale_tune_tokenizer.formats.bytelevel import merges_of
from locale_tune_tokenizer.formats.model_folder import Extension, extended
from locale_tune_tokenizer.learning.bpe import learn
from locale_tune_tokenizer.learning.segments import count_segments, open_tokenizer

EMBED, HEAD = "model.embed_tokens.weight", "lm_head.weight"
HELD_OUT = sentences(ROMANSH, 40, seed=1)


@dataclass(frozen=True)
class Grew:
    """A job that was run, what it returned, and the weights before and after."""

    job: Job
    extension: Extension
    grown: Grown
    before: dict[str, torch.Tensor]
    after: dict[str, torch.Tensor]


def extension_of(job: Job, most: int = 40) -> Extension:
    """Learn `most` tokens from the job's text."""
    spec = read_json(job.inputs["model"].path / "tokenizer.json")
    texts = [record.text for record in read_records(job.inputs["corpus"].path / "text")]
    counts = count_segments(open_tokenizer(spec), texts)
    vocab = spec["model"]["vocab"]
    return extended(spec, learn(counts, merges_of(spec), vocab, max_new=most, min_count=5))


def grow_tiny(
    root: Path, settings: dict[str, Any] | None = None, job: Job | None = None, **more: Any
) -> Grew:
    """Grow the tiny model in `root`; `more` goes to the model, but for `exact` and `pieces`."""
    torch.set_num_threads(1)
    given = {name: more.pop(name) for name in ("exact", "pieces") if name in more}
    job = job or make_job(root, settings, **more)
    folder = job.inputs["model"].path
    extension = extension_of(job)
    model, stored = load_model(folder, job.machine)
    old = open_tokenizer(read_json(folder / "tokenizer.json"))
    new = open_tokenizer(extension.spec)
    grown = grow_and_train(job, model, stored, old, new, extension, HELD_OUT, **given)
    before, after = (load_file(path / "model.safetensors") for path in (folder, job.out))
    return Grew(job, extension, grown, before, after)
