"""Answers are generated once."""

from __future__ import annotations

from pathlib import Path

from locale_tune_assess.kept import Kept


def test_only_what_is_new_is_made(tmp_path: Path) -> None:
    asked: list[list[int]] = []

    def make(places: list[int]) -> list[list[int]]:
        asked.append(places)
        return [[10 + place] for place in places]

    kept: Kept[list[int]] = Kept(tmp_path / "answers.json")
    assert kept.complete([("a",), ("b",), ("a",)], make) == [[10], [11], [10]]
    assert kept.complete([("b",), ("c",)], make) == [[11], [11]]
    assert Kept(tmp_path / "answers.json").complete([("c",), ("a",)], make) == [[11], [10]]
    assert asked == [[0, 1], [1]]


def test_how_it_was_asked_tells_answers_apart() -> None:
    kept: Kept[list[int]] = Kept(None)
    assert kept.complete([([1], 5)], lambda _: [[1]]) == [[1]]
    assert kept.complete([([1], 6)], lambda _: [[2]]) == [[2]]


def test_scores_come_back_to_the_last_bit(tmp_path: Path) -> None:
    scores = [-0.1 - 0.2, -1e-17, -123.45678901234567]
    kept: Kept[list[float]] = Kept(tmp_path / "choices.json")
    kept.complete([("a", "b", "c")], lambda _: [scores])
    again: Kept[list[float]] = Kept(tmp_path / "choices.json")
    assert again.complete([("a", "b", "c")], lambda _: []) == [scores]
