"""How questions are put: plain, as a cloze, with letters."""

from __future__ import annotations

import pytest

from locale_tune.api import LocaleTuneError, Record
from locale_tune_assess.formats import is_usable, lengths_of, parts_of, shuffled


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


LETTERS = {"format": "letters", "letters": "أ ب ج د", "answer_word": "الجواب:"}


def test_lettered_options_stand_in_the_prompt_with_the_languages_own_letters() -> None:
    prompt, choices = parts_of(asked("شنو؟", "واحد", "اثنين", "ثلاثة", **LETTERS))
    assert prompt == "شنو؟\nأ. واحد\nب. اثنين\nج. ثلاثة\nالجواب:"
    assert choices == [" أ", " ب", " ج"]


def test_without_an_answer_word_the_letter_stands_on_a_line_of_its_own() -> None:
    prompt, choices = parts_of(asked("Tge?", "gea", "na", format="letters"))
    assert (prompt, choices) == ("Tge?\nA. gea\nB. na\n", ["A", "B"])


def test_a_letter_after_a_word_of_a_script_without_spaces_follows_at_once() -> None:
    record = asked("何？", "一", "二", format="letters", answer_word="答え：")
    assert parts_of(record)[1] == ["A", "B"]


def test_lettered_options_are_not_shuffled() -> None:
    record = asked("Tge?", "gea", "na", "A e B", format="letters")
    assert all(shuffled(record, seed) == record for seed in range(9))


def test_too_few_letters_are_a_mistake() -> None:
    with pytest.raises(LocaleTuneError, match="has 3 options and 2 letters"):
        parts_of(asked("Tge?", "a", "b", "c", format="letters", letters="x y"))


def test_a_format_nobody_knows_is_a_mistake_with_the_nearest_name() -> None:
    with pytest.raises(LocaleTuneError, match="have the format 'leters'") as error:
        parts_of(asked("Tge?", "a", "b", format="leters"))
    assert "letters" in error.value.remedy


def test_length_is_counted_in_characters_not_bytes_or_code_points() -> None:
    assert lengths_of(asked("?", "é", "e\u0301", " eé ")) == [1, 1, 2]
