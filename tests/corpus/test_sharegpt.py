"""Conversations: roles, turns and what is wrong with them; arrays are read item by item."""

from __future__ import annotations

import json
import random
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from corpus_support import Read, source

from locale_tune.api import Bad, PackError, Record
from locale_tune_corpus import json_items
from locale_tune_corpus.json_items import Item, read_items

ASK, SAY = {"from": "human", "value": "Bun di?"}, {"from": "gpt", "value": "Bun di!"}
SYSTEM = {"from": "system", "value": "Ti es in assistent."}
EMPTY_ASK, EMPTY_SAY = {"from": "human", "value": " "}, {"from": "gpt", "value": ""}


def chat(*turns: Any, **more: Any) -> dict[str, Any]:
    return {"conversations": list(turns), **more}


def roles(record: Record) -> str:
    return "".join(message.role[0] for message in record.messages)


@pytest.mark.parametrize("form", ["lines", "array", "indented"])
def test_both_styles_are_chats(read: Read, form: str) -> None:
    chats = [
        chat(SYSTEM, ASK, SAY, id="abc_1"),
        {"messages": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]},
        {"system": "S", "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Q"}, {"text": "q"}]},
            {"role": "assistant", "content": "A"},
        ]},
    ]  # fmt: skip
    lines = "\n".join(map(json.dumps, chats))
    text = lines if form == "lines" else json.dumps(chats, indent=2 if form == "indented" else None)
    items = read("sharegpt", text, "lessons")
    assert [roles(item) for item in items] == ["sua", "ua", "sua"]
    assert [item.id for item in items] == ["toy:1", "toy:2", "toy:3"]
    assert items[0].meta["group"] == "toy-abc"
    assert items[0].messages[2].content == "Bun di!"
    assert items[2].messages[1].content == "Q\nq"
    wheres = {"lines": ["1", "2", "3"], "array": ["1#1", "1#2", "1#3"]}
    assert items[1].meta["where"].startswith("toy.sharegpt:")
    if form in wheres:
        assert [item.meta["where"].rpartition(":")[2] for item in items] == wheres[form]


@pytest.mark.parametrize(
    ("turns", "kept", "left_out"),
    [
        ([SAY, ASK, SAY], "ua", "1 before the first question"),
        ([SYSTEM, SAY, EMPTY_ASK, ASK, SAY], "sua", "2 before the first question"),
        ([ASK, SAY, ASK], "ua", "1 after the last answer"),
        ([ASK, SAY, ASK, EMPTY_SAY], "ua", "2 after the last answer"),
        ([{**SYSTEM, "value": ""}, ASK, SAY], "ua", "an empty system prompt"),
        ([SAY, ASK, SAY, ASK], "ua", "1 before the first question, 1 after the last answer"),
        ([ASK, SAY, ASK, SAY], "uaua", ""),
        ([SYSTEM, ASK, SAY], "sua", ""),
    ],
)
def test_what_is_left_out_at_the_ends_is_told(
    read: Read, turns: list[dict[str, str]], kept: str, left_out: str
) -> None:
    [record] = read("sharegpt", json.dumps(chat(*turns)), "lessons")
    assert roles(record) == kept
    if kept == "sua":  # a prompt beside the turns does not come twice
        [record] = read("sharegpt", json.dumps(chat(*turns, system="Auter.")), "lessons")
        assert roles(record) == kept
    assert record.meta.get("left_out", "") == left_out


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (chat(ASK, ASK, SAY), "turn 2 is of the user again"),
        (chat(ASK, SAY, SAY), "turn 3 is of the assistant again"),
        (chat(ASK, SAY, EMPTY_ASK, SAY), "a turn between others is empty"),
        (chat(ASK, EMPTY_SAY, ASK, SAY), "a turn between others is empty"),
        (chat(ASK, SYSTEM, SAY), "a system turn stands between others"),
        (chat(ASK), "no answer to a question"),
        (chat(SYSTEM), "no answer to a question"),
        (chat(), "no answer to a question"),
        (chat(ASK, {"from": "tool", "value": "x"}), "turn 2 is of 'tool'"),
        (chat(ASK, {"value": "x"}), "turn 2 is of None"),
        (chat(ASK, {"from": ["gpt"], "value": "x"}), "turn 2 is of ['gpt']"),
        (chat(ASK, {"from": "gpt"}), "turn 2 has no text 'value'"),
        (chat(ASK, {"from": "gpt", "value": 5}), "turn 2 has no text 'value'"),
        (chat(ASK, "Bun di!"), "turn 2 is no object"),
        (chat(ASK, {**SAY, "tool_calls": [{}]}), "turn 2 calls a tool"),
        (chat(ASK, {**SAY, "function_call": {"name": "f"}}), "turn 2 calls a tool"),
        (
            chat({"from": "human", "value": [{"image_url": "x"}]}, SAY),
            "turn 1 holds more than text",
        ),
        ({"text": "x"}, "no list 'conversations' or 'messages'"),
        ({"messages": {}}, "no list 'conversations' or 'messages'"),
        ([], "the item is not a JSON object"),
    ],
)
@pytest.mark.parametrize("array", [False, True])
def test_a_faulty_chat_is_told_and_the_others_stay(
    read: Read, value: Any, reason: str, array: bool
) -> None:
    parts = [json.dumps(part) for part in (chat(ASK, SAY), value, chat(ASK, SAY))]
    text = f"[{', '.join(parts)}]" if array else "\n".join(parts)
    good, bad, last = read("sharegpt", text, "lessons")
    assert roles(good) == roles(last) == "ua"
    assert reason in bad.reason
    assert bad.where == ("toy.sharegpt:1#2" if array else "toy.sharegpt:2")


def test_chats_are_lessons(read: Read) -> None:
    with pytest.raises(PackError, match="read for lessons, not as text"):
        read("sharegpt", json.dumps(chat(ASK, SAY)))


ITEMS = [{"t": "ün"}, {"t": 'a "b" [c] {d}, \\'}, {"t": [{"u": "e"}, {"u": "f"}]}, {"t": ""}]
DAMAGED = {
    "an open string": ('{"t": "x}', "a quote, a bracket or a comma is missing"),
    "a bracket too few": ('{"t": [1, 2}', "missing"),
    "a brace too few": ('{"t": {"u": 1}', "missing"),
    "a brace too many": ('{"t": 1}}', "not JSON"),
    "no key": ('{"t"}', "not JSON"),
    "a number": ("5", "not a JSON object"),
    "nothing": ("", "nothing stands before a comma"),
    "a double key": ('{"t": 1, "t": 2}', "stands twice"),
    "a constant": ('{"t": NaN}', "NaN"),
    "a byte": (b'{"t": "\xff"}', "not UTF-8"),
    "a long item": ('{"t": "' + "x" * (3 << 20) + '"}', "longer than"),
    "depth": ('{"t": ' + "[" * 50 + "]" * 50 + "}", "nested deeper"),
}


def values(folder: Path, content: bytes) -> list[Item | Bad]:
    path = folder / "toy.json"
    path.write_bytes(content)
    return list(read_items(source("toy", uri="data/toy.json"), path))


@pytest.mark.parametrize("place", [0, 2, 4])
@pytest.mark.parametrize("indent", [None, 2, "\t"])
@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_item_costs_itself_only(
    tmp_path: Path, kind: str, indent: int | str | None, place: int
) -> None:
    raw, reason = DAMAGED[kind]
    parts = [json.dumps(item, ensure_ascii=False, indent=indent).encode() for item in ITEMS]
    parts.insert(place, raw if isinstance(raw, bytes) else raw.encode())
    last = place == len(ITEMS)
    items = values(tmp_path, b"[\n" + b",\n".join(parts) + b"\n]\n")
    good = [item.value for item in items if isinstance(item, Item)]
    bad = [item for item in items if isinstance(item, Bad)]
    assert good == ITEMS
    if last and kind == "nothing":  # a comma before the end parts nothing
        assert not bad
        return
    assert len(bad) == 1
    assert last or reason in bad[0].reason
    line = b"[\n".count(b"\n") + b",\n".join(parts[:place]).count(b"\n") + 1 + (place > 0)
    assert last or bad[0].where == f"toy.json:{line}#{place + 1}"


@pytest.mark.parametrize("seed", range(6))
def test_any_array_is_cut_as_json_reads_it(tmp_path: Path, seed: int) -> None:
    random.seed(seed)

    def made(depth: int) -> Any:
        if depth == 0 or random.random() < 0.3:
            return "".join(random.choices('ab\\"{}[],:\n üہ', k=random.randint(0, 9)))
        if random.random() < 0.5:
            return [made(depth - 1) for _ in range(random.randint(0, 3))]
        return {f"k{n}": made(depth - 1) for n in range(random.randint(0, 3))}

    wanted = [{"v": made(4)} for _ in range(40)]
    for indent in (None, 0, 1, 4):
        for plain in (True, False):
            text = json.dumps(wanted, indent=indent, ensure_ascii=plain)
            items = values(tmp_path, text.encode())
            assert [item.value for item in items if isinstance(item, Item)] == wanted


@pytest.mark.parametrize("cut", range(1, 40, 3))
def test_an_array_that_was_cut_off_keeps_what_came_before(tmp_path: Path, cut: int) -> None:
    text = json.dumps(ITEMS).encode()
    items = values(tmp_path, text[:-cut])
    assert isinstance(items[-1], Bad)
    assert "ends before its array does" in items[-1].reason
    good = [item.value for item in items[:-1] if isinstance(item, Item)]
    assert good == ITEMS[: len(good)]
    assert len(good) >= 2


def test_an_escape_may_stand_where_a_long_line_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_items, "LINE_LIMIT", 53)
    wanted = [{"t": 'a "b" \\ "],'[: number % 12] + '\\"'} for number in range(200)]
    items = values(tmp_path, json.dumps(wanted).encode())
    assert [item.value for item in items if isinstance(item, Item)] == wanted


def test_what_stands_behind_an_array_is_told(tmp_path: Path) -> None:
    [item, bad] = values(tmp_path, b'\xef\xbb\xbf [{"t": 1}]\n{"t": 2}\n')
    assert isinstance(item, Item)
    assert isinstance(bad, Bad)
    assert (bad.where, bad.reason) == ("toy.json:2", "text behind the end of the array")
    assert values(tmp_path, b"[]") == values(tmp_path, b"\n [ \n ] \n") == []


def test_a_line_of_any_length_is_read_with_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "toy.json"
    text = json.dumps({"t": "a \\b" + "text " * 30_000})
    path.write_text("[" + ", ".join([text] * 60) + ', "' + "x" * (30 << 20) + '"]')
    tracemalloc.start()
    count = sum(isinstance(item, Item) for item in read_items(source("toy"), path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 60
    assert peak < 6 << 20 < path.stat().st_size / 5


def test_an_array_of_rows_is_read_as_lines_of_rows_are(read: Read) -> None:
    rows = [{"t": "in", "g": "a"}, {"t": 5, "g": "b"}, {"t": "dus", "g": "c"}]
    items = read("json", json.dumps(rows), text="t", group="g")
    assert [(item.text, item.meta["group"]) for item in (items[0], items[2])] == [
        ("in", "a"),
        ("dus", "c"),
    ]
    assert (items[1].where, items[1].reason) == ("toy.json:1#2", "field 't' is a number, not text")
