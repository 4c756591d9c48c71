"""Sums are right, different, and cannot be chosen by their looks."""

from __future__ import annotations

from collections import Counter

from talking_support import Talker

from locale_tune_assess.arithmetic import EXAMPLES, right, sums

WORK = {"+": lambda a, b: a + b, "-": lambda a, b: a - b, "×": lambda a, b: a * b}


def result(text: str) -> int:
    one, sign, other = text.split()[:3]
    return WORK[sign](int(one), int(other))


def test_the_marked_result_is_right_and_no_other_is() -> None:
    made = sums(200, seed=3)
    for one in made:
        values = [int(choice) for choice in one.choices]
        assert values[one.answer] == result(one.id)
        assert len(set(values)) == 4
        assert min(values) >= 0
        assert one.prompt == f"{EXAMPLES}{one.id} ="
    assert len({one.id for one in made}) == 200


def test_the_worked_examples_are_right() -> None:
    for line in EXAMPLES.splitlines():
        text, told = line.split(" = ")
        assert result(text) == int(told)


def test_half_are_sums_and_the_right_result_has_no_place_of_its_own() -> None:
    made = sums(400, seed=0)
    signs = Counter(one.id.split()[1] for one in made)
    assert signs == {"+": 200, "-": 100, "×": 100}
    places = Counter(one.answer for one in made)
    assert min(places.values()) > 70
    alike = sum(len({len(choice) for choice in one.choices}) == 1 for one in made)
    assert alike > 350


def test_the_seed_decides() -> None:
    assert sums(20, 0) == sums(20, 0) != sums(20, 1)
    assert sums(10, 0) == sums(20, 0)[:10]
    assert sums(0, 0) == []


def test_a_model_is_right_where_it_finds_the_right_result_likeliest() -> None:
    made = sums(8, 0)

    def knows(prompt: str, choice: str) -> float:
        text = prompt.splitlines()[-1].removesuffix(" =")
        return float((int(choice) == result(text)) == ("+" in text))

    assert right(Talker("before", knows=knows), made) == [float("+" in one.id) for one in made]
