"""Small sources, the plugin's parts, and a finished corpus, for the tests in tests/corpus."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import locale_tune_corpus
from locale_tune.api import (
    Bad,
    Locale,
    Parts,
    Record,
    Source,
    read_json,
    read_records,
)

ROMANSH = Locale(
    id="rm", tag="rm", script="Latn", name="Romansh", endonym="Rumantsch", direction="ltr"
)
GULF = Locale(
    id="ar-gulf", tag="afb", script="Arab", name="Gulf Arabic", endonym="خليجي", direction="rtl"
)
Read = Callable[..., list[Record | Bad]]


class Toy(Source):
    """A source that can be the key of a dictionary of texts."""

    def __hash__(self) -> int:
        return hash(self.id)


def source(identity: str = "toy", kind: str = "text", role: str = "text", **more: Any) -> Toy:
    uri = more.pop("uri", f"data/{identity}.txt")
    return Toy(id=identity, kind=kind, uri=uri, licence="CC0-1.0", role=role, **more)


def parts() -> Parts:
    return Parts(
        source_kinds={kind.name: kind for kind in locale_tune_corpus.locale_tune_sources()},
        filters={part.name: part for part in locale_tune_corpus.locale_tune_filters()},
    )


class Corpus:
    """A finished corpus and the facts `collect` returned."""

    def __init__(self, path: Path, facts: dict[str, Any]) -> None:
        self.path, self.facts = path, facts

    def split(self, name: str) -> list[Record]:
        return list(read_records(self.path / name))

    def sources(self) -> dict[str, dict[str, Any]]:
        return {row["id"]: row for row in read_json(self.path / "sources.json")}
