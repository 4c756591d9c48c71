"""Copies are found to the letter, whatever stands around them."""

from __future__ import annotations

import random

import pytest

from locale_tune_assess.copying import Copy, longest_common, longest_copies, plain


def test_texts_are_compared_without_their_layout() -> None:
    assert plain(" in\n lai\tbla\u0301u ") == "in lai bláu"


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        ("", "abc", ""),
        ("xyz", "abc", ""),
        ("il lai è blau", "in lai è grond", " lai è "),
        ("abcabc", "abc", "abc"),
        ("شلونك اليوم", "اليوم", "اليوم"),
    ],
)
def test_the_longest_common_stretch(one: str, other: str, shared: str) -> None:
    assert longest_common(one, other) == shared


def slowly(one: str, other: str) -> int:
    """Return the length of the longest common stretch by trying all."""
    best = 0
    for start in range(len(one)):
        while one[start : start + best + 1] in other and start + best + 1 <= len(one):
            best += 1
    return best


def test_halving_finds_what_trying_all_finds() -> None:
    draw = random.Random(0)
    for _ in range(200):
        one, other = ("".join(draw.choices("ab ", k=draw.randint(0, 30))) for _ in range(2))
        assert len(longest_common(one, other)) == slowly(one, other)


def test_a_copy_from_a_corpus_is_found_wherever_it_starts() -> None:
    draw = random.Random(1)
    letters = "abcdefghijklmnopqrstuvwxyz"
    for least in (7, 10):
        for shift in range(25):
            copied = "".join(draw.choices(letters, k=least + shift % 3))
            answer = f"12{copied}34"
            source = "#" * shift + copied + "%%%"
            other = "".join(draw.choices(letters, k=60))
            found = longest_copies([answer, "987654321"], [("o", other), ("s", source)], least)
            assert found == [Copy(copied, "s"), Copy("", "")]


def test_a_shorter_copy_is_none() -> None:
    (found,) = longest_copies(["12abcdef34"], [("d", "xabcdefy")], least=7)
    assert found == Copy("", "")


def test_documents_are_streamed_and_not_read_for_answers_too_short() -> None:
    read = []

    def documents():
        for index in range(3):
            read.append(index)
            yield str(index), f"{index} la chasa gronda sper il lai blau da Segl"

    assert longest_copies(["gea"], documents(), 20) == [Copy("", "")]
    assert read == []
    (found,) = longest_copies(["Là stat la chasa gronda sper il lai."], documents(), 20)
    assert found == Copy(" la chasa gronda sper il lai", "0")
    assert read == [0, 1, 2]
