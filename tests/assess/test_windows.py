"""Windows score every token once; batches fit their budget."""

from __future__ import annotations

import pytest

from locale_tune_assess.windows import batches, windows


@pytest.mark.parametrize("length", [8, 9, 13])
@pytest.mark.parametrize("size", [2, 8, 9, 12, 13, 40, 41])
def test_every_token_is_scored_once_with_its_own_past(size: int, length: int) -> None:
    ids = list(range(100, 100 + size))
    scored = []
    for window in windows(0, ids, 1, length):
        assert len(window.ids) <= length
        assert window.first >= 1
        assert list(window.ids) == ids[window.ids[0] - 100 :][: len(window.ids)]
        scored += window.ids[window.first :]
    assert scored == ids[1:]


def test_a_text_that_fits_is_one_window() -> None:
    (window,) = windows(3, [5, 6, 7], 1, 3)
    assert (window.item, window.ids, window.first) == (3, (5, 6, 7), 1)


def test_later_windows_see_half_a_window_before_what_they_score() -> None:
    later = list(windows(0, list(range(50)), 1, 10))[1:]
    assert later
    assert all(window.first >= 5 for window in later)


def test_only_the_end_of_a_long_prompt_is_scored() -> None:
    scored = [w.ids[w.first :] for w in windows(0, list(range(30)), 27, 10)]
    assert sum(scored, ()) == (27, 28, 29)


def test_nothing_to_score_is_no_window() -> None:
    assert list(windows(0, [9], 1, 8)) == []


def test_batches_hold_every_index_once_and_fit() -> None:
    lengths = [3, 9, 1, 9, 2, 30, 4, 4]
    found = list(batches(lengths, 20))
    assert sorted(index for batch in found for index in batch) == list(range(8))
    for batch in found:
        longest = max(lengths[index] for index in batch)
        assert len(batch) == 1 or longest * len(batch) <= 20


def test_the_longest_row_comes_first_and_alone_when_it_must() -> None:
    assert next(batches([3, 50, 4], 10)) == [1]


def test_no_lengths_are_no_batches() -> None:
    assert list(batches([], 10)) == []
