"""Tables: an unclosed quote costs one row, not the rest of the file."""

from __future__ import annotations

import pytest
from corpus_support import Read

from locale_tune.api import Bad, Record

GOOD = ["one,1", '"two, with a comma",2', '"three\nlines\nof text",3', "four,4"]
BAD = {
    "unclosed quote": ('"never closed,9', "quote"),
    "text after a quote": ('"nine"x,9', "not a row"),
    "too many columns": ("nine,9,9", "3 columns where 2 are expected"),
    "too few columns": ("nine", "1 columns where 2 are expected"),
    "empty cell": (",9", "field 't' is empty"),
    "bytes": (b"\xff,9", "not UTF-8"),
}


def rows(items: list[Record | Bad]) -> list[str]:
    return [item.text for item in items if isinstance(item, Record)]


@pytest.mark.parametrize("place", [0, 2, 4])
@pytest.mark.parametrize("kind", BAD)
def test_one_bad_row_is_named_and_the_others_stay(read: Read, kind: str, place: int) -> None:
    raw, reason = BAD[kind]
    lines = [line.encode() for line in ["t,n", *GOOD]]
    lines.insert(place + 1, raw if isinstance(raw, bytes) else raw.encode())
    items = read("csv", b"\n".join(lines), text="t")
    assert rows(items) == ["one", "two, with a comma", "three\nlines\nof text", "four"]
    [bad] = [item for item in items if isinstance(item, Bad)]
    before = b"\n".join(lines[: place + 1]).count(b"\n")
    assert bad.where == f"toy.csv:{before + 2}"
    assert reason in bad.reason


def test_columns_have_numbers_without_a_header(read: Read) -> None:
    [record] = read(
        "csv", "Tge?,a,b,B\n", question="0", choices=["1", "2"], answer="3", header=False
    )
    assert (record.choices, record.answer) == (("a", "b"), 1)


def test_quotes_are_letters_in_tab_separated_text(read: Read) -> None:
    items = read("tsv", 't\tn\n"Bun di\t1\nco "vai"?\t2\n', text="t")
    assert rows(items) == ['"Bun di', 'co "vai"?']


def test_another_delimiter_can_be_named(read: Read) -> None:
    assert rows(read("csv", "a;b\nBun di;x\n", text="a", delimiter=";")) == ["Bun di"]


def test_a_wrong_column_is_named_on_every_row(read: Read) -> None:
    items = read("csv", "text,n\nBun di,1\n", text="txt")
    assert [item.reason for item in items] == ["no field 'txt'; did you mean 'text'?"]


def test_many_open_quotes_do_not_read_the_file_many_times(read: Read) -> None:
    items = read("csv", "t,n\n" + "\n".join(['"open,1', "good,2"] * 3000), text="t")
    assert rows(items).count("good") == 3000
