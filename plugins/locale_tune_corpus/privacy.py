"""Take personal data out of text: mail and network addresses, accounts, identity and phone numbers.

What is written instead is of the same kind and shape, so that a sentence stays a sentence: an
address at example.org (RFC 2606), an address of the documentation networks (RFC 5737, RFC 3849), a
number nobody has (`phones.py`), an account or identity number of zeros that fails its own check.
Placeholders such as <PHONE> were not taken: a model would learn to write them.

The stand-in is chosen by a keyed hash of the value, so that one number becomes the same stand-in in
every text, however it is written there, in any order and in any shard; there is no counter. A phone
number has so few digits that whoever knows the key can try all of them. So no kind has more than
1,000 stand-ins: ten thousand mobile numbers or more fall on each, and a stand-in tells ten bits at
most of what it hides. A secret key tells none, and makes stand-ins that differ from other builds;
it is named by `env:VARIABLE`, since settings are published with the model.

Names, user names, postal addresses and what a text says about a person are not found. A pair of
choices that differ only in such data can become equal.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError

from locale_tune.api import Locale, Message, PackError, Record
from locale_tune_corpus.folded_digits import folded, in_digits_of, poured
from locale_tune_corpus.personal_data import Search
from locale_tune_corpus.phones import default_regions
from locale_tune_corpus.settings import PrivacyOptions

STAND_INS, MOST_PASSES = 1000, 8
FROM_ENVIRONMENT = "env:"
# Five digits, however far apart signs and marks may put them: less is no number we look for.
DIGITS = re.compile(r"\d(?:[^\w\n,;:!?%\"'،؛]{0,6}\d){4}")
WRITTEN_AT = re.compile(r"[\[(]\W?[aA]\W?[tT]\W?[\])]")
COLONS = re.compile(r"[\dA-Fa-f][^\w:]?:\w?[^\s:]{0,6}:")


class Scrubber:
    """Replaces personal data; the same for every text, whatever it has seen before."""

    def __init__(self, locale: Locale, settings: Mapping[str, Any]) -> None:
        options = _options(settings)
        self._key = _secret(options.key).encode()
        self._regions = options.phone_regions
        self._own = default_regions(locale.id, locale.tag, locale.variety_of)
        self._patterns = {kind: _compiled(kind, p) for kind, p in options.patterns.items()}
        self._searches: dict[str, Search] = {}

    def scrub(self, text: str, lang: str = "") -> tuple[str, Counter[str]]:
        """Return the text without personal data, and how many of each kind it had.

        `lang` is the tag of the text's language: numbers of its countries count as well.
        """
        found: Counter[str] = Counter()
        if not self._suspicious(text):
            return text, found
        search = self._search(lang)
        lines = text.split("\n")
        for number, line in enumerate(lines):
            if self._suspicious(line):
                lines[number] = _settled(line, search, found)
        return "\n".join(lines), found

    def scrub_record(self, record: Record) -> tuple[Record, Counter[str]]:
        """Return the record with every text in it scrubbed, and how many of each kind it had."""
        found: Counter[str] = Counter()
        other = record.meta.get("translation_lang", "")

        def clean(text: str, lang: str = record.lang) -> str:
            fresh, kinds = self.scrub(text, lang)
            found.update(kinds)
            return fresh

        update = {
            "text": clean(record.text),
            "translation": clean(record.translation, other),
            "question": clean(record.question),
            "rejected": clean(record.rejected),
            "choices": tuple(clean(choice) for choice in record.choices),
            "messages": tuple(
                Message(role=message.role, content=clean(message.content))
                for message in record.messages
            ),
        }
        return (record.model_copy(update=update) if found else record), found

    def _suspicious(self, text: str) -> bool:
        """Return whether a text may hold something: quick, and never wrong when it says no."""
        return bool(
            "@" in text
            or "＠" in text
            or DIGITS.search(text)
            or (text.count(":") > 1 and COLONS.search(text))
            or WRITTEN_AT.search(text)
            or any(pattern.search(folded(text).text) for pattern in self._patterns.values())
        )

    def _search(self, lang: str) -> Search:
        if lang not in self._searches:
            regions = self._regions
            if regions is None:
                regions = tuple(dict.fromkeys((*self._own, *default_regions(lang))))
            self._searches[lang] = Search(regions, self._number, self._patterns)
        return self._searches[lang]

    def _number(self, kind: str, value: str) -> int:
        digest = hmac.digest(self._key, f"{kind}\0{value}".encode(), hashlib.sha256)
        return int.from_bytes(digest[:8], "big") % STAND_INS


def guard(
    locale: Locale, mode: str, options: Mapping[str, Any]
) -> Callable[[Record], tuple[Record, str, Counter[str]]]:
    """Return what to do with each record: (the record, reason to leave it out, kinds found).

    `mode` is "replace", "drop" or "off", the setting `privacy` of `collect`. What is left out comes
    back scrubbed too, since rejects are kept for people to read.
    """
    scrubber = Scrubber(locale, options)

    def look(record: Record) -> tuple[Record, str, Counter[str]]:
        if mode == "off":
            return record, "", Counter()
        fresh, found = scrubber.scrub_record(record)
        return fresh, told(found) if mode == "drop" else "", found

    return look


def told(found: Mapping[str, int]) -> str:
    """Return why a record is left out with `privacy = "drop"`, or "" when nothing was found."""
    return f"personal data: {', '.join(sorted(found))}" if found else ""


def _settled(line: str, search: Search, found: Counter[str]) -> str:
    """Replace until nothing is found: two stand-ins side by side may look like one number more."""
    fresh = _replaced(line, search, found)
    for _ in range(MOST_PASSES):
        if fresh == line:
            break
        line, fresh = fresh, _replaced(fresh, search, Counter())
    return fresh


def _replaced(line: str, search: Search, found: Counter[str]) -> str:
    look = folded(line)
    parts, at = [], 0
    for find in search.finds(look.text):
        if find.kind:
            start, end = look.original(find.start, find.end)
            written = line[start:end]
            new = find.write if find.whole else poured(written, find.write)
            parts += [line[at:start], in_digits_of(written, new) if find.kind == "ip" else new]
            at = end
            found[find.kind] += 1
    return "".join((*parts, line[at:]))


def _options(settings: Mapping[str, Any]) -> PrivacyOptions:
    try:
        return PrivacyOptions.model_validate(settings)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise PackError(
            f"privacy_options cannot be used: {where}: {first['msg']}",
            f"its keys are {', '.join(PrivacyOptions.model_fields)}",
        ) from error


def _secret(key: str) -> str:
    """Return a key as it stands, or what the environment variable of `env:VARIABLE` holds."""
    if not key.startswith(FROM_ENVIRONMENT):
        return key
    name = key.removeprefix(FROM_ENVIRONMENT)
    if not os.environ.get(name):
        raise PackError(
            f"the key of privacy_options stands in the environment variable {name}, which is empty",
            f"export {name}=... with a secret of 16 characters or more",
        )
    return os.environ[name]


def _compiled(kind: str, pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise PackError(
            f"the pattern '{kind}' of privacy_options is no regular expression: {error}",
            "write it as Python's `re` reads it, for digits 0-9: text is folded before",
        ) from error
