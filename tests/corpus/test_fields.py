"""Rows become texts, chats, questions and pairs, whatever the file calls them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from corpus_support import Read

from locale_tune.api import Bad, Record

ASK = {"q": "Tge?", "c": ["A", "B", "C"], "a": 1}


def one(read: Read, row: dict[str, Any], **options: Any) -> Record | Bad:
    [item] = read("jsonl", json.dumps(row), **options)
    return item


def test_a_chat_keeps_its_turns(read: Read) -> None:
    turns = [{"role": "user", "content": "Bun di"}, {"role": "assistant", "content": "Allegra"}]
    record = one(read, {"m": turns}, messages="m")
    assert [(m.role, m.content) for m in record.messages] == [
        ("user", "Bun di"),
        ("assistant", "Allegra"),
    ]


@pytest.mark.parametrize(
    ("turns", "reason"),
    [
        ("Bun di", "is a number, not a list"),
        ([], "not a list of turns"),
        (["Bun di"], "turn 1 is"),
        ([{"role": "bot", "content": "x"}], "'bot' is no role"),
        ([{"role": "user"}], "no field 'content'"),
        ([{"role": ["user"], "content": "x"}], "is no role"),
    ],
)
def test_a_broken_chat_says_why(read: Read, turns: Any, reason: str) -> None:
    row = {"m": 5 if turns == "Bun di" else turns}
    assert reason in one(read, row, messages="m").reason


def test_columns_become_turns_by_template(read: Read) -> None:
    turns = [["user", "Tge è {w}?"], ["assistant", "g"]]
    record = one(read, {"w": "chasa", "g": "house"}, turns=turns)
    assert [m.content for m in record.messages] == ["Tge è chasa?", "house"]


@pytest.mark.parametrize("answer", [1, "1", "B", "b", " B ", "zwei"])
def test_an_answer_is_an_index_a_letter_or_the_text(read: Read, answer: Any) -> None:
    row = {"q": "?", "c": ["eins", "zwei", "drei"], "a": answer}
    assert one(read, row, question="q", choices="c", answer="a").answer == 1


def test_letters_of_the_language_name_the_choices(read: Read) -> None:
    row = {"q": "?", "c": {"أ": "واحد", "ب": "اثنين"}, "a": "ب"}
    record = one(read, row, question="q", choices="c", answer="a")
    assert (record.choices, record.answer) == (("واحد", "اثنين"), 1)


@pytest.mark.parametrize("answer", [3, -1, True, "D", "vier", None, [1], 10**400, "99"])
def test_an_answer_outside_the_choices_is_refused(read: Read, answer: Any) -> None:
    bad = one(read, {**ASK, "a": answer}, question="q", choices="c", answer="a")
    assert isinstance(bad, Bad)
    assert "none of the 3 choices" in bad.reason


@pytest.mark.parametrize("choices", [["A"], ["A", "A"], "AB", ["A", 5], ["A", None]])
def test_choices_that_cannot_be_told_apart_are_refused(read: Read, choices: Any) -> None:
    assert isinstance(one(read, {**ASK, "c": choices}, question="q", choices="c", answer="a"), Bad)


def test_shuffling_moves_the_answer_along_and_is_the_same_each_time(read: Read) -> None:
    rows = "\n".join(json.dumps({**ASK, "q": f"Nr. {n}?"}) for n in range(60))
    ways = {"question": "q", "choices": "c", "answer": "a", "shuffle": True}
    first, again = read("jsonl", rows, **ways), read("jsonl", rows, **ways)
    assert first == again
    assert {record.choices[record.answer] for record in first} == {"B"}
    assert {record.answer for record in first} == {0, 1, 2}


def test_a_choice_is_cut_where_its_source_repeats_the_answer(read: Read) -> None:
    row = {"q": "?", "c": ["Ja", "Nein) Ja"], "a": 0}
    ways = {"question": "q", "choices": "c", "answer": "a", "cut_choices_at": ") "}
    assert one(read, row, **ways).choices == ("Ja", "Nein")


def test_fixed_choices_serve_statements(read: Read) -> None:
    ways = {"question": "Ist das wahr? {q}", "fixed_choices": ["ja", "nein"], "answer": "a"}
    record = one(read, {"q": "Es regnet.", "a": "nein"}, **ways)
    assert (record.question, record.answer) == ("Ist das wahr? Es regnet.", 1)


def test_rows_are_kept_and_skipped_by_their_start(read: Read) -> None:
    rows = "\n".join(
        json.dumps({"t": t, "id": i})
        for t, i in [("x", "Oman-1"), ("y", "Iraq-2"), ("# z", "Oman-3")]
    )
    records = read("jsonl", rows, text="t", keep={"id": ["Oman-"]}, skip={"t": ["#"]})
    assert [record.text for record in records] == ["x"]


def test_the_row_number_can_be_a_group(read: Read) -> None:
    records = read("csv", "a\nb\n", text="0", header=False, group="mmlu-{#}")
    assert [record.meta["group"] for record in records] == ["mmlu-1", "mmlu-2"]


def test_a_pair_says_its_other_language(read: Read) -> None:
    record = one(
        read, {"t": "chasa", "x": "house"}, text="t", translation="x", translation_lang="en"
    )
    assert (record.translation, record.meta["translation_lang"]) == ("house", "en")


def test_emoji_codes_go_and_times_stay(read: Read) -> None:
    record = one(
        read, {"t": "هلا :joy::sob:ud والله 10:30:45 :heart:"}, text="t", emoji_codes="remove"
    )
    assert record.text == "هلا والله 10:30:45"


def test_underscores_can_stand_for_spaces(read: Read) -> None:
    assert one(read, {"t": "good_luck"}, text="t", spaces="_").text == "good luck"


def test_a_row_that_cannot_be_read_is_shown_a_line_for_each_column(read: Read) -> None:
    (bad,) = read("jsonl", '{"nr": 7, "t": "", "said": "ليست تهكم", "mood": "x"}', text="t")
    assert isinstance(bad, Bad)
    assert bad.text == "nr: 7\nsaid: ليست تهكم\nmood: x"


def test_columns_become_tags(read: Read) -> None:
    row = {"t": "Bun di", "culture": "food", "date": "2025-01"}
    record = one(read, row, text="t", tag_columns=["culture", "date"])
    assert record.meta == {"where": record.meta["where"], "culture": "food", "date": "2025-01"}
    bad = one(read, {"t": "Bun di"}, text="t", tag_columns=["culture"])
    assert "no field 'culture'" in bad.reason
