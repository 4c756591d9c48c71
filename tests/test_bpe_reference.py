"""The learner against a slow one that counts everything anew after every merge."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locale_tune_tokenizer.learning.bpe import Pair, Segment, learn, merge_all

LETTERS = "abc"
# No old merge makes "ab", but two use it: when a new merge reaches it, they must act at once.
OLD = [("b", "c"), ("ab", "a"), ("c", "ab")]
VOCAB = {*LETTERS, "bc", "ab", "aba", "cab", "ca"}
words = st.dictionaries(st.text(LETTERS, min_size=1, max_size=9), st.integers(1, 5), max_size=12)
pairs = st.sets(
    st.tuples(st.sampled_from(sorted(VOCAB)), st.sampled_from(sorted(VOCAB))), max_size=4
)


def slow(segments: Counter[Segment], protected: set[Pair], least: int, most: int) -> list[Pair]:
    """Learn with no index, no heap and no shortcut."""
    ranks = {pair: rank for rank, pair in enumerate(OLD)}
    known, merges, added = set(VOCAB), [], 0
    while added < most:
        counts: Counter[Pair] = Counter()
        for segment, times in segments.items():
            for pair in pairwise(merge_all(segment, ranks)):
                counts[pair] += times
        open_pairs = {p: n for p, n in counts.items() if p not in protected and n >= least}
        if not open_pairs:
            return merges
        best = min(open_pairs, key=lambda pair: (-open_pairs[pair], pair))
        merges.append(best)
        ranks[best] = len(ranks)
        added += "".join(best) not in known
        known.add("".join(best))
    return merges


def segments_of(counts: dict[str, int]) -> Counter[Segment]:
    old = {pair: rank for rank, pair in enumerate(OLD)}
    return Counter({tuple(merge_all(word, old)): times for word, times in counts.items()})


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(counts=words, protected=pairs, least=st.integers(1, 6), most=st.integers(0, 8))
def test_the_learner_equals_the_slow_one(
    counts: dict[str, int], protected: set[Pair], least: int, most: int
):
    segments = segments_of(counts)
    fast = learn(segments, OLD, VOCAB, protected=protected, max_new=most, min_count=least)
    assert fast.merges == slow(segments, protected, least, most)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(counts=words, text=st.text(LETTERS, max_size=30))
def test_what_is_learned_only_joins_and_re_forms(counts: dict[str, int], text: str):
    learned = learn(segments_of(counts), OLD, VOCAB, max_new=20, min_count=1)
    old = {pair: rank for rank, pair in enumerate(OLD)}
    new = {pair: rank for rank, pair in enumerate([*OLD, *learned.merges])}
    before, after = merge_all(text, old), merge_all(text, new)
    assert after == merge_all(before, new)
    for token in learned.tokens:
        assert merge_all(token, new) == [token]
