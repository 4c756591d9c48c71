"""Parts: the spans of a file, read one after the other, give what the whole file gives."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from corpus_support import ROMANSH, parts, source
from hypothesis import given
from hypothesis import strategies as st

from locale_tune.api import Bad, Record
from locale_tune_corpus.parts import cut, line_spans

PIECES = st.lists(st.sampled_from([b"a", b"b" * 40, b"\n", b"\r", b"\n\n", b"\xff"]), max_size=60)


@given(pieces=PIECES, size=st.integers(1, 100))
def test_spans_of_lines_are_the_file_and_end_with_a_line(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes], size: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "spans"
    data = b"".join(pieces)
    path.write_bytes(data)
    spans = line_spans(path, size)
    if not spans:
        assert len(data) <= size
        return
    assert b"".join(data[span.start : span.stop] for span in spans) == data
    for span in spans:
        assert span.first == 1 + data[: span.start].count(b"\n")
        assert data[span.stop - 1 : span.stop] == b"\n" or span.stop == len(data)


def lines(count: int) -> bytes:
    pick = random.Random(0)
    rows = [json.dumps({"text": "bun di " * pick.randrange(1, 9)}).encode() for _ in range(count)]
    rows[3], rows[70], rows[-1] = b"{", b"\xff\xfe", b"  "
    return b"\xef\xbb\xbf" + b"\r\n".join(rows)


def whole_and_in_spans(
    kind: str, path: Path, size: int, **options: Any
) -> tuple[list[Record | Bad], list[Record | Bad], int]:
    made = source("toy", kind, options=options)
    way = parts().source_kinds[kind]
    assert way.cut
    spans = way.cut(made, path, size)
    return (
        list(way.read(made, path, ROMANSH)),
        [item for span in spans for item in way.read(made, path, ROMANSH, span=span)],
        len(spans),
    )


@pytest.mark.parametrize("size", [1, 50, 1000])
@pytest.mark.parametrize("kind", ["jsonl", "text"])
def test_lines_read_in_spans_are_the_lines(tmp_path: Path, kind: str, size: int) -> None:
    path = tmp_path / "toy"
    path.write_bytes(lines(100))
    options = {"text": "text"} if kind == "jsonl" else {}
    whole, pieces, count = whole_and_in_spans(kind, path, size, **options)
    assert pieces == whole
    assert count > 3
    assert sum(isinstance(item, Bad) for item in whole) >= 1


def test_row_groups_read_in_spans_are_the_rows(tmp_path: Path) -> None:
    path = tmp_path / "toy"
    texts = [f"Text numer {number}." for number in range(1000)]
    pq.write_table(pa.table({"text": texts}), path, row_group_size=90)
    whole, pieces, count = whole_and_in_spans("parquet", path, 3000, text="text")
    assert pieces == whole
    assert 3 < count <= 12
    assert len(whole) == 1000


def test_text_whose_records_span_lines_is_not_cut(tmp_path: Path) -> None:
    path = tmp_path / "toy"
    path.write_bytes(lines(100))
    way = parts().source_kinds["text"]
    assert way.cut
    assert way.cut(source("toy", "text", options={"mode": "paragraphs"}), path, 50) == ()
    assert way.cut(source("toy", "text", options={"join": 3}), path, 50) == ()


def test_a_parquet_file_that_cannot_be_read_is_one_part(tmp_path: Path) -> None:
    path = tmp_path / "toy"
    path.write_bytes(b"PAR1 no more than that")
    made = source("toy", "parquet", options={"text": "text"})
    (part,) = cut([made], {"toy": path}, parts().source_kinds, 5)
    assert part.span is None


def test_parts_stand_in_the_order_of_the_pack_and_missing_sources_have_none(
    tmp_path: Path,
) -> None:
    made = [source(name, "text") for name in ("b", "a", "c")]
    for name in "ab":
        (tmp_path / name).write_text("in\ndus\ntrais\n" if name == "b" else "in\n")
    files = {name: tmp_path / name for name in "ab"}
    found = cut(made, files, parts().source_kinds, 4)
    assert [part.source.id for part in found] == ["b", "b", "a"]
    assert len({part.name for part in found}) == 3
    assert sum(part.size for part in found if part.source.id == "b") <= 13


def test_a_part_of_no_size_still_holds_a_line(tmp_path: Path) -> None:
    (tmp_path / "toy").write_text("in\ndus\ntrais\n")
    made = cut([source()], {"toy": tmp_path / "toy"}, parts().source_kinds, 0)
    assert [part.span.first for part in made if part.span] == [1, 2, 3]
