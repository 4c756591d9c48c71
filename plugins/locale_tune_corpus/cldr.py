"""`cldr`: facts of CLDR poured into templates that a pack's author wrote, as a TOML file.

The file is the source: `[[lessons]]`, `[[questions]]` and `[[text]]` tables, each with the kind
of `fact`, phrasings to `ask` and sentences to `say` in the language; docs/pack-format.md has one.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterator
from pathlib import Path

from babel import UnknownLocaleError
from pydantic import ValidationError

from locale_tune.api import (
    Bad,
    Locale,
    Message,
    PackError,
    Record,
    Settings,
    Source,
    did_you_mean,
)
from locale_tune_corpus.facts import KINDS, Fact, asked, distractors, facts, position
from locale_tune_corpus.fields import options_of
from locale_tune_corpus.lines import label

CHOICES = 4


class CldrOptions(Settings):
    """The Babel locale to take names from, such as "rm" or "ar_AE"."""

    locale: str


class Template(Settings):
    """One kind of fact in words: `ask` and `say` are phrasings with `{slots}`."""

    fact: str
    ask: tuple[str, ...] = ()
    say: tuple[str, ...] = ()


class Templates(Settings):
    """A whole template file."""

    lessons: tuple[Template, ...] = ()
    questions: tuple[Template, ...] = ()
    text: tuple[Template, ...] = ()


def read_cldr(source: Source, path: Path, locale: Locale) -> Iterator[Record | Bad]:
    """Yield lessons, questions or sentences, as the source's role says; all deterministic.

    Questions have three wrong choices of the same kind. A fact asked is never taught.
    """
    cldr = options_of(CldrOptions, source).locale
    templates: tuple[Template, ...] = getattr(_templates(path), source.role, ())
    if not templates:
        raise PackError(
            f"{label(source)} has no [[{source.role}]], which is the role of '{source.id}'",
            "write templates for that role, or give the source another role",
        )
    make = {"lessons": _lessons, "questions": _questions, "text": _sentences}[source.role]
    for template in templates:
        pool = _facts(template, cldr, source)
        try:
            yield from make(source, template, pool)
        except KeyError as slot:
            raise PackError(
                f"{label(source)}: no slot {{{slot.args[0]}}} for the fact '{template.fact}'",
                f"its slots are {', '.join(pool[0].slots)}",
            ) from None


def _templates(path: Path) -> Templates:
    try:
        return Templates.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (ValidationError, ValueError, OSError) as error:
        raise PackError(
            f"{path.name} holds no templates: {error}",
            'write [[lessons]], fact = "territory", ask = ["..."], say = ["..."]',
        ) from None


def _facts(template: Template, cldr: str, source: Source) -> list[Fact]:
    if template.fact not in KINDS:
        remedy = did_you_mean(template.fact, KINDS) or f"there are {', '.join(KINDS)}"
        raise PackError(f"{label(source)}: no facts are called '{template.fact}'", remedy)
    try:
        found = facts(template.fact, cldr)
    except (UnknownLocaleError, ValueError):
        raise PackError(
            f"Babel has no locale '{cldr}' (source '{source.id}')",
            "take one of pybabel --list-locales",
        ) from None
    if not found:
        raise PackError(
            f"{label(source)}: CLDR has no '{template.fact}' in '{cldr}'", "take this template out"
        )
    return found


def _lessons(source: Source, template: Template, pool: list[Fact]) -> Iterator[Record]:
    """Yield each taught fact in every phrasing of the question; answers take turns."""
    for fact in pool:
        if asked(fact.key):
            continue
        for number, ask in enumerate(template.ask):
            say = template.say[number % len(template.say)]
            messages = (
                Message(role="user", content=ask.format_map(fact.slots)),
                Message(role="assistant", content=say.format_map(fact.slots)),
            )
            yield _record(source, fact, number, messages=messages)


def _questions(source: Source, template: Template, pool: list[Fact]) -> Iterator[Record]:
    for fact in pool:
        if not asked(fact.key):
            continue
        choices = distractors(fact, pool, CHOICES - 1)
        place = position(fact, len(choices) + 1)
        choices.insert(place, fact.slots[fact.answer])
        ask = _pick(template.ask, fact.key).format_map(fact.slots)
        yield _record(source, fact, 0, question=ask, choices=tuple(choices), answer=place)


def _sentences(source: Source, template: Template, pool: list[Fact]) -> Iterator[Record]:
    for fact in pool:
        if not asked(fact.key):
            yield _record(
                source, fact, 0, text=_pick(template.say, fact.key).format_map(fact.slots)
            )


def _pick(phrasings: tuple[str, ...], key: str) -> str:
    return phrasings[hashlib.sha256(key.encode()).digest()[1] % len(phrasings)]


def _record(source: Source, fact: Fact, number: int, **content: object) -> Record:
    name = fact.key.replace(":", "-")
    return Record.model_validate(
        {
            "id": f"{source.id}:{name}.{number}",
            "source": source.id,
            "lang": source.lang,
            "variety": source.variety,
            "meta": {"where": f"{label(source)}:{name}", "group": f"cldr-{name}"},
            **content,
        }
    )
