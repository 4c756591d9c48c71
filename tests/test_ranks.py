"""SentencePiece's rule in closed form, and the learner against a slow one that knows no index."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locale_tune_tokenizer.learning.bpe import learn, merge_all
from locale_tune_tokenizer.learning.ranks import PairRanks, SplitRanks

PIECES = ["a", "b", "c", "ab", "abc"]
OLD = [("a", "b"), ("ab", "c")]


def test_a_learned_pair_ranks_below_all_before_it():
    ranks = PairRanks(OLD)
    assert ranks.learn(("b", "c")) == [("b", "c")]
    assert [ranks.get(pair) for pair in (*OLD, ("b", "c"), ("c", "a"))] == [0, 1, 2, None]
    assert ranks.new_merges() == [("b", "c")]


def test_a_new_piece_forms_from_every_two_pieces_that_make_it_up():
    ranks = SplitRanks([], ["a", "b", "aa", "ab"])
    assert ranks.learn(("aa", "b")) == [("a", "ab"), ("aa", "b")]
    assert ranks.get(("a", "ab")) is not None
    assert ranks.new_merges() == [("a", "ab"), ("aa", "b")]


def test_a_new_piece_makes_up_an_old_one_at_once():
    ranks = SplitRanks(OLD, PIECES)
    assert ranks.get(("a", "bc")) is None
    ranks.learn(("b", "c"))
    into_old, into_new = ranks.get(("a", "bc")), ranks.get(("b", "c"))
    assert into_old is not None
    assert into_new is not None
    assert len(OLD) <= into_old < into_new
    assert ranks.new_merges() == [("a", "bc"), ("b", "c")]


def test_two_old_pieces_that_the_old_file_does_not_merge_stay_apart():
    ranks = SplitRanks(OLD, [*PIECES, "bc"])
    ranks.learn(("c", "a"))
    assert ranks.get(("b", "c")) is None
    assert ("b", "c") not in ranks.new_merges()


def test_a_protected_sum_is_refused_however_it_is_cut():
    text = Counter({("a", "ab"): 9, ("aa", "b"): 9})
    pieces = ["a", "b", "aa", "ab"]
    free = learn(text, [], pieces, max_new=3, min_count=2, every_split=True)
    assert free.tokens == ["aab"]
    guarded = learn(
        text, [], pieces, protected={("a", "ab")}, max_new=3, min_count=2, every_split=True
    )
    assert guarded.tokens == []
    assert guarded.refused == Counter(protected=2)


def test_one_new_piece_joins_all_its_splits_in_the_text():
    text = Counter({("a", "ab", "c"): 5, ("aa", "b", "c"): 4})
    learned = learn(text, [], ["a", "b", "c", "aa", "ab"], max_new=2, min_count=2, every_split=True)
    assert learned.tokens == ["aab", "aabc"]
    assert learned.counts == [5, 9]


def slow(words: dict[str, int], least: int, most: int) -> list[str]:
    """Learn pieces with no index, no heap and no shortcut."""
    ranks = SplitRanks(OLD, PIECES)
    taken, tokens = set(PIECES), []
    while len(tokens) < most:
        counts: Counter[tuple[str, str]] = Counter()
        for word, times in words.items():
            for pair in pairwise(merge_all(word, ranks)):
                counts[pair] += times
        free = {p: n for p, n in counts.items() if n >= least and "".join(p) not in taken}
        if not free:
            return tokens
        best = min(free, key=lambda pair: (-free[pair], pair))
        ranks.learn(best)
        taken.add("".join(best))
        tokens.append("".join(best))
    return tokens


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(
    words=st.dictionaries(st.text("abc", min_size=1, max_size=9), st.integers(1, 5), max_size=10),
    least=st.integers(1, 5),
    most=st.integers(0, 8),
)
def test_the_learner_equals_the_slow_one(words: dict[str, int], least: int, most: int):
    old = SplitRanks(OLD, PIECES)
    text = Counter({tuple(merge_all(word, old)): times for word, times in words.items()})
    fast = learn(text, OLD, PIECES, max_new=most, min_count=least, every_split=True)
    assert fast.tokens == slow(words, least, most)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text("abc", min_size=2, max_size=8), min_size=1, max_size=12))
def test_every_new_piece_forms_from_its_own_letters(words: list[str]):
    old = SplitRanks(OLD, PIECES)
    text = Counter({tuple(merge_all(word, old)): 3 for word in words})
    learned = learn(text, OLD, PIECES, max_new=12, min_count=2, every_split=True)
    ranks = SplitRanks(OLD, PIECES)
    for pair in learned.merges:
        ranks.learn(pair)
    written = {pair: rank for rank, pair in enumerate([*OLD, *ranks.new_merges()])}
    for piece in learned.tokens:
        assert merge_all(piece, ranks) == [piece]
        assert merge_all(piece, written) == [piece]  # as the file holds the merges
    for word in words:
        assert merge_all(word, ranks) == merge_all(word, written)


@pytest.mark.parametrize("make", [PairRanks, lambda old: SplitRanks(old, PIECES)])
def test_a_merge_that_the_old_file_lists_twice_ranks_above_new_ones(make):
    ranks = make([("a", "b"), ("a", "b"), ("ab", "c")])
    ranks.learn(("c", "a"))
    assert [ranks.get(pair) for pair in (("a", "b"), ("ab", "c"))] == [1, 2]
    assert ranks.get(("c", "a")) > 2
