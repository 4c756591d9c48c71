"""Benchmarks are read by name: made-up rows with the columns that the real files have."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from corpus_support import Read

from locale_tune.api import Bad, PackError, Record
from locale_tune_corpus.fields import Fields
from locale_tune_corpus.layouts import LAYOUTS

GLOBAL = {
    "sample_id": "astronomy/test/3",
    "subject": "astronomy",
    "subject_category": "STEM",
    "question": "Tge glischa?",
    "option_a": "A",
    "option_b": "B",
    "option_c": "AB",
    "option_d": "O",
    "answer": "B",
    "culture": "[]",
    "cultural_sensitivity_label": "CA",
    "is_annotated": True,
}
PROX = {
    "question_id": 17,
    "question": "Quants?",
    **{f"option_{n}": str(9 - n) if n < 7 else None for n in range(10)},
    "answer": "G",
    "answer_index": 6,
    "category": "math",
}
BELEBELE = {
    "link": "https://example.org/w",
    "question_number": 1,
    "flores_passage": "Igl era ina giada.",
    "question": "Cura?",
    **{f"mc_answer{n}": str(5 - n) for n in range(1, 5)},
    "correct_answer_num": "3",
    "dialect": "roh_Latn",
}
INCLUDE = {
    "subject": "Law",
    "domain": "Social Science",
    "regional_feature": "region explicit",
    "question": "Tgi?",
    **{f"option_{letter}": f"{letter}." for letter in "abcd"},
    "answer": 2,
}
ARABIC = {
    "Subject": "Driving Test",
    "Level": "",
    "Country": "UAE",
    "Question": "Tge?",
    "Context": "",
    "Answer Key": "B",
    **{f"Option {n}": word for n, word in enumerate(["gea", "na", "", "", ""], 1)},
}


def one(read: Read, row: dict[str, Any], layout: str, **more: Any) -> Record | Bad:
    [item] = read("jsonl", json.dumps(row), role="questions", layout=layout, **more)
    return item


def test_global_mmlu_has_letters_and_marks_of_culture(read: Read) -> None:
    record = one(read, GLOBAL, "global-mmlu")
    assert (record.question, record.choices) == ("Tge glischa?", ("A", "B", "AB", "O"))
    assert record.answer == 1  # the letter, though "A" to "O" are texts of choices too
    assert record.meta["cultural_sensitivity_label"] == "CA"
    assert record.meta["subject_category"] == "STEM"
    assert record.meta["group"] == "global-mmlu-astronomy/test/3"
    assert "culture" not in record.meta


def test_a_question_nobody_has_marked_has_no_mark(read: Read) -> None:
    record = one(read, {**GLOBAL, "cultural_sensitivity_label": None}, "global-mmlu")
    assert "cultural_sensitivity_label" not in record.meta


def test_mmlu_prox_has_up_to_ten_options(read: Read) -> None:
    record = one(read, PROX, "mmlu-prox")
    assert record.choices == ("9", "8", "7", "6", "5", "4", "3")
    assert (record.answer, record.meta["group"]) == (6, "mmlu-prox-math-17")


def test_an_absent_choice_between_others_does_not_move_the_letters(read: Read) -> None:
    record = one(read, {**PROX, "option_1": None, "answer": "C"}, "mmlu-prox")
    assert record.choices[record.answer or 0] == "7"
    bad = one(read, {**PROX, "option_1": None, "answer": "B"}, "mmlu-prox")
    assert isinstance(bad, Bad)
    assert bad.reason == "the right choice is not there"


def test_belebele_counts_from_one_and_has_a_passage(read: Read) -> None:
    record = one(read, BELEBELE, "belebele")
    assert record.question == "Igl era ina giada.\n\nCura?"
    assert record.choices == ("4", "3", "2", "1")
    assert record.answer == 2  # the third one, though its text is "2"
    assert record.meta["group"] == "belebele-https://example.org/w"


def test_include_numbers_its_answers_from_nought(read: Read) -> None:
    record = one(read, INCLUDE, "include")
    assert (record.choices[2], record.answer) == ("c.", 2)
    assert record.meta["regional_feature"] == "region explicit"


def test_arabicmmlu_is_a_table_with_empty_cells(read: Read) -> None:
    table = io.StringIO()
    writer = csv.DictWriter(table, [*ARABIC])
    writer.writeheader()
    writer.writerow(ARABIC)
    writer.writerow({**ARABIC, "Context": "Ina frasa.", "Option 3": "forsa", "Answer Key": "C"})
    two, three = read("csv", table.getvalue(), role="questions", layout="arabicmmlu")
    assert (two.question, two.choices, two.answer) == ("Tge?", ("gea", "na"), 1)
    assert {"Subject", "Country"} <= set(two.meta)
    assert "Level" not in two.meta
    assert (three.question, three.answer) == ("Ina frasa.\n\nTge?", 2)


def test_a_parquet_file_is_read_the_same(read: Read) -> None:
    target = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([PROX]), target)
    [record] = read("parquet", target.getvalue(), role="questions", layout="mmlu-prox")
    assert record.model_copy(update={"id": ""}) == one(read, PROX, "mmlu-prox").model_copy(
        update={"id": "", "meta": record.meta}
    )


def test_an_option_of_the_source_wins_over_its_layout(read: Read) -> None:
    record = one(read, INCLUDE, "include", group="own-{#}", tag_columns=["domain"])
    assert record.meta["group"] == "own-1"
    assert set(record.meta) == {"where", "group", "domain"}


def test_a_layout_nobody_knows_is_a_mistake_with_the_nearest_name(read: Read) -> None:
    with pytest.raises(PackError, match="no layout is called 'belebel'") as error:
        one(read, BELEBELE, "belebel")
    assert "belebele" in error.value.remedy


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_sets_options_there_are(layout: str) -> None:
    Fields.model_validate(dict(LAYOUTS[layout]))


@pytest.mark.parametrize(
    ("answers", "answer", "right"),
    [
        ("any", "3", 0),
        ("text", "3", 0),
        ("letters", "c", 2),
        ("numbers", "3", 3),
        ("numbers", 3, 3),
        ("numbers-from-1", "3", 2),
        ("numbers-from-1", 0, None),
        ("letters", "3", None),
        ("letters", 2, None),
        ("text", "c", None),
        ("numbers", "c", None),
    ],
)
def test_how_an_answer_is_named_can_be_said(
    read: Read, answers: str, answer: Any, right: int | None
) -> None:
    row = {"q": "?", "c": ["3", "2", "1", "0"], "a": answer}
    ways = {"question": "q", "choices": "c", "answer": "a", "answers": answers}
    [item] = read("jsonl", json.dumps(row), **ways)
    assert (item.answer if isinstance(item, Record) else None) == right
