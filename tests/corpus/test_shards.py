"""A list of files is read file by file, and only the files that were fetched."""

from __future__ import annotations

from pathlib import Path

import pytest
from corpus_support import ROMANSH, parts, source

from locale_tune.api import Bad, SourceMissing, sha256_file, write_json


@pytest.fixture
def listing(tmp_path: Path) -> Path:
    path = tmp_path / "0a.files"
    rows = []
    for name, text in {
        "data/a.jsonl": '{"text": "in"}\n',
        "data/b.jsonl": '{"text": 1}\n{}',
    }.items():
        file = tmp_path / "0a" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        rows.append({"name": name, "sha256": sha256_file(file), "size": file.stat().st_size})
    write_json(path, {"files": rows})
    return path


HUB = source("toy", "jsonl", uri=f"hub:org/name@{'a' * 40}#data/*.jsonl")


def test_records_and_faults_are_called_by_their_file(listing: Path) -> None:
    read = parts().source_kinds["jsonl"].read
    [record, *bad] = read(HUB, listing, ROMANSH)
    assert (record.id, record.meta["where"]) == ("toy:1.1", "a.jsonl:1")
    assert [item.where for item in bad if isinstance(item, Bad)] == ["b.jsonl:1", "b.jsonl:2"]


def test_the_files_of_a_list_can_be_read_one_by_one(listing: Path) -> None:
    kind = parts().source_kinds["jsonl"]
    assert kind.cut is not None
    spans = kind.cut(HUB, listing, 1)
    assert len(spans) == 2
    alone = [item for span in spans for item in kind.read(HUB, listing, ROMANSH, span=span)]
    assert alone == list(kind.read(HUB, listing, ROMANSH))


def test_a_file_that_was_changed_is_refused(listing: Path) -> None:
    read = parts().source_kinds["jsonl"].read
    (listing.with_suffix("") / "data/b.jsonl").write_text('{"text": "auter"}\n')
    with pytest.raises(SourceMissing, match=r"data/b.jsonl of source 'toy' is not the file"):
        list(read(HUB, listing, ROMANSH))
    (listing.with_suffix("") / "data/b.jsonl").unlink()
    with pytest.raises(SourceMissing):
        list(read(HUB, listing, ROMANSH))


def test_a_file_of_a_pack_is_a_file_whatever_its_name(tmp_path: Path) -> None:
    path = tmp_path / "toy.files"
    path.write_text('{"text": "in"}\n')
    [record] = parts().source_kinds["jsonl"].read(source(kind="jsonl"), path, ROMANSH)
    assert record.text == "in"
