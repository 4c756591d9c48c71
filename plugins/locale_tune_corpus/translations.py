"""`po` and `mo`: translated messages of programs, as pairs or as text.

A record's `text` is the translation, in the source's language; `translation` is the message that
was translated. Fuzzy, obsolete and missing translations, messages that are the same on both sides
or mostly placeholders, and the place for translators' names are no records.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from gettext import c2py
from pathlib import Path
from typing import Literal

from pydantic import Field

from locale_tune.api import Bad, Locale, PackError, Record, Settings, Source
from locale_tune_corpus.catalogs import Entry
from locale_tune_corpus.catalogs import read_mo as mo_entries
from locale_tune_corpus.catalogs import read_po as po_entries
from locale_tune_corpus.fields import options_of
from locale_tune_corpus.lines import label
from locale_tune_corpus.messages import (
    PLACEHOLDER,
    names_translators,
    same_placeholders,
    tidied,
    usable,
)

PAIRS = ("parallel", "lexicon")
CHATS = ("lessons", "preferences", "questions")


class CatalogOptions(Settings):
    """What language the messages are in, and what of them is kept."""

    translation_lang: str = Field(default="en", description="tag of the messages' language")
    header_lang: str = Field(default="", description="what the header calls the language")
    accelerators: str = Field(default="_&", description="marks of access keys to take out")
    placeholders: Literal["keep", "leave-out"] = "keep"


class Header:
    """What a catalog says of itself: its language, and which plural form is for one thing."""

    def __init__(self, text: str = "") -> None:
        lines = [line.partition(":") for line in text.splitlines()]
        fields = {name.strip().lower(): value.strip() for name, _, value in lines}
        self.language = fields.get("language", "")
        self.singular = _singular(fields.get("plural-forms", ""))


def read_po(source: Source, path: Path, locale: Locale) -> Iterator[Record | Bad]:
    """Yield what the `.po` text file translates; a damaged entry is Bad with its line."""
    return _records(source, locale, po_entries(path))


def read_mo(source: Source, path: Path, locale: Locale) -> Iterator[Record | Bad]:
    """Yield what the compiled `.mo` file translates; its messages are numbered from 1."""
    return _records(source, locale, mo_entries(path))


def _records(source: Source, locale: Locale, entries: Iterable[Entry]) -> Iterator[Record | Bad]:
    options = options_of(CatalogOptions, source)
    if source.role in CHATS:
        raise PackError(
            f"source '{source.id}': messages of programs make no {source.role}",
            'give it the role "parallel" or "lexicon" for pairs, or "text"',
        )
    header = Header()
    for entry in entries:
        where = f"{label(source)}:{entry.number}"
        if entry.problem:
            yield Bad(where, entry.problem)
        elif not entry.id and not entry.context:
            header = Header(entry.forms[0])
            if problem := _other_language(header, options, source, locale):
                yield Bad(where, problem)
        elif not entry.fuzzy and not names_translators(entry.id):
            for form, (message, text) in enumerate(_pairs(entry, header)):
                if pair := _kept(message, text, options, bool(entry.plural)):
                    yield _record(source, options, entry, form, pair)


def _pairs(entry: Entry, header: Header) -> Iterator[tuple[str, str]]:
    """Yield (message, translation) of every form. The form for 1 translates the singular."""
    for form, text in enumerate(entry.forms):
        one = not entry.plural or (len(entry.forms) > 1 and form == header.singular)
        yield entry.id if one else entry.plural, text


def _kept(message: str, text: str, options: CatalogOptions, plural: bool) -> tuple[str, str] | None:
    """Return the tidied pair, or None for one that is not to be learned from.

    A form for one or two things may leave its number out; any other translation that has not the
    same placeholders is a mistake of its translator.
    """
    message, text = tidied(message, text, options.accelerators)
    holes = PLACEHOLDER.search(message) or PLACEHOLDER.search(text)
    if message == text or not (usable(message) and usable(text)):
        return None
    if holes and options.placeholders == "leave-out":
        return None
    return (message, text) if plural or same_placeholders(message, text) else None


def _record(
    source: Source, options: CatalogOptions, entry: Entry, form: int, pair: tuple[str, str]
) -> Record:
    message, text = pair
    # One group per message in all languages: its translations stay on one side.
    group = hashlib.sha256(entry.id.encode()).hexdigest()[:16]
    meta = {"where": f"{label(source)}:{entry.number}", "group": f"message-{group}"}
    if entry.context:
        meta["context"] = entry.context
    pairs = source.role in PAIRS
    return Record(
        id=f"{source.id}:{entry.number}" + (f".{form}" if entry.plural else ""),
        source=source.id,
        lang=source.lang,
        variety=source.variety,
        text=text,
        translation=message if pairs else "",
        meta={**meta, "translation_lang": options.translation_lang} if pairs else meta,
    )


def _other_language(header: Header, options: CatalogOptions, source: Source, locale: Locale) -> str:
    """Say that the header names another language than the pack does, or return ""."""
    own = [options.header_lang or source.lang]
    if not any(own):
        own = [locale.tag, locale.variety_of]
    if not header.language or _primary(header.language) in map(_primary, own):
        return ""
    expected = next(name for name in own if name)
    return (
        f"the header says that the language is '{header.language}', the pack says '{expected}'; "
        f'if both mean the same, write header_lang = "{header.language}"'
    )


def _primary(tag: str) -> str:
    return tag.replace("_", "-").partition("@")[0].partition("-")[0].lower()


def _singular(rule: str) -> int:
    """Return which form `Plural-Forms` gives for 1; 0 where it cannot be read."""
    expression = rule.partition("plural=")[2].partition(";")[0]
    try:
        form: Callable[[int], int] = c2py(expression)
        return form(1)
    except (ValueError, RecursionError, ArithmeticError):
        return 0
