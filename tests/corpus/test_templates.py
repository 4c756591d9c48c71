"""Rows become lessons in the words of a pack: every slot filled, every lesson parsed back."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from corpus_support import ROMANSH, Read, parts, source

from locale_tune.api import Bad, PackError, Record
from locale_tune_corpus.templates import HEAD

CAPITAL = [
    {"task": "capital", "ask": "Tge è la chapitala da {land}?", "say": "{town}."},
    {"task": "capital", "ask": "{land}: co ha num la chapitala?", "say": "Ella ha num {town}."},
    {"task": "capital", "ask": "Fa ina dumonda cun la resposta «{town}».", "say": "{land}?"},
]
PLACES = [{"land": f"Pajais {n}", "town": f"Citad {n}", "id": n} for n in range(90)]
CHOOSE = {"task": "q", "ask": "{q}\n\n{choices}", "say": "{answer}"}
QUIZ = [{"q": f"Dumonda {n}?", "c": [f"a{n}", f"b{n}", f"c{n}"], "a": n % 3} for n in range(60)]


def lines(rows: list[dict[str, Any]]) -> str:
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)


def pour(read: Read, data: Any, templates: list[dict[str, Any]], **more: Any) -> list[Any]:
    text = data if isinstance(data, str) else lines(data)
    ways: dict[str, Any] = {"rows": "jsonl", "templates": templates, **more}
    return read("templates", text, role="lessons", **ways)


def said(record: Record) -> tuple[str, str]:
    ask, say = record.messages
    assert (ask.role, say.role) == ("user", "assistant")
    return ask.content, say.content


def unpoured(template: dict[str, Any], record: Record) -> dict[str, str]:
    """Read the slots back from a lesson; they must agree wherever they stand."""
    found: dict[str, str] = {}
    for side, text in zip(("ask", "say"), said(record), strict=True):
        names = re.findall(r"\{(\w+)\}", template[side])
        pattern = re.sub(r"\\\{(\w+)\\\}", "(.+)", re.escape(template[side]))
        match = re.fullmatch(pattern, text, re.DOTALL)
        assert match, text
        for name, value in zip(names, match.groups(), strict=True):
            assert found.setdefault(name, value) == value
    return found


def used(templates: list[dict[str, Any]], record: Record) -> dict[str, Any]:
    task, _, number = record.meta["template"].partition(".")
    return [t for t in templates if t["task"] == task][int(number) - 1]


def test_every_lesson_parses_back_into_its_row(read: Read) -> None:
    records = pour(read, PLACES, CAPITAL)
    assert len(records) == len(PLACES)
    for row, record in zip(PLACES, records, strict=True):
        assert unpoured(used(CAPITAL, record), record) == {"land": row["land"], "town": row["town"]}
        assert record.meta["task"] == "capital"


def test_each_phrasing_gets_its_share_and_a_row_keeps_its_own(read: Read) -> None:
    first, again = pour(read, PLACES, CAPITAL), pour(read, list(PLACES), CAPITAL)
    assert first == again
    counts = Counter(record.meta["template"] for record in first)
    assert set(counts) == {"capital.1", "capital.2", "capital.3"}
    assert min(counts.values()) >= 15
    fewer = pour(read, PLACES[:10], CAPITAL)
    assert fewer == first[:10]


def test_a_row_gives_one_lesson_of_each_task_and_they_are_one_group(read: Read) -> None:
    other = {"task": "land", "ask": "Nua è {town}?", "say": "En: {land}."}
    records = pour(read, PLACES, [*CAPITAL, other], group="pajais-{id}", variety="land")
    assert len(records) == 2 * len(PLACES)
    assert len({record.id for record in records}) == len(records)
    assert Counter(r.meta["group"] for r in records)["pajais-7"] == 2
    assert records[0].variety == "Pajais 0"
    alone = pour(read, PLACES[:1], [*CAPITAL, other])
    assert {r.meta["group"] for r in alone} == {"toy:1"}


def test_choices_are_listed_and_shuffling_keeps_the_answer(read: Read) -> None:
    ways = {"choices": "c", "answer": "a"}
    plain = pour(read, QUIZ, [CHOOSE], **ways)
    mixed = pour(read, QUIZ, [CHOOSE], shuffle=True, **ways)
    orders = set()
    for row, one, other in zip(QUIZ, plain, mixed, strict=True):
        right = row["c"][row["a"]]
        assert said(one) == (f"{row['q']}\n\n" + "\n".join(f"- {c}" for c in row["c"]), right)
        assert said(other)[1] == right
        listed = [line.removeprefix("- ") for line in said(other)[0].split("\n")[2:]]
        assert sorted(listed) == sorted(row["c"])
        orders.add(tuple(row["c"].index(choice) for choice in listed))
    assert len(orders) == 6


def test_a_list_is_written_as_the_language_writes_it(read: Read) -> None:
    row = [{"q": "أي حيوان يطير؟", "c": ["كلب", "صقر", "سمك"], "a": 1}]
    marked = {**CHOOSE, "say": "{mark}) {answer}", "listing": {"item": "{mark}) {choice}"}}
    marked["listing"]["marks"] = ["أ", "ب", "ج"]
    inline = {**CHOOSE, "ask": "{q} {choices}؟"}
    ways = {"choices": "c", "answer": "a"}
    [record] = pour(read, row, [marked], **ways)
    assert said(record) == ("أي حيوان يطير؟\n\nأ) كلب\nب) صقر\nج) سمك", "ب) صقر")
    listing = {"item": "{choice}", "between": "، ", "last": " ولا "}
    [record] = pour(read, row, [inline], listing=listing, **ways)
    assert said(record)[0] == "أي حيوان يطير؟ كلب، صقر ولا سمك؟"


def test_labels_become_words_of_the_language_and_are_the_choices(read: Read) -> None:
    rows = [{"s": f"Frasa {n}", "label": n % 2} for n in range(40)]
    yes_no = {"task": "t", "ask": "{s}. Constat? {choices}", "say": "{answer}"}
    right = {
        **yes_no,
        "ask": "{s}. Gist? {choices}",
        "values": {"label": {"0": "fauss", "1": "gist"}},
    }
    words = {"label": {"0": "na", "1": "gea"}}
    records = pour(read, rows, [yes_no, right], values=words, answer="label")
    seen = set()
    for row, record in zip(rows, records, strict=True):
        ask, say = said(record)
        pair = ("fauss", "gist") if "Gist" in ask else ("na", "gea")
        assert say == pair[row["label"]]
        assert ask.endswith(f"- {pair[0]}\n- {pair[1]}")
        seen.add(pair)
    assert len(seen) == 2


def test_truth_values_and_numbers_are_written(read: Read) -> None:
    template = {"task": "t", "ask": "{n}?", "say": "{ok} {n}"}
    ways = {"values": {"ok": {"true": "صح", "false": "غلط"}}, "digits": "٠١٢٣٤٥٦٧٨٩"}
    [record] = pour(read, [{"n": 120, "ok": True}], [template], **ways)
    assert said(record) == ("١٢٠?", "صح ١٢٠")
    [record] = pour(read, [{"n": 120, "ok": True}], [template], group="n-{n}", **ways)
    assert record.meta["group"] == "n-120"  # a group is the same in every language


def test_answers_are_extracted_and_found_deeper_in_a_row(read: Read) -> None:
    row = {"q": "2 + 2?", "solution": "quai fa #### 4 ", "answers": {"text": ["quatter", "4"]}}
    template = {"task": "t", "ask": "{q}", "say": "{solution}: {answers.text.0}"}
    [record] = pour(read, [row], [template], extract={"solution": "#### (.+)"})
    assert said(record) == ("2 + 2?", "4: quatter")
    [bad] = pour(read, [{**row, "solution": "4"}], [template], extract={"solution": "#### (.+)"})
    assert "nothing that its pattern finds" in bad.reason


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"land": "Frantscha"}, "no field 'town'"),
        ({"land": "Frantscha", "town": " "}, "field 'town' is empty"),
        ({"land": "Frantscha", "town": None}, "field 'town' is null, not text"),
        ({"land": "Frantscha", "town": 1.5}, "field 'town' is a number, not text"),
        ({"land": ["x"], "town": "Paris"}, "field 'land' is a list, not text"),
    ],
)
def test_a_row_that_lacks_what_a_phrasing_needs_says_so(
    read: Read, row: dict[str, Any], reason: str
) -> None:
    good, bad = pour(read, [PLACES[0], row], CAPITAL)
    assert isinstance(good, Record)
    assert isinstance(bad, Bad)
    assert (bad.where, reason in bad.reason) == ("toy.templates:2", True)


def test_a_label_without_a_word_and_an_answer_that_is_none_are_told(read: Read) -> None:
    template = {"task": "t", "ask": "{q} {choices}", "say": "{answer}"}
    [bad] = pour(read, [{"q": "x", "a": "2"}], [template], answer="a", values={"a": {"0": "na"}})
    assert "no word for '2' of field 'a'" in bad.reason
    [bad] = pour(read, [{"q": "x", "a": 7, "c": ["u", "v"]}], [template], answer="a", choices="c")
    assert "none of the 2 choices" in bad.reason


def test_more_choices_than_marks_are_told(read: Read) -> None:
    marked = {**CHOOSE, "listing": {"item": "{mark} {choice}", "marks": ["a", "b"]}}
    assert "choice 3 has no mark" in pour(read, QUIZ, [marked], choices="c", answer="a")[0].reason


def test_rows_may_be_left_out_and_a_test_split_with_them(read: Read) -> None:
    rows = [{**row, "split": "test" if row["id"] % 3 else "train"} for row in PLACES]
    records = pour(read, rows, CAPITAL, keep={"split": ["train"]})
    assert len(records) == 30
    assert pour(read, rows, CAPITAL, skip={"split": ["test"]}) == records


@pytest.mark.parametrize("role", ["text", "questions", "parallel"])
def test_no_role_but_lessons_is_poured(read: Read, role: str) -> None:
    with pytest.raises(PackError, match="has the role"):
        read("templates", lines(PLACES), role=role, rows="jsonl", templates=CAPITAL)


@pytest.mark.parametrize(
    ("template", "more", "problem"),
    [
        ({"ask": "{land}? {choices}"}, {}, "there are no choices to list"),
        ({"ask": "{land}? {choices}"}, {"choices": "c"}, "there are no choices to list"),
        ({"ask": "{lnd}?"}, {}, "none of the first 90 rows has 'lnd'"),
        ({"ask": "{land"}, {}, "brace"),
        ({"ask": r"{land}\n"}, {}, "backslash"),
        ({"ask": "Tge?", "say": "Nagut."}, {}, "nothing is filled in"),
        ({"say": "{mark}"}, {"answer": "a", "values": {"a": {"0": "x"}}}, "stands for nothing"),
        (
            {"ask": "{land} {choices}", "listing": {"item": "x"}},
            {"answer": "town", "values": {"town": {"0": "x"}}},
            "the listing's item is 'x'",
        ),
        ({}, {"digits": "01"}, "not ten digits"),
        ({}, {"extract": {"town": "("}}, "no regular expression"),
        ({}, {"extract": {"town": "a"}}, "has 0 groups"),
        ({}, {"rows": "xml"}, "option 'rows'"),
    ],
)
def test_what_no_row_can_fill_is_the_authors(
    read: Read, template: dict[str, Any], more: dict[str, Any], problem: str
) -> None:
    with pytest.raises(PackError) as raised:
        pour(read, PLACES, [CAPITAL[1], {**CAPITAL[0], **template}], **more)
    assert problem in raised.value.problem
    assert raised.value.remedy


def test_a_column_that_few_rows_have_is_found_from_the_start_of_the_file(read: Read) -> None:
    rare = [*PLACES[:2], {**PLACES[2], "note": "x"}]
    template = [*CAPITAL, {"task": "note", "ask": "{land}?", "say": "{note}"}]
    items = pour(read, rare, template)
    assert [isinstance(item, Bad) for item in items] == [True, True, False, False]
    late = [*(PLACES * 2)[:HEAD], {**PLACES[2], "note": "x"}]
    with pytest.raises(PackError, match="none of the first 100 rows has 'note'"):
        pour(read, late, template)


@pytest.mark.parametrize("kind", ["json", "csv", "tsv"])
def test_rows_of_every_kind_say_the_same(read: Read, kind: str) -> None:
    if kind == "json":
        text = json.dumps(PLACES)
    else:
        sign = "," if kind == "csv" else "\t"
        text = "\n".join([sign.join(PLACES[0]), *(sign.join(map(str, r.values())) for r in PLACES)])
    found = pour(read, text, CAPITAL, rows=kind)
    assert len(found) == len(PLACES)
    shown = {said(record) for record in found}
    possible = {(t["ask"].format(**row), t["say"].format(**row)) for row in PLACES for t in CAPITAL}
    assert shown <= possible


@pytest.mark.slow
def test_parquet_and_stretches_of_a_file_give_the_same_lessons(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [{"answers": {"town": row["town"]}, "land": row["land"]} for row in PLACES]
    path, text = tmp_path / "rows.parquet", tmp_path / "rows.jsonl"
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=30)
    text.write_text(lines(rows), encoding="utf-8")
    templates = [{"task": "t", "ask": "{land}?", "say": "{answers.town}"}]
    kind = parts().source_kinds["templates"]
    whole = []
    for place, rows_kind in ((path, "parquet"), (text, "jsonl")):
        made = source(
            "toy",
            "templates",
            "lessons",
            uri="data/rows",
            options={"rows": rows_kind, "templates": templates},
        )
        records = list(kind.read(made, place, ROMANSH))
        assert [said(r) for r in records] == [(f"{r['land']}?", r["answers"]["town"]) for r in rows]
        assert kind.cut
        spans = kind.cut(made, place, 1000)
        assert len(spans) > 1
        assert [r for span in spans for r in kind.read(made, place, ROMANSH, span=span)] == records
        whole.append([record.id for record in records])
    assert whole[0] == whole[1]


def test_the_files_line_is_in_the_message(read: Read) -> None:
    made = source(
        "toy",
        "templates",
        "lessons",
        options={"rows": "jsonl", "templates": [{**CAPITAL[0], "ask": "{", "line": 12}]},
        options_file="data/capital.toml",
    )
    with pytest.raises(PackError) as raised:
        list(parts().source_kinds["templates"].read(made, Path("none"), ROMANSH))
    assert raised.value.where == "data/capital.toml:12"
    assert "template 1 ('capital') of source 'toy'" in raised.value.problem
