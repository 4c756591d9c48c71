"""Every line of an untrusted file has its fate, and no line another's."""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path

import pytest

from locale_tune_corpus.lines import read_lines

GOOD = [b"Bun di.", "Co vai? \u2028 Bain.".encode(), "السلام عليكم".encode()]
BAD = {
    "latin 1": (b"Z\xfcrich", "not UTF-8"),
    "overlong slash": (b"\xc0\xaf", "not UTF-8"),
    "surrogate": (b"\xed\xa0\x80", "not UTF-8"),
    "cut off letter": (b"\xe2\x82", "not UTF-8"),
    "too long": (b"x" * 200, "longer than 100 bytes"),
}


@pytest.mark.parametrize("place", [0, 1, 3])
@pytest.mark.parametrize("kind", BAD)
def test_a_bad_line_is_named_and_the_good_ones_stay(tmp_path: Path, kind: str, place: int) -> None:
    raw, reason = BAD[kind]
    path = tmp_path / "file.txt"
    path.write_bytes(b"\n".join([*GOOD[:place], raw, *GOOD[place:]]))
    lines = list(read_lines(path, limit=100))
    assert [line.text.encode() for line in lines if not line.problem] == GOOD
    [bad] = [line for line in lines if line.problem]
    assert bad.number == place + 1
    assert reason in bad.problem


def test_marks_and_carriage_returns_belong_to_no_text(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_bytes(b"\xef\xbb\xbfBun di.\r\nCo vai?\r\n")
    assert [line.text for line in read_lines(path)] == ["Bun di.", "Co vai?"]


def test_an_endless_line_takes_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_bytes(b"x" * (30 << 20) + b"\nBun di.\n")
    tracemalloc.start()
    lines = list(read_lines(path))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [line.text for line in lines if not line.problem] == ["Bun di."]
    assert peak < 10 << 20


@pytest.mark.parametrize("magic", [b"\x28\xb5\x2f\xfd", b"PK\x03\x04", b"BZh91AY&SY"])
def test_a_packed_file_is_told_not_unpacked(tmp_path: Path, magic: bytes) -> None:
    path = tmp_path / "file.txt"
    path.write_bytes(magic + b"\n" * 10)
    [line] = read_lines(path)
    assert "unpack it first" in line.problem


def test_what_is_no_file_is_one_problem(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (tmp_path, pipe, tmp_path / "absent"):
        [line] = read_lines(path)
        assert line.problem == "not a regular file"


def test_an_empty_file_has_no_lines(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.touch()
    assert list(read_lines(path)) == []
