"""Copies: the first stays, whatever the rest of the corpus."""

from __future__ import annotations

import random

import pytest

from locale_tune.api import Message, Record
from locale_tune_corpus.copies import Copies, question_key

LONG = (
    "Il rumantsch grischun è ina lingua da scrittira che è vegnida stgaffida per incumbensa "
    "da la Lia Rumantscha, e vegn duvrada oravant tut en documents uffizials dal chantun."
)


def record(text: str = "", **more: object) -> Record:
    return Record.model_validate({"id": text, "source": "s", "text": text, **more})


def test_the_same_words_are_a_copy() -> None:
    copies = Copies(0.8)
    assert copies.find(record("Bun di a tuts!"), "text") == ""
    assert copies.find(record("bun di, a TUTS"), "text") == "copy"


def test_roles_do_not_mix() -> None:
    copies = Copies(0.8)
    assert copies.find(record(LONG), "contrast") == ""
    assert copies.find(record(LONG), "text") == ""


def test_a_small_change_is_a_near_copy_and_another_text_is_not() -> None:
    copies = Copies(0.8)
    assert copies.find(record(LONG), "text") == ""
    assert copies.find(record(LONG.replace("oravant tut", "surtut")), "text") == "near copy"
    assert copies.find(record(LONG[::-1]), "text") == ""


def test_near_copies_can_stay() -> None:
    copies = Copies(0)
    assert copies.find(record(LONG), "text") == ""
    assert copies.find(record(LONG + " Gea."), "text") == ""


def test_what_is_kept_depends_on_nothing_but_the_order() -> None:
    pick = random.Random(0)
    texts = [LONG[pick.randrange(40) :] for _ in range(60)]
    runs = []
    for _ in range(2):
        copies = Copies(0.8)
        runs.append([copies.find(record(text), "text") for text in texts])
    assert runs[0] == runs[1]
    assert runs[0][0] == ""
    assert "near copy" in runs[0]


def test_lessons_from_one_template_are_no_near_copies() -> None:
    copies = Copies(0.8)
    for word in ("chasa", "chaste"):
        turns = (Message(role="user", content=f"{LONG} Tge munta «{word}»?"),)
        assert copies.find(record(messages=turns), "lessons") == ""


def test_a_question_with_two_answers_is_disputed() -> None:
    copies = Copies(0.8)
    first = record(question="Tge?", choices=("gea", "na"), answer=0)
    other = record(question="tge", choices=("na", "gea"), answer=0)
    assert copies.find(first, "questions") == ""
    assert copies.find(first, "questions") == "copy"
    assert not copies.disputed
    copies.find(other, "questions")
    assert copies.disputed == {question_key(first)}


@pytest.mark.parametrize("threshold", [0.0, 0.8])
def test_a_text_dropped_for_the_cap_takes_no_copy_with_it(threshold: float) -> None:
    copies = Copies(threshold)
    first = Record(id="1", source="a", text="Il vent sufla tras la val, e la naiv crouda. " * 3)
    again = first.model_copy(update={"id": "2", "source": "b"})
    assert copies.find(first, "text") == ""
    copies.forget(first, "text")
    assert copies.find(again, "text") == ""
    assert copies.find(first, "text") == "copy", "and the one that stays is remembered"
