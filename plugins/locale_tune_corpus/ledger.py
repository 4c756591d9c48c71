"""What became of every record of every source, kept for the report, the card and provenance."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from locale_tune.api import Bad, Record, Source, StageFailed, sha256_file, write_json
from locale_tune_corpus.filters import strings

SHOWN = 200
EXAMPLES = 3


@dataclass
class Entry:
    """The counts of one source."""

    seen: int = 0
    kept: int = 0
    size: int = 0
    unreadable: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    sha256: str = ""
    problem: str = ""


class Ledger:
    """Counts by source, and `rejects.jsonl`: one line per rejected record with its reason."""

    def __init__(self, folder: Path, sources: tuple[Source, ...]) -> None:
        self.sources = sources
        self.entries = {source.id: Entry() for source in sources}
        self._folder = folder
        self._file = (folder / "rejects.jsonl").open("w", encoding="utf-8")

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def found(self, source: Source, path: Path | None) -> None:
        """Note the file a source is read from, or that it is missing."""
        entry = self.entries[source.id]
        entry.sha256 = sha256_file(path) if path and path.is_file() else ""
        entry.problem = "" if path else "the file was not found on this machine"

    def unreadable(self, source: Source, bad: Bad) -> None:
        """Count a record that could not be read, and keep where and why."""
        entry = self.entries[source.id]
        entry.seen += 1
        entry.unreadable += 1
        entry.rejected["unreadable"] += 1
        if len(entry.examples) < EXAMPLES:
            entry.examples.append(f"{bad.where}: {bad.reason}")
        self._line(source.id, "", bad.where, bad.reason, bad.text)

    def rejected(self, record: Record, reason: str) -> None:
        """Count a record that was read and left out."""
        self.entries[record.source].rejected[reason.partition(":")[0]] += 1
        text = next((text for text in strings(record) if text), "")
        self._line(record.source, record.id, record.meta.get("where", ""), reason, text)

    def over_cap(self, record: Record) -> None:
        """Count a good record that there was no room for; thousands need no line each."""
        self.entries[record.source].rejected["over the cap"] += 1

    def kept(self, record: Record) -> None:
        """Count a record that stands in one of the splits."""
        entry = self.entries[record.source]
        entry.kept += 1
        entry.size += sum(len(text.encode()) for text in strings(record))

    def refuse_broken(self, most: float) -> None:
        """Raise StageFailed when too large a share of a source cannot be read."""
        broken = [
            f"{name}: {entry.unreadable} of {entry.seen} ({'; '.join(entry.examples)})"
            for name, entry in self.entries.items()
            if entry.unreadable > most * entry.seen
        ]
        if broken:
            raise StageFailed(
                f"more than {most:.0%} of a source cannot be read: " + " | ".join(broken),
                "mend the file or the source's options in pack.toml; or, if these records may be "
                "lost, --set collect.max_bad_share=0.5",
            )

    def close(self) -> None:
        """Write `sources.json`."""
        write_json(self._folder / "sources.json", [self._row(source) for source in self.sources])

    def totals(self) -> dict[str, int]:
        """Return how many records each reason left out, over all sources."""
        total: Counter[str] = Counter()
        for entry in self.entries.values():
            total.update(entry.rejected)
        return dict(total.most_common())

    def _line(self, source: str, identity: str, where: str, reason: str, text: str) -> None:
        row = {"source": source, "id": identity, "where": where, "reason": reason}
        safe = text[:SHOWN].encode("utf-8", "backslashreplace").decode()
        self._file.write(json.dumps({**row, "text": safe}, ensure_ascii=False) + "\n")

    def _row(self, source: Source) -> Mapping[str, Any]:
        entry = self.entries[source.id]
        stated = source.model_dump(
            include={"id", "kind", "uri", "licence", "role", "lang", "variety", "origin", "credit"}
            | {"collected", "weight", "note"}
        )
        return {
            **stated,
            "sha256": entry.sha256,
            "seen": entry.seen,
            "kept": entry.kept,
            "bytes": entry.size,
            "rejected": dict(sorted(entry.rejected.items())),
            "missing": bool(entry.problem),
            "problem": entry.problem,
        }
