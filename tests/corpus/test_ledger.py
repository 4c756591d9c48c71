"""The ledger: a source that changes while it is read is no source."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from corpus_support import source

from locale_tune.api import StageFailed
from locale_tune_corpus.ledger import Ledger

CHANGES: dict[str, Callable[[Path], object]] = {
    "written to": lambda path: path.write_text("Bun di.\nBuna saira.\n"),
    "taken away": Path.unlink,
    "replaced": lambda path: path.with_name("other").replace(path),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_file_that_changes_while_it_is_read_stops_the_build(
    tmp_path: Path, change: Callable[[Path], object]
) -> None:
    for name in ("toy.txt", "other"):
        (tmp_path / name).write_text("Bun di.\n")
    with Ledger(tmp_path, (source(),), {"toy": tmp_path / "toy.txt"}) as ledger:
        ledger.refuse_broken(0.0)
        change(tmp_path / "toy.txt")
        with pytest.raises(StageFailed, match="source 'toy' changed while it was read"):
            ledger.refuse_broken(0.0)


def test_a_file_that_changed_after_the_plan_stops_the_build(tmp_path: Path) -> None:
    (tmp_path / "toy.txt").write_text("Bun di.\n")
    planned = hashlib.sha256(b"Bun di.\n").hexdigest()
    for pin, right in ((planned, True), ("0" * 64, False)):
        files = {"toy": tmp_path / "toy.txt"}
        with Ledger(tmp_path, (source(sha256=pin),), files) as ledger:
            if right:
                ledger.refuse_broken(0.0)
                continue
            with pytest.raises(StageFailed, match="changed while it was read"):
                ledger.refuse_broken(0.0)
