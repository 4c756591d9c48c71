"""Facts of CLDR (Unicode Common Locale Data Repository), as the library Babel carries them.

Every fact has a key that is the same in all languages, so that a question in Romansh and its
English control ask the same thing, and a fact that is asked is taught in no language.
"""

from __future__ import annotations

import datetime
import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Literal

from babel import Locale as Cldr
from babel.core import get_global
from babel.dates import format_date, format_timedelta
from babel.languages import get_official_languages
from babel.numbers import get_territory_currencies
from babel.units import format_unit, get_unit_name

# Regions of CLDR that are no country or island of their own, and its test locales.
NOT_PLACES = {"AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "ZZ"}
UNITS = (
    "minute",
    "hour",
    "day",
    "week",
    "month",
    "year",
    "meter",
    "kilometer",
    "kilogram",
    "liter",
)
NUMBERS = (1, 2, 3, 6, 11, 100)  # one of each plural category of CLDR's languages, Arabic's too
LENGTHS: dict[Literal["hour", "day", "month", "year"], float] = {
    "hour": 1 / 24,
    "day": 1,
    "month": 30.5,
    "year": 365.25,
}
ASKED_OF = 3  # one fact in three is asked, the others are taught


@dataclass(frozen=True)
class Fact:
    """One fact: `slots` fill a template's braces, `answer` is the slot that is asked for."""

    key: str
    slots: dict[str, str]
    answer: str


def asked(key: str) -> bool:
    """Return whether a fact is for questions (True) or for lessons; a third is asked."""
    return hashlib.sha256(key.encode()).digest()[0] % ASKED_OF == 0


def facts(kind: str, locale: str) -> list[Fact]:
    """Return the facts of one kind in one language, sorted by key. `kind` is a key of KINDS."""
    return sorted(KINDS[kind](Cldr.parse(locale.replace("-", "_"))), key=lambda fact: fact.key)


def distractors(fact: Fact, pool: list[Fact], count: int) -> list[str]:
    """Return wrong answers from other facts of the kind, chosen by key: alike in all languages."""
    right = fact.slots[fact.answer]
    ranked = sorted(pool, key=lambda other: _rank(fact.key, other.key))
    wrong: dict[str, None] = {}
    for other in ranked:
        if (name := other.slots[other.answer]) != right:
            wrong.setdefault(name)
    return list(wrong)[:count]


def position(fact: Fact, count: int) -> int:
    """Return where among `count` choices the right answer stands."""
    return hashlib.sha256(f"{fact.key}#place".encode()).digest()[0] % count


def _rank(key: str, other: str) -> bytes:
    return hashlib.sha256(f"{key}#{other}".encode()).digest()


def _places(cldr: Cldr) -> Iterator[tuple[str, str]]:
    for code, name in cldr.territories.items():
        if len(code) == 2 and code.isalpha() and code not in NOT_PLACES:
            yield code, name


def _territories(cldr: Cldr) -> Iterator[Fact]:
    english = Cldr.parse("en").territories
    for code, name in _places(cldr):
        slots = {"name": name, "english": english[code], "code": code}
        yield Fact(f"territory:{code}", slots, "name")


def _languages(cldr: Cldr) -> Iterator[Fact]:
    """Yield the languages that are official somewhere; the rest of CLDR's are little known."""
    english = Cldr.parse("en").languages
    known = get_global("territory_languages")
    official = {
        code
        for place in known
        for code in get_official_languages(place, regional=True, de_facto=True)
    }
    for code in official & set(cldr.languages) & set(english):
        slots = {"name": cldr.languages[code], "english": english[code]}
        yield Fact(f"language:{code}", slots, "name")


def _currencies(cldr: Cldr) -> Iterator[Fact]:
    """Yield places with one currency whose name does not give the place away."""
    for code, name in _places(cldr):
        tender = get_territory_currencies(code)
        currency = cldr.currencies.get(tender[0]) if len(tender) == 1 else None
        if currency and not _alike(name, currency):
            slots = {"territory": name, "currency": currency}
            yield Fact(f"currency:{code}", slots, "currency")


def _official(cldr: Cldr) -> Iterator[Fact]:
    """Yield places with one official language whose name does not give the place away."""
    for code, name in _places(cldr):
        spoken = get_official_languages(code)
        language = cldr.languages.get(spoken[0]) if len(spoken) == 1 else None
        if language and not _alike(name, language):
            slots = {"territory": name, "language": language}
            yield Fact(f"official:{code}", slots, "language")


def _months(cldr: Cldr) -> Iterator[Fact]:
    names = cldr.months["stand-alone"]["wide"]
    for number in range(1, 13):
        slots = {"month": names[number], "next": names[number % 12 + 1], "number": str(number)}
        yield Fact(f"month:{number:02d}", slots, "next")


def _weekdays(cldr: Cldr) -> Iterator[Fact]:
    names = cldr.days["stand-alone"]["wide"]
    for number in range(7):
        yield Fact(
            f"weekday:{number}", {"day": names[number], "next": names[(number + 1) % 7]}, "next"
        )


def _money(cldr: Cldr) -> Iterator[Fact]:
    """Yield the currencies that are legal tender somewhere today."""
    english = Cldr.parse("en").currencies
    tender = {
        code
        for place in get_global("territory_currencies")
        for code in get_territory_currencies(place)
    }
    for code in tender & set(cldr.currencies) & set(english):
        slots = {"name": cldr.currencies[code], "english": english[code], "code": code}
        if slots["name"] != code:
            yield Fact(f"money:{code}", slots, "name")


def _dates(cldr: Cldr) -> Iterator[Fact]:
    """Yield three days of every month of a year, written out and with the day of the week."""
    for month, day in product(range(1, 13), (1, 11, 23)):
        date = datetime.date(2024, month, day)
        slots = {
            "iso": date.isoformat(),
            "english": format_date(date, "long", locale="en"),
            "date": format_date(date, "long", locale=cldr),
            "full": format_date(date, "full", locale=cldr),
        }
        yield Fact(f"date:{date.isoformat()}", slots, "date")


def _counts(cldr: Cldr) -> Iterator[Fact]:
    """Yield numbers of things in the plural form that goes with each number.

    Babel answers with the number and the unit's name where it has no forms; such a unit is no fact.
    """
    for unit in UNITS:
        name = get_unit_name(unit, "long", locale=cldr) or unit
        counted = {number: format_unit(number, unit, "long", locale=cldr) for number in NUMBERS}
        if all(text == f"{number} {name}" for number, text in counted.items()):
            continue
        for number, text in counted.items():
            english = format_unit(number, unit, "long", locale="en")
            slots = {"number": str(number), "english": english, "name": " ".join(text.split())}
            yield Fact(f"count:{unit}:{number:03d}", slots, "name")


def _times(cldr: Cldr) -> Iterator[Fact]:
    """Yield times before and after now; a language without words for them gives `-3 d` instead."""
    for (unit, days), number in product(LENGTHS.items(), (1, 3, 11, -1, -3, -11)):
        span = datetime.timedelta(days=days * number)
        said, english = (
            format_timedelta(span, unit, threshold=99, add_direction=True, locale=locale)
            for locale in (cldr, Cldr.parse("en"))
        )
        if not re.match(r"[-+]\d", said):
            slots = {"name": said, "english": english}
            yield Fact(f"time:{unit}:{number:+03d}", slots, "name")


def _alike(place: str, name: str) -> bool:
    """Whether a word of one begins like a word of the other: `Svizra` and `franc svizzer`."""
    heads = [{word[:4] for word in text.lower().split() if len(word) > 3} for text in (place, name)]
    return bool(heads[0] & heads[1])


KINDS: dict[str, Callable[[Cldr], Iterator[Fact]]] = {
    "territory": _territories,
    "language": _languages,
    "currency": _currencies,
    "official": _official,
    "month": _months,
    "weekday": _weekdays,
    "money": _money,
    "date": _dates,
    "count": _counts,
    "time": _times,
}
