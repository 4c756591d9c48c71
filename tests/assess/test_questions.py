"""The question format, the scores, and the multiple-choice check."""

from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq
import pytest

from locale_tune.api import Record
from locale_tune_assess.questions import (
    Answers,
    answers,
    is_usable,
    multiple_choice,
    parts_of,
    reliability_row,
    shuffled,
)
from locale_tune_assess.settings import AssessSettings


def asked(question: str, *choices: str, **meta: str) -> Record:
    return Record(
        id="q", source="own", question=question, choices=choices or ("a", "b"), answer=0, meta=meta
    )


def test_a_plain_question_ends_in_a_line_break_and_has_no_english() -> None:
    record = asked(" Co ha num la chapitala? ", " Cuira ", "Berna")
    assert parts_of(record) == ("Co ha num la chapitala?\n", ["Cuira", "Berna"])


def test_a_cloze_goes_on_after_a_space() -> None:
    prompt, choices = parts_of(asked("La chapitala è", "Cuira", "Berna", format="cloze"))
    assert (prompt, choices) == ("La chapitala è", [" Cuira", " Berna"])


def test_a_cloze_of_a_script_without_spaces_goes_on_at_once() -> None:
    assert parts_of(asked("首都は", "東京", "京都", format="cloze"))[1] == ["東京", "京都"]


def test_a_cloze_may_say_what_stands_between() -> None:
    assert parts_of(asked("l'", "aua", "um", format="cloze", joiner=""))[1] == ["aua", "um"]


def test_shuffling_keeps_the_answer_and_depends_on_seed_and_id(question) -> None:
    records = [question(str(i)) for i in range(40)]
    mixed = [shuffled(record, 0) for record in records]
    assert mixed == [shuffled(record, 0) for record in records]
    assert mixed != [shuffled(record, 1) for record in records]
    for record in mixed:
        assert sorted(record.choices) == sorted(records[0].choices)
        assert record.choices[record.answer or 0] == "right one"
    assert {record.answer for record in mixed} == {0, 1, 2, 3}


def test_equally_long_options_get_their_exact_probability() -> None:
    record = asked("?", "aa", "bb")
    scores = answers([record], [[-1.0, -3.0]])
    np.testing.assert_allclose(scores.scores, [[-1.0, -3.0]])
    np.testing.assert_allclose(scores.probabilities[0, 0], 1 / (1 + np.exp(-2)))


def test_a_longer_option_does_not_lose_by_its_length() -> None:
    record = asked("?", "aaaaaaaa", "bb")
    # -4/8 per letter beats -2/2 per letter, though -4 is less than -2 in all.
    result = answers([record], [[-4.0, -2.0]])
    assert result.correct.tolist() == [1.0]
    np.testing.assert_allclose(result.scores, [[-4 / 8 * 5, -2 / 2 * 5]])


def test_length_is_counted_in_characters_not_bytes_or_code_points() -> None:
    # The same letter as one code point, as two, and of two bytes: all one character.
    record = asked("?", "é", "e\u0301", "e")
    np.testing.assert_allclose(answers([record], [[-1.0, -1.0, -1.0]]).scores, [[-1.0] * 3])


def test_questions_may_have_different_numbers_of_options() -> None:
    result = answers([asked("?", "a", "b", "c"), asked("?", "a", "b")], [[-1, -2, -3], [-2, -1]])
    assert result.probabilities[1, 2] == 0.0
    np.testing.assert_allclose(result.probabilities.sum(axis=1), 1.0)
    assert result.correct.tolist() == [1.0, 0.0]


@pytest.mark.parametrize(
    "change",
    [
        {"question": " "},
        {"choices": ("a",)},
        {"choices": ("a", " ")},
        {"answer": 2},
        {"answer": None},
    ],
)
def test_records_that_are_no_questions_are_left_out(change: dict[str, object]) -> None:
    record = asked("?", "a", "b")
    assert is_usable(record)
    assert not is_usable(record.model_copy(update=change))


def test_accuracy_ece_and_brier_per_language(make_context, fake, question) -> None:
    context = make_context(
        fake("before", likes="wrong one"),
        fake("after", likes="right one"),
        questions=[question(f"{lang}{i}", lang) for lang in ("en", "roh") for i in range(8)],
    )
    findings = {(finding.check, finding.on): finding for finding in multiple_choice(context)}
    assert list(findings) == [
        (check, on) for on in ("roh", "en") for check in ("accuracy", "ece", "brier")
    ]
    accuracy = findings["accuracy", "roh"]
    assert (accuracy.before, accuracy.after, accuracy.unit) == (0.0, 100.0, "%")
    assert (accuracy.interval, accuracy.verdict, accuracy.n) == ((100.0, 100.0), "better", 8)
    assert accuracy.label == "Romansh questions, accuracy"
    assert "per character" in accuracy.note
    ece = findings["ece", "en"]
    assert ece.label == "English questions, calibration error (ECE, 15 bins)"
    assert (ece.before > 0.9, ece.after < 0.1, ece.verdict) == (True, True, "better")
    assert "smooth ECE" in ece.note
    brier = findings["brier", "en"]
    assert brier.before is not None
    assert brier.before > 1.5
    assert brier.after < 0.1


def test_equal_models_change_nothing(make_context, question) -> None:
    context = make_context(questions=[question(str(i)) for i in range(8)])
    for finding in multiple_choice(context):
        assert (finding.change, finding.interval) == (0.0, (0.0, 0.0))
        assert finding.verdict == "no clear change"


def test_dev_questions_fit_the_temperature_and_nothing_else(make_context, fake, question) -> None:
    dev = [question(f"d{i}", right="right one" if i % 3 else "odd", split="dev") for i in range(12)]
    test = [question(f"t{i}", split="test") for i in range(7)]
    after = fake("after", likes="right one")
    context = make_context(fake("before", likes="wrong"), after, questions=dev + test)
    findings = list(multiple_choice(context))
    assert {finding.n for finding in findings} == {7}
    rows = context.shown["reliability"]
    assert [(row["side"], row["n"], row["accuracy"]) for row in rows] == [
        ("before", 7, 0.0),
        ("after", 7, 1.0),
    ]
    assert rows[0]["temperature"] > 1 > rows[0]["ece_scaled"]
    items = pq.read_table(context.out / "items" / "multiple_choice-roh.parquet").to_pylist()
    assert [row["split"] for row in items].count("dev") == 12


def test_too_few_dev_questions_fit_no_temperature(make_context, question) -> None:
    records = [question(f"d{i}", split="dev") for i in range(9)] + [question("t")]
    context = make_context(questions=records)
    list(multiple_choice(context))
    assert context.shown["reliability"][0]["temperature"] is None
    assert context.shown["reliability"][0]["ece_scaled"] is None


def test_only_dev_questions_are_no_finding(make_context, question) -> None:
    context = make_context(questions=[question("d", split="dev")])
    assert list(multiple_choice(context)) == []


def test_a_reliability_row_adds_up() -> None:
    rng = np.random.default_rng(0)
    test = Answers(rng.normal(size=(60, 4)) * 2, rng.integers(0, 4, 60))
    row = reliability_row(test, test.part([]), 15)
    bins = row["bins"]
    assert isinstance(bins, list)
    assert len(bins) == 15
    assert sum(one[0] for one in bins) == row["n"] == 60
    ece = sum(count / 60 * abs(right - sure) for count, sure, right, _, _ in bins)
    np.testing.assert_allclose(ece, row["ece"])
    np.testing.assert_allclose(sum(one[0] * one[2] for one in bins) / 60, row["accuracy"])
    assert all(low <= right <= high for count, _, right, low, high in bins if count)


def test_the_finding_and_the_diagram_agree(make_context, fake, question) -> None:
    records = [question(str(i), right="right one" if i % 3 else "odd") for i in range(30)]
    context = make_context(after=fake("after", likes="right one"), questions=records)
    findings = {finding.check: finding for finding in multiple_choice(context)}
    row = context.shown["reliability"][1]
    np.testing.assert_allclose(row["ece"], findings["ece"].after)
    np.testing.assert_allclose(100 * row["accuracy"], findings["accuracy"].after)
    np.testing.assert_allclose(row["brier"], findings["brier"].after)
    low, high = row["ece_interval"]
    assert 0 <= low <= high <= 1


def test_the_order_of_questions_does_not_matter(make_context, fake, question, tmp_path) -> None:
    records = [question(str(i), right="right one" if i % 3 else "odd") for i in range(12)]
    context = make_context(after=fake("after", likes="right"), questions=records, control=[])
    straight = list(multiple_choice(context))
    for file in (tmp_path / "corpus" / "questions").iterdir():
        file.unlink()
    from locale_tune.api import write_records

    (tmp_path / "corpus" / "questions").rmdir()
    write_records(tmp_path / "corpus" / "questions", records[::-1])
    for one, other in zip(straight, multiple_choice(context), strict=True):
        np.testing.assert_allclose(one.after, other.after)
        np.testing.assert_allclose(one.interval, other.interval, atol=1e-12)


def test_at_most_so_many_questions_of_each_split(make_context, question) -> None:
    records = [question(f"{split}{i}", split=split) for split in ("dev", "test") for i in range(30)]
    context = make_context(settings=AssessSettings(max_questions=12), questions=records)
    assert {finding.n for finding in multiple_choice(context)} == {12}
