"""A model, a corpus and a job for the tests of `extend`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tiny import ENGLISH, save_tiny
from tokenizer_support import ARABIC, ROMANSH, sentences

from locale_tune.api import Artifact, Job, Machine, Parts, Record, write_records
from locale_tune_tokenizer.settings import ExtendSettings

SMALL = {
    "min_bytes": 1_000,
    "min_frequency": 20,
    "size": "frequency",
    "max_new_tokens": 60,
    "row_length": 16,
    "row_batch": 4,
    "row_tokens_cap": 640,
}


def put(corpus: Path, split: str, texts: Iterable[str], lang: str = "rm") -> None:
    write_records(
        corpus / split,
        (Record(id=f"{lang}-{n}", source="s", lang=lang, text=t) for n, t in enumerate(texts)),
    )


def make_corpus(corpus: Path, count: int = 300) -> Path:
    """Write native text in two scripts, held-out text, replay and English control."""
    put(corpus, "text", sentences(ROMANSH, count) + sentences(ARABIC, count))
    put(corpus, "heldout", sentences(ROMANSH, 20, seed=1) + sentences(ARABIC, 20, seed=1))
    put(corpus, "replay", [ENGLISH, "They sing in the valley.", "The winter is old."], "en")
    put(corpus, "control", ["The people speak.", "Every winter they sing."], "en")
    return corpus


def make_job(
    root: Path, settings: dict[str, Any] | None = None, seed: int = 0, **model: Any
) -> Job:
    """Return a job on a tiny model and corpus; what exists under `root` already is used."""
    base, corpus = root / "base", root / "corpus"
    if not base.exists():
        save_tiny(base, **model)
    if not corpus.exists():
        make_corpus(corpus)
    out, work = (root / f"{name}-{len(list(root.glob('out-*')))}" for name in ("out", "work"))
    out.mkdir()
    work.mkdir()
    return Job(
        pack=None,
        parts=Parts(),
        settings=ExtendSettings(**{**SMALL, **(settings or {})}),
        inputs={
            "model": Artifact("model", base, "m"),
            "corpus": Artifact("corpus", corpus, "c"),
        },
        seed=seed,
        fingerprint="f",
        out=out,
        work=work,
        machine=Machine(device="cpu", threads=1),
        progress=lambda done, total, note="": None,
    )
