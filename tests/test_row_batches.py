"""Sequences of the warm-up: each text holds a new token, none is padded, chance has a seed."""

from __future__ import annotations

import random

from tokenizer_support import ROMANSH, sentences, toy_spec

from locale_tune_tokenizer.embeddings.row_batches import (
    Packed,
    batches,
    draw_windows,
    pack,
    windows,
)
from locale_tune_tokenizer.learning.segments import open_tokenizer

TOKENIZER = open_tokenizer(toy_spec())
LINES = sentences(ROMANSH, 600)
NEW = frozenset(TOKENIZER.encode("q").ids)


def drawn(lines: list[str], tokens: int = 500, seed: int = 0) -> list[list[int]]:
    return draw_windows(TOKENIZER, lines, NEW, 16, tokens, seed)


def test_windows_hold_a_new_token_and_something_to_predict():
    found = list(windows([1, 2, 3, 9, 4, 5, 9], 3, frozenset({9})))
    assert found == [[9, 4, 5]]
    assert list(windows([9], 3, frozenset({9}))) == []


def test_the_draw_is_about_as_large_as_asked_and_full_of_new_tokens():
    found = drawn(LINES)
    size = sum(len(window) for window in found)
    assert 500 <= size < 500 + 5 * 16
    assert all(NEW & set(window) and len(window) <= 16 for window in found)


def test_the_draw_does_not_depend_on_the_order_of_lines():
    shuffled = random.Random(4).sample(LINES, len(LINES))
    assert drawn(LINES) == drawn(shuffled)
    assert drawn(LINES) != drawn(LINES, seed=1)


def test_a_text_too_small_gives_all_it_has():
    assert len(drawn(LINES[:40], tokens=10_000)) == len(drawn(LINES[:40], tokens=9_000)) > 0
    assert drawn(["nagut"], tokens=100) == []


def test_rows_are_full_and_positions_restart_with_each_text():
    rows = pack([[1, 2, 3], [4, 5, 6, 7], [8, 9]], 4)
    assert [row.ids for row in rows] == [[1, 2, 3, 4], [5, 6, 7, 8]]
    assert [row.positions for row in rows] == [[0, 1, 2, 0], [0, 1, 2, 0]]


def test_a_last_row_may_be_short_and_one_token_is_dropped():
    assert [row.ids for row in pack([[1, 2, 3, 4, 5, 6]], 4)] == [[1, 2, 3, 4], [5, 6]]
    assert [row.ids for row in pack([[1, 2, 3, 4, 5]], 4)] == [[1, 2, 3, 4]]
    assert pack([], 4) == []


def test_batches_keep_rows_of_one_length_together():
    rows = pack([list(range(22))], 4)
    assert [[len(row.ids) for row in step] for step in batches(rows, 2)] == [
        [4, 4],
        [4, 4],
        [4],
        [2],
    ]
    assert list(batches([], 2)) == []
    assert list(batches([Packed([1, 2], [0, 1])], 8)) == [[Packed([1, 2], [0, 1])]]
