"""What became of every record of every source, kept for the report, the card and provenance."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from locale_tune.api import Bad, Record, Source, StageFailed, read_json, sha256_file, write_json
from locale_tune_corpus.filters import strings

ABSENT = "the file was not found on this machine"
SHOWN = 200
EXAMPLES = 3
Counted = dict[str, dict[str, Counter[str]]]  # what filters count: {filter: {fact: counts}}
REJECTS, TALLY = "rejects.jsonl", "tally.json"


@dataclass
class Tally:
    """The counts of one source, or of one part of it."""

    seen: int = 0
    kept: int = 0
    size: int = 0
    held: int = 0  # bytes of it that are held out
    unreadable: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    personal: Counter[str] = field(default_factory=Counter)
    counted: Counted = field(default_factory=dict)

    def add(self, other: Mapping[str, Any]) -> None:
        """Add the counts of a part, as they stand in its `tally.json`."""
        self.seen += other["seen"]
        self.kept += other["kept"]
        self.size += other["size"]
        self.unreadable += other["unreadable"]
        self.rejected.update(other["rejected"])
        self.personal.update(other["personal"])
        self.examples = [*self.examples, *other["examples"]][:EXAMPLES]
        for name, facts in other["counted"].items():
            for fact, counts in facts.items():
                mine = self.counted.setdefault(name, {}).setdefault(fact, Counter())
                mine.update(counts)


class Rejects:
    """Counts, and `rejects.jsonl` in a folder: one line per rejected record with its reason."""

    def __init__(self, folder: Path, sources: Iterable[Source]) -> None:
        self.tallies = {source.id: Tally() for source in sources}
        self.folder = folder
        self._file = (folder / REJECTS).open("wb")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def unreadable(self, source: Source, bad: Bad) -> None:
        """Count what could not be read, and keep where and why."""
        tally = self.tallies[source.id]
        tally.seen += bad.records
        tally.unreadable += bad.records
        tally.rejected["unreadable"] += bad.records
        if len(tally.examples) < EXAMPLES:
            tally.examples.append(f"{bad.where}: {bad.reason}")
        self._line(source.id, "", bad.where, bad.reason, bad.text)

    def rejected(self, record: Record, reason: str) -> None:
        """Count a record that was read and left out."""
        self.tallies[record.source].rejected[reason.partition(":")[0]] += 1
        text = next((text for text in strings(record) if text), "")
        self._line(record.source, record.id, record.meta.get("where", ""), reason, text)

    def over_cap(self, source: str, count: int = 1) -> None:
        """Count good records that there was no room for; thousands need no line each."""
        self.tallies[source].rejected["over the cap"] += count

    def kept(self, record: Record, held: bool = False) -> None:
        """Count a record that stands in one of the splits; `held`: it is native text held out."""
        tally = self.tallies[record.source]
        size = sum(len(text.encode()) for text in strings(record))
        tally.kept += 1
        tally.size += size
        tally.held += size * held

    def write_tally(self, source: Source) -> None:
        """Write the counts of one source as `tally.json`."""
        write_json(self.folder / TALLY, vars(self.tallies[source.id]))

    def take(self, source: str, folder: Path) -> None:
        """Add what a part of a source left in its folder: its counts and its rejects."""
        self.tallies[source].add(read_json(folder / TALLY))
        with (folder / REJECTS).open("rb") as file:
            shutil.copyfileobj(file, self._file)

    def _line(self, source: str, identity: str, where: str, reason: str, text: str) -> None:
        row = {"source": source, "id": identity, "where": where, "reason": reason}
        safe = text[:SHOWN].encode("utf-8", "backslashreplace").decode()
        line = json.dumps({**row, "text": safe}, ensure_ascii=False) + "\n"
        self._file.write(line.encode("utf-8", "backslashreplace"))


class Ledger(Rejects):
    """The counts and rejects of the whole corpus, and what `sources.json` says of each source."""

    def __init__(
        self,
        folder: Path,
        sources: tuple[Source, ...],
        files: Mapping[str, Path],
        refused: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(folder, sources)
        self.sources = sources
        self._files = {s.id: (files[s.id], _state(files[s.id])) for s in sources if s.id in files}
        self.sha256 = {s.id: _sha256(files.get(s.id)) for s in sources}
        self.refused = dict(refused or {})
        self.missing = [s.id for s in sources if s.id not in files and s.id not in self.refused]

    def refuse_broken(self, most: float) -> None:
        """Raise StageFailed when too large a share of a source cannot be read, or it changed."""
        self._refuse_changed()
        broken = [
            f"{name}: {tally.unreadable} of {tally.seen} ({'; '.join(tally.examples)})"
            for name, tally in self.tallies.items()
            if tally.unreadable > most * tally.seen
        ]
        if broken:
            raise StageFailed(
                f"more than {most:.0%} of a source cannot be read: " + " | ".join(broken),
                "mend the file or the source's options in pack.toml; or, if these records may be "
                "lost, --set collect.max_bad_share=0.5",
            )

    def _refuse_changed(self) -> None:
        """Raise StageFailed when a file is not the one that was planned with."""
        pins = {source.id: source.sha256 for source in self.sources}
        for name, (path, state) in self._files.items():
            if _state(path) != state or pins[name] not in ("", self.sha256[name]):
                raise StageFailed(
                    f"the file of source '{name}' changed while it was read: {path.name}",
                    "run it again when nobody writes to it",
                )

    def close(self) -> None:
        """Write `sources.json`."""
        write_json(self.folder / "sources.json", [self._row(source) for source in self.sources])

    def totals(self) -> dict[str, int]:
        """Return how many records each reason left out, over all sources."""
        total: Counter[str] = Counter()
        for tally in self.tallies.values():
            total.update(tally.rejected)
        return dict(total.most_common())

    def _row(self, source: Source) -> Mapping[str, Any]:
        tally = self.tallies[source.id]
        stated = source.model_dump(
            include={"id", "kind", "uri", "licence", "role", "lang", "variety", "origin", "credit"}
            | {"collected", "access", "steward", "residency", "consent", "weight", "note"}
        )
        problem = ABSENT if source.id in self.missing else self.refused.get(source.id, "")
        return {
            **stated,
            "sha256": self.sha256[source.id],
            "seen": tally.seen,
            "kept": tally.kept,
            "bytes": tally.size,
            "heldout_bytes": tally.held,
            "rejected": dict(sorted(tally.rejected.items())),
            "personal_data": dict(sorted(tally.personal.items())),
            "missing": source.id in self.missing,
            "problem": problem,
        }


def _state(path: Path) -> tuple[int, ...]:
    """Return what changes when a file is written, replaced or taken away."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_ino, found.st_size, found.st_mtime_ns


def _sha256(path: Path | None) -> str:
    return sha256_file(path) if path and path.is_file() else ""
