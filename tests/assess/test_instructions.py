"""Instructions: what is asked, and whether an answer does it."""

from __future__ import annotations

from collections import Counter

import pytest
from pydantic import ValidationError

from locale_tune_assess.instructions import (
    PHRASES,
    REQUESTS,
    RULES,
    Instruction,
    followed,
    instructions,
    last_word,
)
from locale_tune_assess.settings import AssessSettings


@pytest.mark.parametrize(
    ("kind", "answer", "done"),
    [
        ("words", "The sea is blue.", True),
        ("words", "The sea is blue and very deep.", False),
        ("words", " - ", False),
        ("sentences", "Deep sea. Blue water! Why not?", True),
        ("sentences", "Deep sea. Blue water.", False),
        ("lines", "a\n\nb\n c\n", True),
        ("lines", "a b c", False),
        ("contains", "All SEA water is salt.", True),
        ("contains", "Water is salt.", False),
        ("starts", "«Sea» water is salt.", True),
        ("starts", "The sea is salt.", False),
        ("no_comma", "Blue and deep.", True),
        ("no_comma", "Blue, and deep.", False),
        ("no_comma", "بحر، أزرق", False),
        ("lower_case", "the sea.", True),
        ("lower_case", "The sea.", False),
        ("lower_case", "البحر", False),  # has no small letters
        ("number", "There are 5 seas.", True),
        ("number", "هناك ٥ بحار", True),
        ("number", "There are 55 seas.", False),
    ],
)
def test_rules(kind: str, answer: str, done: bool) -> None:
    asked = Instruction(kind, "", 3 if kind in ("sentences", "lines") else 5, "sea", "en")
    assert followed(asked, answer) == done


@pytest.mark.parametrize("kind", RULES)
def test_an_answer_that_says_nothing_follows_nothing(kind: str) -> None:
    assert not followed(Instruction(kind, "", 0, "sea", "en"), " ...\n")


def test_every_phrase_has_a_rule() -> None:
    assert set(PHRASES) == set(RULES)


def test_kinds_come_in_turn_and_no_prompt_twice() -> None:
    asked = instructions(REQUESTS, PHRASES, 24, "en")
    assert Counter(one.kind for one in asked) == dict.fromkeys(PHRASES, 3)
    assert len({one.prompt for one in asked}) == 24
    assert asked[0].prompt == "Tell me about the sea. Answer in at most 5 words."
    assert not any("{" in one.prompt for one in asked)
    every = instructions(REQUESTS, PHRASES, 1000, "en")
    assert len({one.prompt for one in every}) == len(every) == len(REQUESTS) * len(PHRASES)


def test_without_requests_or_phrases_nothing_is_asked() -> None:
    assert instructions((), PHRASES, 9, "rm") == []
    assert instructions(REQUESTS, {}, 9, "rm") == []
    assert instructions(REQUESTS, PHRASES, 0, "en") == []


@pytest.mark.parametrize(
    ("request_", "word"),
    [
        ("Tge è la chapitala da la Svizra?", "Svizra"),
        ("Co din ins «good morning» per «rumantsch»?", "rumantsch"),
        ("شلونك اليوم؟", "اليوم"),
        ("今日は何をしますか。", ""),
        ("कैसे हो नमस्ते!", "नमस्ते"),  # ends in a vowel sign, which is part of the word
        ("?", ""),
    ],
)
def test_the_last_word_of_a_request(request_: str, word: str) -> None:
    assert last_word(request_) == word


def test_phrases_with_a_word_are_not_asked_where_spaces_part_no_words() -> None:
    kinds = {one.kind for one in instructions(["今日は何をしますか。"], PHRASES, 99, "ja")}
    assert kinds == set(PHRASES) - {"contains", "starts"}


@pytest.mark.parametrize(
    ("phrases", "said"),
    [
        ({"word": "{n}"}, "did you mean 'words'"),
        ({"words": "Curt!"}, "must hold {n}"),
        ({"no_comma": "{n}"}, "must hold no slot"),
    ],
)
def test_a_pack_is_told_what_is_wrong_with_its_phrases(phrases, said: str) -> None:
    with pytest.raises(ValidationError, match="phrases") as caught:
        AssessSettings(phrases=phrases)
    assert said in str(caught.value)
