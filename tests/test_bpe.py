"""Continued BPE in closed form: what is merged, in which order, and what never is."""

from __future__ import annotations

import random
from collections import Counter
from itertools import pairwise

from locale_tune_tokenizer.learning.bpe import learn, merge_all, steps

LETTERS = set("abcdx")


def ways(**counts: int) -> Counter[tuple[str, ...]]:
    """Count segments written as words, one symbol per letter."""
    return Counter({tuple(word): count for word, count in counts.items()})


def test_the_most_frequent_pair_is_merged_first_and_then_what_it_leads_to():
    learned = learn(ways(abc=5, bc=4), [], LETTERS, max_new=9, min_count=2)
    assert learned.merges == [("b", "c"), ("a", "bc")]
    assert learned.tokens == ["bc", "abc"]
    assert learned.counts == [9, 5]


def test_equal_counts_go_in_the_order_of_the_pair():
    learned = learn(ways(cd=3, ab=3, xa=3), [], LETTERS, max_new=9, min_count=1)
    assert learned.merges == [("a", "b"), ("c", "d"), ("x", "a")]


def test_the_order_of_the_segments_does_not_matter():
    words = ["".join(random.Random(n).choices("abcd", k=5)) for n in range(60)]
    first = learn(ways(**dict.fromkeys(words, 2)), [], LETTERS, max_new=30, min_count=2)
    random.Random(9).shuffle(words)
    again = learn(ways(**dict.fromkeys(words, 2)), [], LETTERS, max_new=30, min_count=2)
    assert first == again
    assert len(first.tokens) > 5


def test_a_repeated_letter_is_merged_from_the_left():
    assert merge_all("aaaaa", {("a", "a"): 0}) == ["aa", "aa", "a"]
    assert merge_all("aaaaa", {("a", "a"): 0, ("aa", "aa"): 1}) == ["aaaa", "a"]


def test_a_lower_rank_goes_before_a_place_further_left():
    assert merge_all("abc", {("a", "b"): 1, ("b", "c"): 0}) == ["a", "bc"]


def test_it_stops_below_the_threshold_and_at_the_limit():
    text = ways(ab=10, cd=4, xx=1)
    assert learn(text, [], LETTERS, max_new=9, min_count=5).tokens == ["ab"]
    assert learn(text, [], LETTERS, max_new=9, min_count=11).tokens == []
    assert learn(text, [], LETTERS, max_new=1, min_count=1).tokens == ["ab"]
    assert learn(text, [], LETTERS, max_new=0, min_count=1).merges == []


def test_a_protected_pair_is_never_merged_and_the_rest_is():
    learned = learn(ways(abc=5), [], LETTERS, protected={("a", "b")}, max_new=9, min_count=1)
    assert learned.merges == [("b", "c"), ("a", "bc")]
    guarded = {("a", "b"), ("b", "c")}
    learned = learn(ways(abc=5), [], LETTERS, protected=guarded, max_new=9, min_count=1)
    assert learned.merges == []
    assert learned.refused == Counter(protected=2)


def test_a_refused_pair_is_counted_once_under_its_reason():
    def refuse(joined: str) -> str:
        return "x is out" if "x" in joined else ""

    learned = learn(ways(axb=5, ab=3, xa=2), [], LETTERS, refuse=refuse, max_new=9, min_count=1)
    assert learned.tokens == ["ab"]
    assert learned.refused == Counter({"x is out": 3})


def test_a_merge_into_an_old_token_adds_no_token():
    text = Counter({("a", "bc"): 6})
    learned = learn(text, [("a", "b"), ("ab", "c")], {"abc", *LETTERS}, max_new=9, min_count=2)
    assert learned.merges == [("a", "bc")]
    assert learned.tokens == []


def test_old_merges_act_again_on_an_old_token_that_a_new_merge_reaches():
    # "ab" is old and the old merge ("ab", "c") was out of reach while "a" and "b" stood apart.
    text = Counter({("a", "b", "c"): 6})
    learned = learn(text, [("ab", "c")], {"ab", "abc", *LETTERS}, max_new=9, min_count=2)
    assert learned.merges == [("a", "b")]
    assert merge_all("abc", {("ab", "c"): 0, ("a", "b"): 1}) == ["abc"]


def test_counts_follow_the_rewriting_of_a_word():
    # After "ab", the pair (b, a) of "abab" is gone: (ab, ab) is there once per word.
    learned = learn(ways(abab=7), [], LETTERS, max_new=9, min_count=1)
    assert list(zip(learned.merges, learned.counts, strict=True)) == [
        (("a", "b"), 14),
        (("ab", "ab"), 7),
    ]


def test_a_count_that_falls_without_reaching_zero_is_noticed():
    # "xabcab" holds (a, b) twice; merging (x, a) takes one of them away.
    text = ways(xabcab=10, xa=20, cd=15)
    learned = learn(text, [], LETTERS, max_new=9, min_count=10)
    assert list(zip(learned.merges, learned.counts, strict=True))[:3] == [
        (("x", "a"), 30),
        (("c", "d"), 15),
        (("a", "b"), 10),
    ]


def test_a_text_without_spaces_is_learned_from_in_parts():
    text = Counter({tuple("ab" * 40): 5})
    learned = learn(text, [], LETTERS, max_new=1, min_count=1)
    assert (learned.merges, learned.counts) == ([("a", "b")], [40 * 5])
    # The pair (b, a) at place 64 is between two parts.
    odd = learn(text, [], LETTERS, protected={("a", "b")}, max_new=1, min_count=1)
    assert (odd.merges, odd.counts) == ([("b", "a")], [38 * 5])


def test_counts_agree_with_counting_anew_after_every_merge():
    words = ["".join(random.Random(n).choices("abc", k=9)) for n in range(80)]
    learned = learn(ways(**dict.fromkeys(words, 3)), [], LETTERS, max_new=25, min_count=3)
    ranks: dict[tuple[str, str], int] = {}
    for pair, count in zip(learned.merges, learned.counts, strict=True):
        found: Counter[tuple[str, str]] = Counter()
        for word in set(words):
            cut = merge_all(word, ranks)
            found.update(pairwise(cut))
        best = max(found.values())
        assert pair == min(p for p, times in found.items() if times == best)
        assert count == 3 * best
        ranks[pair] = len(ranks)
    assert len(learned.merges) == 25


def test_segments_of_one_symbol_teach_nothing():
    assert learn(Counter({("abc",): 100}), [], {"abc"}, max_new=9, min_count=1).merges == []


class Asked(dict):
    """Ranks that count how often they are asked."""

    count = 0

    def get(self, pair, default=None):
        self.count += 1
        return super().get(pair, default)


def test_the_work_on_a_long_word_grows_with_its_length_and_not_its_square():
    ranks = Asked({("a", "a"): 0, ("aa", "aa"): 1, ("aaaa", "aaaa"): 2})
    word = ["a"] * 8_003
    assert len(list(steps(word, ranks))) == 4_001 + 2_000 + 1_000
    assert word == ["aaaaaaaa"] * 1_000 + ["aa", "a"]
    assert ranks.count < 10 * 8_003
