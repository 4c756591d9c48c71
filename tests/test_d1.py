"""Promise D1: bad records never stop or silently change a build. All positions: tests/heavy."""

from __future__ import annotations

import datetime
import gzip
import os
import time
import unicodedata
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bad_records import (
    CASES,
    FORMATS,
    GOOD,
    KEPT,
    PARQUET,
    PARQUET_FORMAT,
    POSITIONS,
    TEXT,
    Format,
    check,
    outcome,
    write_cells,
)
from corpus_support import ROMANSH, parts, source

from locale_tune.api import Bad, LocaleTuneError, Record, read_pack
from locale_tune_corpus import parquet

LINES = FORMATS["lines"]


QUICK = [case for case in CASES if case[0] in ("jsonl", "lines", "csv", "wikiextractor")]


@pytest.mark.parametrize(("form", "name"), QUICK, ids=lambda part: part.replace(" ", "-"))
def test_one_bad_record_costs_itself_only(tmp_path: Path, form: str, name: str) -> None:
    position = POSITIONS[CASES.index((form, name)) % 3]  # the block edge takes longer
    check(FORMATS[form], tmp_path, FORMATS[form].bad_rows()[name], position)


def test_there_are_as_many_classes_as_promised() -> None:
    assert len(TEXT) >= 40
    assert all(len(form.bad_rows()) >= 40 for form in FORMATS.values())


@pytest.mark.parametrize("form", FORMATS)
def test_what_a_script_needs_comes_out_as_it_is(tmp_path: Path, form: str) -> None:
    made = FORMATS[form]
    path = tmp_path / f"toy.{made.kind}"
    path.write_bytes(made.head + b"".join(made.row(text.encode()) for text in KEPT.values()))
    found = outcome(made, path)
    assert not found.bad
    assert [r.text for r in found.good] == [unicodedata.normalize("NFC", t) for t in KEPT.values()]


@pytest.mark.parametrize("form", FORMATS)
def test_line_ends_marks_and_blank_lines_change_nothing(tmp_path: Path, form: str) -> None:
    made = FORMATS[form]
    path = tmp_path / f"toy.{made.kind}"
    plain = made.head + b"".join(made.row(text.encode()) for text in GOOD)
    path.write_bytes(plain)
    expected = outcome(made, path)
    assert [r.text for r in expected.good] == list(GOOD)
    for changed in (
        b"\xef\xbb\xbf" + plain,
        plain.replace(b"\n", b"\r\n"),
        plain + b"\n \n\t\n",
        plain.rstrip(b"\n"),
        gzip.compress(plain),
        gzip.compress(plain[:9]) + gzip.compress(plain[9:]),
    ):
        path.write_bytes(changed)
        assert outcome(made, path) == expected


def test_a_bad_line_keeps_its_place_among_joined_lines(tmp_path: Path) -> None:
    form, path = Format("text", {"join": 2}, LINES.row), tmp_path / "toy.text"
    path.write_bytes(b"a\nb\n\nc\n\xff\ne\nf\n")
    found = outcome(form, path)
    assert [r.text for r in found.good] == ["a\nb", "c", "e\nf"]


def test_a_bad_line_is_told_even_where_lines_are_left_out(tmp_path: Path) -> None:
    form, path = Format("text", {"leave_out": ["Page"]}, LINES.row), tmp_path / "toy.text"
    path.write_bytes(b"Page \xff\nPage 2\na\n")
    found = outcome(form, path)
    assert [where for where, _ in found.bad] == ["toy.text:1"]


def test_a_bad_header_is_told_and_no_row_takes_its_place(tmp_path: Path) -> None:
    path = tmp_path / "toy.csv"
    for header, words in ((b"t\xff,n", "not UTF-8"), (b"t,t", "twice"), (b'"t,n', "quote")):
        path.write_bytes(header + b"\nt,n\nBun di,1\n")
        found = outcome(FORMATS["csv"], path)
        assert not found.good
        [(where, reason)] = found.bad
        assert where == "toy.csv:1"
        assert "the header cannot be used" in reason
        assert words in reason


def test_a_column_that_nobody_asks_for_may_stand_twice(tmp_path: Path) -> None:
    path = tmp_path / "toy.csv"
    path.write_bytes(b"t,,\nBun di,,\n")
    assert outcome(FORMATS["csv"], path).texts() == [b"Bun di"]


@pytest.mark.parametrize("form", FORMATS)
def test_what_is_no_file_is_never_opened(tmp_path: Path, form: str) -> None:
    _refused(FORMATS[form], tmp_path)


def test_what_is_no_file_is_never_opened_as_parquet(tmp_path: Path) -> None:
    _refused(PARQUET_FORMAT, tmp_path)


def _refused(form: Format, folder: Path) -> None:
    pipe, link = folder / "pipe", folder / "link"
    os.mkfifo(pipe)
    for target in (pipe, folder, Path("/dev/zero"), folder / "absent", link):
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        for path in (target, link):
            assert outcome(form, path).bad == [(f"{path.name}:0", "not a regular file")]


def test_a_link_to_a_file_is_that_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"Bun di.\n")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert outcome(LINES, tmp_path / "b").texts() == [b"Bun di."]


@pytest.mark.parametrize("inside", [False, True])
def test_a_link_out_of_the_pack_is_refused(write_pack, tmp_path: Path, inside: bool) -> None:
    root = write_pack()
    target = root / "data" / "other.txt" if inside else tmp_path / "secret.txt"
    target.write_text("Bun di.\n")
    lines = root / "data" / "lines.txt"
    lines.unlink()
    lines.symlink_to(target)
    if inside:
        assert read_pack(root).sources
        return
    with pytest.raises(LocaleTuneError, match="lines"):
        read_pack(root)


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs Linux's /proc")
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "toy").symlink_to("/proc/self/mem")
    [(where, reason)] = outcome(LINES, tmp_path / "toy").bad
    assert where == "toy:0"
    assert "cannot be read: Input/output error" in reason


PACKED = {
    "zstd": (b"\x28\xb5\x2f\xfd\n", "packed with zstd: unpack it first"),
    "zip": (b"PK\x03\x04\n", "packed with zip"),
    "bzip2": (b"BZh91AY&SY\n", "packed with bzip2"),
    "xz": (b"\xfd7zXZ\x00\n", "packed with xz"),
    "UTF-16": ("\ufeffBun di".encode("utf-16-le"), "UTF-16, not UTF-8"),
    "gzip in gzip": (gzip.compress(gzip.compress(b"Bun di\n")), "inside gzip: packed with gzip"),
    "gzip, cut": (gzip.compress(b"Bun di\n" * 9999)[:-12], "damaged gzip"),
    "gzip, wrong sum": (gzip.compress(b"Bun di\n")[:-8] + b"\0" * 8, "damaged gzip"),
    "gzip, rubbish after": (gzip.compress(b"Bun di\n") + b"rubbish", "damaged gzip"),
    "gzip, header only": (b"\x1f\x8b", "damaged gzip"),
    "gzip bomb": (gzip.compress(b"\n" * (80 << 20), 1), "a bomb"),
}


@pytest.mark.parametrize("name", PACKED)
def test_a_packed_file_is_read_whole_or_not_at_all(tmp_path: Path, name: str) -> None:
    raw, words = PACKED[name]
    path = tmp_path / "toy.text"
    path.write_bytes(raw)
    found = outcome(LINES, path)
    assert not found.good
    [(where, reason)] = found.bad
    assert where == "toy.text:0"
    assert words in reason


def test_a_declaration_that_is_no_html_is_told(tmp_path: Path) -> None:
    path = tmp_path / "toy.udhr"
    path.write_bytes(b"<header><p>a</p></header><![foo[")
    [(_, reason)] = outcome(Format("udhr", {}, bytes), path).bad
    assert "not HTML" in reason


def test_three_letters_do_not_make_a_text_a_packed_file(tmp_path: Path) -> None:
    path = tmp_path / "toy.text"
    path.write_bytes(b"BZhang ei qua.\n")
    assert outcome(LINES, path).texts() == [b"BZhang ei qua."]


def test_an_empty_file_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "toy"
    for content in (b"", gzip.compress(b""), b"\n\n", b"\xef\xbb\xbf"):
        path.write_bytes(content)
        for form in FORMATS.values():
            found = outcome(form, path)
            assert not found.good
            assert not found.bad


SLOW_TEXTS = {
    "marks": "e" + "\u0301\u0316" * 200_000,
    "half-width marks": "e" + "\uff9e\u0301" * 150_000,
    "blanks": "x" + " " * 900_000 + "y",
    "colons": ":a" * 400_000,
    "brackets": "(" * 900_000,
    "tags": "<a" * 400_000,
    "selectors": "a" + "\ufe0f" * 300_000,
    "joiners": "a" + "\u200d" * 300_000,
    "flags": "\U0001f3f4" + "\U000e0067" * 200_000,
}


@pytest.mark.parametrize("name", SLOW_TEXTS)
def test_no_text_takes_time_out_of_proportion(tmp_path: Path, name: str) -> None:
    text = SLOW_TEXTS[name].encode()
    began = time.process_time()
    for form in ("csv", "wikiextractor"):
        made = FORMATS[form]
        path = tmp_path / f"toy.{made.kind}"
        path.write_bytes(made.head + made.row(text) + made.row(b"Bun di."))
        options = {"emoji_codes": "remove"} if form == "csv" else {}
        remade = Format(made.kind, {**made.options, **options}, made.row)
        assert outcome(remade, path).texts()[-1] == b"Bun di."
    assert time.process_time() - began < 5


def test_bad_cells_of_a_parquet_file_cost_their_rows_only(tmp_path: Path) -> None:
    path = tmp_path / "toy.parquet"
    cells = [cell for bad in PARQUET.values() for cell in (b"Bun di.", bad[0])]
    write_cells(path, cells, row_group_size=32)
    found = outcome(PARQUET_FORMAT, path)
    assert found.texts() == [b"Bun di."] * len(PARQUET)
    assert [r.id for r in found.good] == [f"toy:{n}" for n in range(1, len(cells), 2)]
    assert [where for where, _ in found.bad] == [
        f"toy.parquet:{n}" for n in range(2, len(cells) + 1, 2)
    ]
    for (_, reason), (_, words) in zip(found.bad, PARQUET.values(), strict=True):
        assert words in reason


COLUMNS = {
    "number": ([1, 2], "a number"),
    "bytes": ([b"a", b"b"], "bytes"),
    "date": ([datetime.date(2026, 1, 1)] * 2, "a date"),
    "list": ([["a"], ["b"]], "a list"),
    "object": ([{"a": "b"}] * 2, "an object"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_of_another_type_is_named_on_every_row(tmp_path: Path, name: str) -> None:
    values, words = COLUMNS[name]
    pq.write_table(pa.table({"t": values}), tmp_path / "toy.parquet")
    found = outcome(PARQUET_FORMAT, tmp_path / "toy.parquet")
    assert found.bad == [(f"toy.parquet:{n}", f"field 't' is {words}, not text") for n in (1, 2)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("names", "words"),
    [(("t", "t"), "the column 't' stands twice"), (("tt", "u"), "no field 't'; did you mean 'tt'")],
)
def test_a_wrong_column_counts_as_all_its_rows(tmp_path: Path, names, words: str) -> None:
    made = pa.Table.from_arrays([pa.array(["a"] * 70)] * 2, names=names)
    pq.write_table(made, tmp_path / "toy.parquet")
    [bad] = read(tmp_path / "toy.parquet")
    assert isinstance(bad, Bad)
    assert words in bad.reason
    assert bad.records == 70


@pytest.mark.slow
def test_a_parquet_column_that_nobody_asks_for_may_stand_twice(tmp_path: Path) -> None:
    made = pa.Table.from_arrays([pa.array(["a"])] * 3, names=("t", "u", "u"))
    pq.write_table(made, tmp_path / "toy.parquet")
    assert outcome(PARQUET_FORMAT, tmp_path / "toy.parquet").texts() == [b"a"]


@pytest.mark.slow
def test_a_damaged_row_group_costs_its_rows_and_says_how_many(tmp_path: Path) -> None:
    path = tmp_path / "toy.parquet"
    cells = [f"Text {n}".encode() for n in range(300)]
    write_cells(path, cells, row_group_size=100, compression="none", use_dictionary=False)
    raw = bytearray(path.read_bytes())
    raw[raw.index(b"Text 150")] ^= 1
    path.write_bytes(raw)
    items = read(path)
    good = [item.text.encode() for item in items if isinstance(item, Record)]
    assert good == cells[:100] + cells[200:]
    [bad] = [item for item in items if isinstance(item, Bad)]
    assert (bad.where, bad.records) == ("toy.parquet:101", 100)
    assert "not readable from here on" in bad.reason


def read(path: Path) -> list[Record | Bad]:
    made = source("toy", "parquet", uri=f"data/{path.name}", options={"text": "t"})
    return list(parts().source_kinds["parquet"].read(made, path, ROMANSH))


@pytest.mark.parametrize("code", ["os.abort()", "os.kill(os.getpid(), signal.SIGALRM)"])
@pytest.mark.slow
def test_a_reader_that_dies_goes_on_with_the_next_row_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    path = tmp_path / "toy.parquet"
    write_cells(path, [f"Text {n}".encode() for n in range(30)], row_group_size=10)
    real = Path(parquet.CHILD).read_text(encoding="utf-8")
    dying = real.replace("    number = first\n", f"    number = first\n    group != 1 or {code}\n")
    assert dying != real
    (tmp_path / "child.py").write_text(dying.replace("import json", "import json, os"))
    monkeypatch.setattr(parquet, "CHILD", tmp_path / "child.py")
    items = read(path)
    assert sum(isinstance(item, Record) for item in items) == 20
    [bad] = [item for item in items if isinstance(item, Bad)]
    assert (bad.where, bad.records) == ("toy.parquet:11", 10)


@pytest.mark.slow
def test_a_reader_that_always_dies_is_not_started_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "toy.parquet"
    write_cells(path, [b"a"] * 90, row_group_size=10)
    real = Path(parquet.CHILD).read_text(encoding="utf-8")
    (tmp_path / "child.py").write_text(
        real.replace("    number = first\n", "    import os; os.abort()\n")
    )
    monkeypatch.setattr(parquet, "CHILD", tmp_path / "child.py")
    items = read(path)
    assert len(items) == parquet.CRASHES + 1
    assert sum(item.records for item in items if isinstance(item, Bad)) == 90
