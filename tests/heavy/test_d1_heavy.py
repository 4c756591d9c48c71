"""Promise D1 in full: every class at every position, mutated files, bombs and their memory.

`--chaos-n 40` reads 2000 mutated files of each format.
"""

from __future__ import annotations

import gzip
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bad_records import (
    CASES,
    FORMATS,
    PARQUET,
    PARQUET_FORMAT,
    POSITIONS,
    Format,
    Outcome,
    check,
    outcome,
    write_cells,
)

pytestmark = [pytest.mark.slow, pytest.mark.chaos]
FILES = 50  # per trial of --chaos-n and format


@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize("form", FORMATS)
def test_every_class_at_every_position(tmp_path: Path, form: str, position: str) -> None:
    for name in [name for made, name in CASES if made == form]:
        check(FORMATS[form], tmp_path, FORMATS[form].bad_rows()[name], position)


@pytest.mark.parametrize("position", POSITIONS)
def test_every_bad_cell_at_every_position(tmp_path: Path, position: str) -> None:
    path = tmp_path / "toy.parquet"
    good = [f"Text {number}".encode() for number in range(150)]
    place = {"first": 0, "middle": 70, "last": 150, "block edge": 64}[position]
    for raw, words in PARQUET.values():
        write_cells(path, [*good[:place], raw, *good[place:]], row_group_size=100)
        found = outcome(PARQUET_FORMAT, path)
        assert found.texts() == good
        [(where, reason)] = found.bad
        assert where == f"toy.parquet:{place + 1}"
        assert words in reason


# Mutated files

TOKENS = [
    b"\n", b"\r\n", b"\r", b'"', b'""', b",", b"\t", b"\0", b"\\", b"\\ud800", b"{", b"[" * 2000,
    b"}", b"NaN", b"1e999", b"9" * 5000, b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xe2\x80\xae",
    b"<doc id=", b"</doc>", b"&#x110000;", b"&#99999999999;", b"<", b">", b"\xcc\x81" * 40,
    b" " * 5000, b"\x1f\x8b", b"PK\x03\x04", b"\xc2\x85", b"\xe2\x80\xa8", b"x" * 70_000,
]  # fmt: skip
TEXTS = [
    word.encode()
    for word in (
        "Bun di",
        "Co vai",
        "Schöne Grüße",
        "السلام عليكم",
        "می\u200cخواهم",
        "日本語",
        "😀 ok",
    )
    for _ in range(6)
]
Mutate = Callable[[bytearray, random.Random], None]


def flip(data: bytearray, draw: random.Random) -> None:
    if data:
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)


def cut(data: bytearray, draw: random.Random) -> None:
    del data[draw.randrange(len(data) + 1) :]


def remove(data: bytearray, draw: random.Random) -> None:
    start = draw.randrange(len(data) + 1)
    del data[start : start + draw.randrange(1, 60)]


def splice(data: bytearray, draw: random.Random) -> None:
    start, target = draw.randrange(len(data) + 1), draw.randrange(len(data) + 1)
    data[target:target] = data[start : start + draw.randrange(1, 200)]


def insert(data: bytearray, draw: random.Random) -> None:
    at = draw.randrange(len(data) + 1)
    data[at:at] = draw.choice(TOKENS)


def rubbish(data: bytearray, draw: random.Random) -> None:
    at = draw.randrange(len(data) + 1)
    data[at:at] = draw.randbytes(draw.randrange(1, 40))


MUTATIONS: tuple[Mutate, ...] = (flip, flip, flip, cut, remove, splice, insert, insert, rubbish)


def mutated(whole: bytes, draw: random.Random) -> bytes:
    data = bytearray(whole)
    for _ in range(draw.choice((1, 1, 2, 3, 8))):
        draw.choice(MUTATIONS)(data, draw)
    return bytes(data)


def numbered() -> list[bytes]:
    return [f"{number} ".encode() + text for number, text in enumerate(TEXTS, 1000)]


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("form", FORMATS)
def test_mutated_files_lose_no_row_that_is_whole(tmp_path: Path, form: str, chaos_n: int) -> None:
    made = FORMATS[form]
    rows = {made.row(text): text for text in numbered()}
    whole = made.head + b"".join(rows)
    path = tmp_path / f"toy.{made.kind}"
    lost = 0
    for trial in range(FILES * chaos_n):
        data = mutated(whole, random.Random(f"{form} {trial}"))
        path.write_bytes(data)
        began = time.monotonic()
        found = outcome(made, path)
        assert time.monotonic() - began < 10, trial
        expected = surviving(made, data, rows)
        if found.bad and found.bad[0][0].endswith(":0"):
            continue  # the first bytes now say that this is no text at all
        missing = expected - Counter(found.texts())
        assert not missing, (trial, missing)
        lost += len(found.bad)
    assert lost


def surviving(form: Format, data: bytes, rows: dict[bytes, bytes]) -> Counter[bytes]:
    """Return the texts of all rows that are still as they were, and not within something else."""
    data = data.removeprefix(b"\xef\xbb\xbf")
    if form.head and not data.startswith(form.head):
        return Counter()
    if form.kind == "csv":  # what follows a quote may be inside it
        data = data.partition(b'"')[0].rpartition(b"\n")[0] + b"\n" if b'"' in data else data
    data = data[len(form.head) :]
    if form.kind == "wikiextractor":
        return Counter(text for row, text in rows.items() if b"\n" + row in b"\n" + data)
    end = b"\n\n" if form.options.get("mode") == "paragraphs" else b"\n"
    return Counter(rows[part + end] for part in data.split(end) if part + end in rows)


PARQUET_WRITERS = {
    "plain": {"compression": "none", "use_dictionary": False, "row_group_size": 10},
    "dictionary": {"compression": "zstd", "row_group_size": 20, "data_page_size": 64},
    "version 2": {"compression": "snappy", "data_page_version": "2.0"},
}


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("writer", PARQUET_WRITERS)
def test_mutated_parquet_files_never_stop_a_build(
    tmp_path: Path, writer: str, chaos_n: int
) -> None:
    path = tmp_path / "toy.parquet"
    write_cells(path, list(numbered()), **PARQUET_WRITERS[writer])
    whole, known = path.read_bytes(), set(numbered())
    refused = changed = 0
    for trial in range(FILES * chaos_n // len(PARQUET_WRITERS) + 1):
        path.write_bytes(mutated(whole, random.Random(f"{writer} {trial}")))
        found = outcome(PARQUET_FORMAT, path, clean=False)
        refused += bool(found.bad)
        changed += any(text not in known for text in found.texts())
    assert refused
    print(f"\n{writer}: {refused} of {trial + 1} files told, {changed} with another text")
    assert changed <= (trial + 1) // 50  # damage of the footer has no checksum


# Bombs: what they take of memory, reader and its child together

LIMIT_MB = 400
linux = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
# Not ru_maxrss of the process itself: Linux counts in it what its parent had before `exec`.
MEASURE = """
import resource, sys
from collections import Counter
from pathlib import Path
from bad_records import FORMATS, PARQUET_FORMAT, items
form, path = FORMATS.get(sys.argv[1], PARQUET_FORMAT), Path(sys.argv[2])
kinds = Counter("bad" if isinstance(item, tuple) else item.text[:8] for item in items(form, path))
own = int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(own + child >> 10, kinds["Bun di."], kinds["bad"])
"""


def measured(form: str, path: Path) -> tuple[int, int, int]:
    """Return the peak (MB) of reading a file in a fresh process, its good rows, and the bad."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, form, str(path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    print(f"\n{path.name} {path.stat().st_size >> 10} KB: {done.stdout.strip()}", end=" ")
    peak, good, bad = map(int, done.stdout.split())
    return peak, good, bad


@linux
@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("packed", [False, True])
def test_a_line_of_100_mb_takes_little_memory(tmp_path: Path, form: str, packed: bool) -> None:
    made = FORMATS[form]
    path = tmp_path / f"line.{form}".replace(" ", "-")
    good = made.row(b"Bun di.")
    row = made.row(random.Random(0).randbytes(1 << 20).hex().encode() * 50)
    with gzip.open(path, "wb", 1) if packed else path.open("wb") as file:
        file.write(made.head + good + row + good)
    peak, kept, bad = measured(form, path)
    assert (kept, bad) == (2, 1)
    assert peak < LIMIT_MB


HARD_LINES = {
    "arrays": b"[" + b"[]," * 349_000 + b"[]]",
    "objects": b"[" + b"{}," * 349_000 + b"{}]",
    "keys": b"{" + b",".join(b'"%d":1' % n for n in range(100_000)) + b"}",
    "escapes": b'{"t": "' + b"\\u0622\\n" * 130_000 + b'"}',
    "wide letters": b'{"t": "' + b"x" * 1_000_000 + "😀".encode() + b'"}',
    "ligatures of 18 letters": b'{"t": "' + "ﷺ".encode() * 300_000 + b'"}',
}


@linux
@pytest.mark.parametrize("name", HARD_LINES)
def test_a_line_that_unfolds_takes_little_memory(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"{name}.jsonl"
    good = FORMATS["jsonl"].row(b"Bun di.")
    path.write_bytes(good + (HARD_LINES[name] + b"\n") * 9 + good)
    peak, kept, _ = measured("jsonl", path)
    assert kept == 2
    assert peak < LIMIT_MB


@linux
def test_a_gzip_bomb_takes_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "bomb.jsonl"
    with gzip.open(path, "wb", 1) as file:
        for _ in range(200):
            file.write(b"x" * (1 << 20))
    peak, kept, bad = measured("jsonl", path)
    assert (kept, bad) == (0, 1)
    assert peak < LIMIT_MB


BOMBS: dict[str, tuple[Callable[[], list], bool, int]] = {  # cells, dictionary, good rows kept
    "200 times one MB": (lambda: ["x" * 1_000_000] * 200, True, 2),
    "20,000 times 10 KB": (lambda: ["x" * 10_000] * 20_000, True, 2),
    "10 times 20 MB": (lambda: ["x" * 20_000_000] * 10, True, 2),
    "one cell of 200 MB": (lambda: ["x" * 200_000_000], False, 0),
    "one list of 300 MB": (lambda: [["x" * 1000] * 300_000], True, 0),
}


@linux
@pytest.mark.parametrize("name", BOMBS)
def test_a_parquet_bomb_takes_little_memory(tmp_path: Path, name: str) -> None:
    cells, dictionary, kept = BOMBS[name]
    bomb = cells()
    good = ["Bun di."] if isinstance(bomb[0], str) else [["Bun di."]]
    path = tmp_path / f"{name}.parquet"
    table = pa.table({"t": [*good, *bomb, *good]})
    pq.write_table(table, path, compression="zstd", use_dictionary=dictionary)
    peak, read, _ = measured("parquet", path)
    assert read == kept
    assert peak < LIMIT_MB


def test_the_fuzz_can_find_something(tmp_path: Path) -> None:
    """A row that is whole and missing is seen: the negative control of the tests above."""
    form = FORMATS["lines"]
    rows = {form.row(text): text for text in numbered()}
    expected = surviving(form, b"".join(rows), rows)
    assert expected == Counter(numbered())
    assert expected - Counter(Outcome([], []).texts()) == expected
