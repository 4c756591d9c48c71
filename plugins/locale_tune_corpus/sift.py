"""First pass: read a part of a source, tidy its records, filter them, and keep them on disk.

Parts are read by as many processes as there is room for. What a part leaves in its folder: the
records that passed, what `choose.py` must know of them (`keys.py`), the rejects and the counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from locale_tune.api import (
    Bad,
    Filter,
    Locale,
    Record,
    Source,
    SourceKind,
    commit_folder,
    verified,
    write_records,
)
from locale_tune_corpus import Reader
from locale_tune_corpus.keys import KeyWriter
from locale_tune_corpus.ledger import Counted, Rejects
from locale_tune_corpus.nfc import settled
from locale_tune_corpus.parts import Part
from locale_tune_corpus.privacy import guard

EVERY_LANGUAGE = ("hygiene",)  # the filters that hold for other languages, chats and questions too
OWN_LANGUAGE = (
    "text",
    "lessons",
    "preferences",
    "questions",
    "prompts",
    "parallel",
    "lexicon",
)
UNGUARDED = ("lexicon",)  # a word list holds no person's data, and its words must stay as they are
Keep = Callable[[Record], str]
Guard = Callable[[Record], tuple[Record, str, Counter[str]]]


@dataclass
class Sift:
    """All that a process needs to sift a part. It can be pickled until it is prepared."""

    locale: Locale
    kinds: Mapping[str, SourceKind]
    filters: Mapping[str, Filter]
    options: Mapping[str, Mapping[str, Any]]
    sources: tuple[Source, ...]
    files: Mapping[str, Path]
    seed: int
    near: bool
    privacy: str
    privacy_options: Mapping[str, Any]
    work: Path
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    keeps: dict[str, Keep] = field(default_factory=dict)
    guard: Guard | None = None

    def folder(self, part: Part) -> Path:
        """Return what a part leaves behind."""
        return self.work / "sifted" / part.name

    def prepare(self) -> None:
        """Make the filters; those that learn from the texts do it here."""
        if self.guard is None:
            self.guard = guard(self.locale, self.privacy, self.privacy_options)
            self.keeps = {name: self._filter(name) for name in self.filters}

    def __getstate__(self) -> dict[str, Any]:
        """Leave the filters behind: another process makes its own."""
        return {**self.__dict__, "keeps": {}, "facts": {}, "guard": None}

    def run(self, part: Part) -> None:
        """Sift one part, unless that is done already."""
        if verified(self.folder(part)) is None:
            commit_folder(self.folder(part), lambda folder: self._fill(folder, part))

    def _fill(self, folder: Path, part: Part) -> dict[str, Any]:
        sketched = part.source.role == "text" and self.near
        with (
            Rejects(folder, [part.source]) as rejects,
            KeyWriter(folder, self.seed, sketched) as keys,
        ):
            before = self._counted()
            write_records(folder / "records", self._passed(part, rejects, keys))
            rejects.tallies[part.source.id].counted = _since(before, self._counted())
            rejects.write_tally(part.source)
        return {}

    def _counted(self) -> Counted:
        """Return what the filters have counted so far: the counters among their facts."""
        return {
            name: {fact: Counter(n) for fact, n in facts.items() if isinstance(n, Counter)}
            for name, facts in self.facts.items()
        }

    def _passed(self, part: Part, rejects: Rejects, keys: KeyWriter) -> Iterator[Record]:
        source = part.source
        keeps = [
            keep
            for name, keep in self.keeps.items()
            if source.role == "text" or name in EVERY_LANGUAGE
        ]
        for item in self._read(part):
            if isinstance(item, Bad):
                rejects.unreadable(source, self._scrubbed(item))
                continue
            rejects.tallies[source.id].seen += 1
            record, reason = self._stamped(item, source), ""
            if self.guard and source.role not in UNGUARDED:
                record, reason, found = self.guard(record)
                rejects.tallies[source.id].personal.update(found)
            if reason := reason or next((why for keep in keeps if (why := keep(record))), ""):
                rejects.rejected(record, reason)
            else:
                keys.add(record)
                yield record

    def _scrubbed(self, bad: Bad) -> Bad:
        """Return what could not be read without personal data: people read the rejects."""
        if not self.guard:
            return bad
        safe = [text.encode("utf-8", "replace").decode() for text in (bad.text, bad.reason)]
        clean = self.guard(Record(id="", source="", text=safe[0], question=safe[1]))[0]
        return replace(bad, text=clean.text, reason=clean.question)

    def _read(self, part: Part) -> Iterator[Record | Bad]:
        read = self.kinds[part.source.kind].read
        span = {"span": part.span} if part.span else {}
        found = read(part.source, part.path, self.locale, **span)
        if isinstance(read, Reader):
            yield from found
            return
        for item in found:  # of a reader by somebody else, who may not know of NFC
            yield settled(item) if isinstance(item, Record) else item

    def _filter(self, name: str) -> Keep:
        given = {
            **self.options.get(name, {}),
            "seed": self.seed,
            "texts": self._texts,
            "facts": self.facts.setdefault(name, {}),
            "work": self.work / "filters" / name,
        }
        return self.filters[name].make(self.locale, given)

    def _texts(self) -> Iterator[tuple[str, str, str]]:
        """Yield (language, variety, text) before any filter, for a filter that learns from it."""
        for source in self.sources:
            own, path = source.role == "text", self.files.get(source.id)
            other = source.role in ("contrast", "control", "replay")
            if path and (own or (other and source.lang not in ("", self.locale.tag))):
                for item in self.kinds[source.kind].read(source, path, self.locale):
                    if isinstance(item, Record) and item.text:
                        language = self.locale.id if own else source.lang
                        yield language, item.variety or source.variety, item.text

    def _stamped(self, record: Record, source: Source) -> Record:
        """Say on the record itself what the source says of it: language, tags, weight, origin."""
        tag = self.locale.tag if source.role in OWN_LANGUAGE else ""
        meta = {**source.tags, **_asked(source), **record.meta}
        if source.weight != 1:
            meta["weight"] = str(source.weight)
        if source.origin != "native":
            meta["origin"] = source.origin
        update: dict[str, Any] = {"lang": record.lang or source.lang or tag, "meta": meta}
        return record.model_copy(update=update)


def _asked(source: Source) -> dict[str, str]:
    """Return what a source says of how its questions are put, as `assess` reads it in `meta`."""
    if not (asked := source.asked):
        return {}
    said = {"format": asked.format, "letters": " ".join(asked.letters)}
    said |= {"answer_word": asked.answer_word, "split": asked.split}
    return {name: value for name, value in said.items() if value}


def _since(before: Counted, after: Counted) -> Counted:
    return {
        name: {fact: counts - before[name].get(fact, Counter()) for fact, counts in facts.items()}
        for name, facts in after.items()
    }
