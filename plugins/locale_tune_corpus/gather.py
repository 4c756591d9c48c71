"""First pass over the sources: read, tidy, filter, drop copies, and keep the rest on disk."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from locale_tune.api import Bad, Job, Record, Source, read_records, write_records
from locale_tune_corpus.copies import Copies, question_key
from locale_tune_corpus.ledger import Ledger
from locale_tune_corpus.nfc import normalised
from locale_tune_corpus.sides import capped

EVERY_LANGUAGE = ("hygiene",)  # the filters that hold for other languages, chats and questions too
OWN_LANGUAGE = ("text", "lessons", "questions", "parallel", "lexicon")
Keep = Callable[[Record], str]


class Spool:
    """The records that passed, by source, in the pack's order; `work` is emptied first."""

    def __init__(self, job: Job, ledger: Ledger) -> None:
        self.sources = ledger.sources
        self.filter_facts: dict[str, dict[str, Any]] = {name: {} for name in job.pack.filters}
        self._job, self._ledger = job, ledger
        self._folder = job.work / "spool"
        self._copies = Copies(job.settings.near_duplicates)
        shutil.rmtree(self._folder, ignore_errors=True)

    def fill(self) -> None:
        """Read every source once. Third-party readers and filters run here."""
        keeps = {name: self._filter(name) for name in self._job.pack.filters}
        for number, source in enumerate(self.sources):
            self._job.progress(number, len(self.sources), source.id)
            path = self._job.files.get(source.id)
            self._ledger.found(source, path)
            if path:
                fresh = self._fresh(source, self._passed(source, path, keeps))
                chosen = capped(fresh, source.cap, self._job.seed, self._over_cap)
                write_records(self._folder / source.id, chosen)

    def _over_cap(self, record: Record) -> None:
        role = next(s.role for s in self.sources if s.id == record.source)
        self._copies.forget(record, role)
        self._ledger.over_cap(record)

    def records(self, role: str) -> Iterator[Record]:
        """Yield what passed of all sources of one role; disputed questions are left out."""
        for source in self.sources:
            if source.role == role:
                yield from self.of(source.id)

    def of(self, source_id: str) -> Iterator[Record]:
        """Yield what passed of one source."""
        for record in read_records(self._folder / source_id):
            if record.question and question_key(record) in self._copies.disputed:
                self._ledger.rejected(record, "one question with two answers")
            else:
                yield record

    def _filter(self, name: str) -> Keep:
        given = {
            **self._job.settings.filter_options.get(name, {}),
            "seed": self._job.seed,
            "texts": self._texts,
            "facts": self.filter_facts[name],
        }
        return self._job.parts.filters[name].make(self._job.pack.locale, given)

    def _texts(self) -> Iterator[tuple[str, str]]:
        """Yield (language, text) before any filter, for a filter that must learn what is what."""
        locale = self._job.pack.locale
        for source in self.sources:
            own, path = source.role == "text", self._job.files.get(source.id)
            other = source.role in ("contrast", "control", "replay")
            if path and (own or (other and source.lang not in ("", locale.tag))):
                for item in self._read(source, path):
                    if isinstance(item, Record) and item.text:
                        yield (locale.id if own else source.lang), item.text

    def _read(self, source: Source, path: Path) -> Iterator[Record | Bad]:
        kind = self._job.parts.source_kinds[source.kind]
        yield from kind.read(source, path, self._job.pack.locale)

    def _passed(self, source: Source, path: Path, keeps: dict[str, Keep]) -> Iterator[Record]:
        for item in self._read(source, path):
            if isinstance(item, Bad):
                self._ledger.unreadable(source, item)
                continue
            self._ledger.entries[source.id].seen += 1
            record = self._stamped(normalised(item), source)
            names = [n for n in keeps if source.role == "text" or n in EVERY_LANGUAGE]
            if reason := next((why for n in names if (why := keeps[n](record))), ""):
                self._ledger.rejected(record, reason)
            else:
                yield record

    def _fresh(self, source: Source, records: Iterator[Record]) -> Iterator[Record]:
        if source.role == "lexicon":  # to fold "Weg" and "weg" together would lose a word
            yield from records
            return
        for record in records:
            if reason := self._copies.find(record, source.role):
                self._ledger.rejected(record, reason)
            else:
                yield record

    def _stamped(self, record: Record, source: Source) -> Record:
        """Say on the record itself what the source says of it: language, tags, weight, origin."""
        tag = self._job.pack.locale.tag if source.role in OWN_LANGUAGE else ""
        meta = {**source.tags, **record.meta}
        if source.weight != 1:
            meta["weight"] = str(source.weight)
        if source.origin != "native":
            meta["origin"] = source.origin
        update: dict[str, Any] = {"lang": record.lang or source.lang or tag, "meta": meta}
        return record.model_copy(update=update)
