"""JSON lines: each class of bad record at first, middle and last place (design note D1)."""

from __future__ import annotations

import json

import pytest
from corpus_support import Read

from locale_tune.api import Bad, PackError, Record

GOOD = [
    '{"t": "Bun di.", "n": 1}',
    '{"t": "Schöne Grüße \\u0622", "other": null}',
    '{"t": "مرحبا"}',
]
BAD = {
    "no JSON": ('{"t": "x"', "not JSON"),
    "text after": ('{"t": "x"} y', "not JSON"),
    "NaN": ('{"t": "x", "n": NaN}', "NaN is not JSON"),
    "infinity": ('{"t": "x", "n": -Infinity}', "-Infinity is not JSON"),
    "double key": ('{"t": "x", "t": "y"}', "the key 't' stands twice"),
    "surrogate": ('{"t": "\\ud800"}', "lone surrogate"),
    "surrogate key": ('{"t": "x", "\\udfff": 1}', "lone surrogate"),
    "deep": ('{"t": ' + "[" * 100_000, "nested deeper"),
    "deep enough": ('{"t": "x", "n": ' + "[" * 40 + "]" * 40 + "}", "nested deeper than 32"),
    "long number": ('{"t": "x", "n": ' + "9" * 5000 + "}", "4300 digits"),
    "number": ('{"t": 5}', "field 't' is a number, not text"),
    "null": ('{"t": null}', "field 't' is null"),
    "list": ('{"t": ["x"]}', "field 't' is a list"),
    "absent": ('{"tt": "x"}', "no field 't'; did you mean 'tt'?"),
    "blank": ('{"t": "  "}', "field 't' is empty"),
    "no object": ('["t"]', "not a JSON object"),
    "bytes": (b'{"t": "\xff"}', "not UTF-8"),
    "long": ('{"t": "' + "x" * (1 << 20) + '"}', "line longer than"),
}


@pytest.mark.parametrize("place", [0, 1, 3])
@pytest.mark.parametrize("kind", BAD)
def test_one_bad_record_is_named_and_the_others_stay(read: Read, kind: str, place: int) -> None:
    raw, reason = BAD[kind]
    lines = [line.encode() for line in GOOD]
    lines.insert(place, raw if isinstance(raw, bytes) else raw.encode())
    items = read("jsonl", b"\n".join(lines), text="t")
    texts = [item.text for item in items if isinstance(item, Record)]
    assert texts == [json.loads(line)["t"] for line in GOOD]
    [bad] = [item for item in items if isinstance(item, Bad)]
    assert bad.where == f"toy.jsonl:{place + 1}"
    assert reason in bad.reason


def test_blank_lines_are_nothing(read: Read) -> None:
    assert len(read("jsonl", "\n".join(["", *GOOD, "  ", ""]), text="t")) == 3


def test_text_comes_in_one_normal_form(read: Read) -> None:
    [record] = read("jsonl", '{"t": "e\\u0301"}', text="t")
    assert record.text == "é"


def test_an_unknown_option_is_a_mistake_in_the_pack(read: Read) -> None:
    with pytest.raises(PackError, match="did you mean 'text'"):
        read("jsonl", GOOD[0], txt="t")


def test_usual_names_need_no_options(read: Read) -> None:
    assert [item.text for item in read("jsonl", '{"text": "Bun di."}')] == ["Bun di."]
    [record] = read("jsonl", '{"question": "?", "choices": ["a", "b"], "answer": "b"}', "questions")
    assert record.answer == 1


def test_a_row_without_its_group_is_bad_too(read: Read) -> None:
    [bad] = read("jsonl", GOOD[0], text="t", group="g")
    assert bad.reason == "no field 'g'"
