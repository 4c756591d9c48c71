"""Next-sentence questions from held-out text."""

from __future__ import annotations

from locale_tune.api import Record
from locale_tune_corpus.cloze import cloze_questions


def documents(count: int = 12, variety: str = "rm-rumgr") -> list[Record]:
    return [
        Record(
            id=f"{variety}{n}",
            source="s",
            variety=variety,
            lang="rm",
            text=" ".join(f"Quai è en il document {n} la frasa {i} dal chapitel." for i in "abcde"),
            meta={"group": f"{variety}-g{n}"},
        )
        for n in range(count)
    ]


def test_the_right_choice_follows_and_the_wrong_ones_come_from_elsewhere() -> None:
    texts = {record.meta["group"]: record.text for record in documents()}
    questions = cloze_questions(documents(), 20, 0)
    assert len(questions) == 20
    for question in questions:
        own = texts[question.meta["group"]]
        assert f"{question.question} {question.choices[question.answer]}" in own
        assert sum(choice in own for choice in question.choices) == 1
        assert len(set(question.choices)) == 4
        assert question.meta["format"] == "cloze"
    assert {question.answer for question in questions} == {0, 1, 2, 3}


def test_at_most_two_come_from_one_document_and_never_too_many() -> None:
    ids = [question.id.partition("~")[0] for question in cloze_questions(documents(), 99, 0)]
    assert len(ids) == 24
    assert all(ids.count(name) == 2 for name in ids)
    assert cloze_questions(documents(), 0, 0) == []


def test_wrong_choices_are_of_the_same_variety() -> None:
    both = [*documents(9), *documents(9, "rm-vallader")]
    texts = {
        v: " ".join(r.text for r in both if r.variety == v) for v in ("rm-rumgr", "rm-vallader")
    }
    for question in cloze_questions(both, 99, 0):
        assert all(choice in texts[question.variety] for choice in question.choices)


def test_too_few_groups_make_no_test() -> None:
    assert cloze_questions(documents(7), 60, 0) == []


def test_the_same_seed_asks_the_same() -> None:
    assert cloze_questions(documents(), 9, 4) == cloze_questions(documents(), 9, 4)
    assert cloze_questions(documents(), 9, 4) != cloze_questions(documents(), 9, 5)
