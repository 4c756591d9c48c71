"""`parquet`: rows of a Parquet file, read in a process of its own (`parquet_child.py`)."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from locale_tune.api import Bad, Locale, Record, Source, Span
from locale_tune_corpus.cells import Foreign, Row
from locale_tune_corpus.fields import Fields, Placed, columns_of, fields_of, record_of, records
from locale_tune_corpus.lines import irregular, label
from locale_tune_corpus.share import PLAIN_MEMORY

CHILD = Path(__file__).with_name("parquet_child.py")
CRASHES = 3
NO_COLUMN = "no column that the options name"
FOREIGN = "\0foreign"  # as parquet_child.foreign names it
KINDS = {"bytes": "bytes", "datetime": "a time", "date": "a date", "Decimal": "a decimal number"}


def cut_parquet(source: Source, path: Path, size: int) -> tuple[Span, ...]:
    """Return spans of row groups; () for a file that is small or has a problem as a whole."""
    return row_group_spans(path, columns_of(fields_of(Fields, source)), size)


def read_parquet(
    source: Source, path: Path, locale: Locale, span: Span | None = None
) -> Iterator[Record | Bad]:
    """Yield a Record per row; Bad for a row, or for a stretch of rows with how many are lost."""
    fields = fields_of(Fields, source)

    def missing(row: Row) -> str:
        none = record_of(row, fields, source, "", 1)
        return none.reason if isinstance(none, Bad) else NO_COLUMN

    wanted = columns_of(fields)
    yield from records(rows_of_parquet(source, path, wanted, span, missing), fields, source)


def row_group_spans(path: Path, used: set[str], size: int) -> tuple[Span, ...]:
    """Return spans of row groups that hold the columns `used`; () for a file that needs none."""
    if irregular(path) or path.stat().st_size <= size:
        return ()
    said = next(Child(path, [], 0, None).lines(), {})
    if _column_problem(said.get("names", []), sorted(used), lambda row: NO_COLUMN):
        return ()
    spans: list[Span] = []
    start, first, rows, held = 0, 1, 0, 0
    for number, (count, length) in enumerate(said["groups"], 1):
        rows, held = rows + count, held + length
        if held >= size or number == len(said["groups"]):
            spans.append(Span(start, number, first))
            start, first, rows, held = number, first + rows, 0, 0
    return tuple(spans)


def rows_of_parquet(
    source: Source,
    path: Path,
    used: set[str],
    span: Span | None = None,
    missing: Callable[[Row], str] = lambda row: NO_COLUMN,
) -> Iterator[Placed | Bad]:
    """Yield rows with the columns `used`, or Bad; `missing` says why a row without any is none."""
    if not importlib.util.find_spec("pyarrow"):  # not imported here, but in the child
        raise ModuleNotFoundError("No module named 'pyarrow'", name="pyarrow")
    wanted = sorted(used)
    if problem := irregular(path):
        yield Bad(f"{label(source)}:0", problem)
        return
    for said in _told(path, wanted, span):
        where = f"{label(source)}:{said.get('row', 0)}"
        if "names" in said:
            if problem := _column_problem(said["names"], wanted, missing):
                yield Bad(f"{label(source)}:1", problem, records=max(1, said["total"]))
                return
        elif "value" in said:
            yield Placed(said["value"], where, said["row"])
        elif "reason" in said:
            yield Bad(where, said["reason"], records=said["lost"])


def _column_problem(names: list[str], wanted: list[str], missing: Callable[[Row], str]) -> str:
    twice = [name for name in wanted if names.count(name) > 1]
    if twice:
        return f"the column '{twice[0]}' stands twice"
    return "" if any(name in wanted for name in names) else missing(dict.fromkeys(names))


def _told(path: Path, columns: list[str], span: Span | None) -> Iterator[dict[str, Any]]:
    """Yield what the child says; where it dies, go on with the next row group in a new one."""
    at = Place(group=span.start, row=span.first - 1) if span else Place()
    stop = span.stop if span else None
    for crashes in range(1, CRASHES + 2):
        for said in (child := Child(path, columns, at.group, stop)).lines():
            if not (repeated := "names" in said and crashes > 1):
                yield said
            at.note(said, repeated)
        if not child.ended:
            return
        lost = (at.total if crashes > CRASHES else at.end) - at.row
        if lost > 0 or not at.total:
            yield {"row": at.row + 1, "reason": child.ended, "lost": max(1, lost)}
        if not at.total or at.row + lost >= at.total:
            return
        at.row += max(0, lost)


@dataclass
class Place:
    """How far a file is read: the row group to go on with, the last row, and the last to read."""

    group: int = 0
    row: int = 0
    end: int = 0
    total: int = 0

    def note(self, said: dict[str, Any], repeated: bool) -> None:
        """Follow what the child said."""
        if "names" in said and not repeated:
            self.total = said["total"]
        if "group" in said:
            self.group, self.end = said["group"] + 1, said["first"] + said["rows"] - 1
        if "row" in said:
            self.row = said["row"] + said.get("lost", 1) - 1


class Child:
    """One run of `parquet_child.py`. `ended` says how it died, when it did."""

    def __init__(self, path: Path, columns: list[str], group: int, stop: int | None) -> None:
        place = {"path": str(path.absolute()), "columns": columns}
        self._asked = {**place, "group": group, "stop": stop}
        self.ended = ""

    def lines(self) -> Iterator[dict[str, Any]]:
        """Yield what the child says, line by line."""
        # -P: the modules beside the child are not for it to import.
        search = os.pathsep.join(filter(None, sys.path))
        environment = {"PYTHONPATH": search, **PLAIN_MEMORY}
        process = subprocess.Popen(
            [sys.executable, "-P", str(CHILD)],
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert process.stdin
        assert process.stdout
        with process:
            try:
                with contextlib.suppress(BrokenPipeError):  # how it ended is told below
                    process.stdin.write(json.dumps(self._asked).encode())
                    process.stdin.close()
                for line in process.stdout:
                    if line.endswith(b"\n"):
                        yield json.loads(line, object_hook=_restored)
                self.ended = _how_it_ended(process.wait())
            finally:
                process.kill()


def _how_it_ended(code: int) -> str:
    if code == -getattr(signal, "SIGALRM", 0):
        return "not readable from here on: one step of unpacking took longer than a minute"
    return f"not readable from here on: it crashed the reader (exit code {code})" if code else ""


def _restored(value: dict[str, Any]) -> Any:
    kind = value.get(FOREIGN)
    return Foreign(KINDS.get(kind, f"a {kind}")) if isinstance(kind, str) else value
