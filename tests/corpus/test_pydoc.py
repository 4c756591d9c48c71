"""Prose of Python's help, parsed and never run."""

from __future__ import annotations

import pydoc_data
from pathlib import Path

from corpus_support import ROMANSH, Read, parts, source

from locale_tune.api import Bad, Record

LONG = "A statement is executed by evaluating the expression list and binding names, one by one. "
TOPICS = {
    "a": f"Title\n*****\n\n{LONG}\n\n   code = 1\n\nx ::= y {LONG}\n\n{LONG * 2}",
    "b": "short",
}


def test_only_flush_left_prose_is_kept(read: Read) -> None:
    [record] = read("pydoc", f"topics = {TOPICS!r}\n")
    assert record.text == f"{LONG.strip()}\n\n{(LONG * 2).strip()}"
    assert record.meta["group"] == "pydoc-a"


def test_code_in_the_file_does_not_run(read: Read, capsys: object) -> None:
    items = read("pydoc", "topics = __import__('os').abort()\n")
    assert [isinstance(item, Bad) for item in items] == [True]
    assert "no dictionary of topics" in items[0].reason


def test_the_help_of_this_python_is_long_enough_to_replay() -> None:
    path = Path(pydoc_data.__path__[0]) / "topics.py"
    records = list(parts().source_kinds["pydoc"].read(source(kind="pydoc"), path, ROMANSH))
    assert all(isinstance(record, Record) for record in records)
    assert sum(len(record.text) for record in records) > 100_000
