"""Log-likelihoods become scores: what an option's length does and does not do."""

from __future__ import annotations

import numpy as np
import pytest

from locale_tune.api import Record
from locale_tune_assess.answers import answers


def asked(question: str, *choices: str, **meta: str) -> Record:
    return Record(
        id="q", source="own", question=question, choices=choices or ("a", "b"), answer=0, meta=meta
    )


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


def test_the_same_letter_in_other_code_points_has_the_same_length() -> None:
    # The same letter as one code point, as two, and of two bytes: all one character.
    record = asked("?", "é", "e\u0301", "e")
    np.testing.assert_allclose(answers([record], [[-1.0, -1.0, -1.0]]).scores, [[-1.0] * 3])


def test_questions_may_have_different_numbers_of_options() -> None:
    result = answers([asked("?", "a", "b", "c"), asked("?", "a", "b")], [[-1, -2, -3], [-2, -1]])
    assert result.probabilities[1, 2] == 0.0
    np.testing.assert_allclose(result.probabilities.sum(axis=1), 1.0)
    assert result.correct.tolist() == [1.0, 0.0]


def test_without_normalisation_the_sum_decides_and_short_options_win() -> None:
    record = asked("?", "aaaaaaaa", "bb")
    result = answers([record], [[-4.0, -2.0]], "none")
    np.testing.assert_allclose(result.scores, [[-4.0, -2.0]])
    assert result.correct.tolist() == [0.0]


def test_per_token_counts_the_tokens_of_the_model() -> None:
    record = asked("?", "aaaaaaaa", "bb")
    result = answers([record], [[-4.0, -2.0]], "token", [[4, 1]])
    np.testing.assert_allclose(result.scores, [[-4 / 4 * 2.5, -2 / 1 * 2.5]])


@pytest.mark.parametrize("normalise", ["character", "token", "none"])
def test_letters_are_scored_as_they_are(normalise) -> None:
    record = asked("?", "aaaaaaaa", "bb", format="letters")
    result = answers([record], [[-4.0, -2.0]], normalise, [[3, 1]])
    np.testing.assert_allclose(result.scores, [[-4.0, -2.0]])


def test_ten_options_of_which_three_are_there_share_one() -> None:
    ten = asked("?", *(f"option {n}" for n in range(10)))
    three = asked("?", "aa", "bb", "cc")
    result = answers([ten, three], [[-1.0] * 10, [-1.0, -2.0, -3.0]])
    chances = result.probabilities[1]
    np.testing.assert_allclose(chances[:3], np.exp([0, -1, -2]) / np.exp([0, -1, -2]).sum())
    assert (chances[3:] == 0).all()
