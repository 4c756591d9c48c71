"""Read small files with the plugin's source kinds, and run `collect` on small packs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from corpus_support import ROMANSH, Corpus, Read, parts, source

import locale_tune_corpus
from locale_tune.api import Job, LanguagePack, Locale, Machine, Source
from locale_tune_corpus.settings import CollectSettings


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Write a file and read it with a source kind: `read("jsonl", lines, text="t")`."""

    def run(kind: str, content: str | bytes, role: str = "text", **options: Any) -> list[Any]:
        path = tmp_path / f"toy.{kind}"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        made = source("toy", kind, role, uri=f"data/{path.name}", options=options)
        return list(parts().source_kinds[kind].read(made, path, ROMANSH))

    return run


@pytest.fixture
def collect(tmp_path: Path) -> Callable[..., Corpus]:
    """Run `collect`: `collect({source: text}, filters=("length",), heldout_max=3)`."""

    def run(
        texts: dict[Source, str | None],
        filters: tuple[str, ...] = (),
        locale: Locale = ROMANSH,
        seed: int = 0,
        out: str = "out",
        **settings: Any,
    ) -> Corpus:
        stage = next(locale_tune_corpus.locale_tune_stages())
        files = {}
        for made, text in texts.items():
            if text is not None:
                files[made.id] = tmp_path / made.id
                files[made.id].write_text(text, encoding="utf-8")
        for name in (out, f"work-{out}"):
            (tmp_path / name).mkdir()
        job = Job(
            pack=LanguagePack(
                locale=locale,
                base_model="",
                stages=(),
                sources=tuple(texts),
                filters=filters,
                root=tmp_path,
            ),
            parts=parts(),
            settings=CollectSettings(**settings),
            inputs={},
            seed=seed,
            fingerprint="",
            out=tmp_path / out,
            work=tmp_path / f"work-{out}",
            machine=Machine(),
            progress=lambda done, total, note="": None,
            files=files,
        )
        facts = stage.run(job)
        assert facts is not None
        return Corpus(tmp_path / out, dict(facts))

    return run
