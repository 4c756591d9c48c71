"""The fertility curve is exact at every size, and the knee is where the figures say."""

from __future__ import annotations

from collections import Counter

import pytest
from tokenizer_support import ARABIC, ROMANSH, sentences, toy_sentencepiece, toy_spec

from locale_tune_tokenizer.formats.bytelevel import merges_of
from locale_tune_tokenizer.formats.model_folder import extended
from locale_tune_tokenizer.learning.bpe import Learned, ranks_of
from locale_tune_tokenizer.learning.new_tokens import new_tokens
from locale_tune_tokenizer.learning.segments import measure, open_tokenizer
from locale_tune_tokenizer.learning.size import Curve, curve, frequent, knee
from locale_tune_tokenizer.settings import ExtendSettings

TEXT = sentences(ROMANSH, 300) + sentences(ARABIC, 300)
HELD_OUT = sentences(ROMANSH, 30, seed=1) + sentences(ARABIC, 30, seed=1)


@pytest.mark.parametrize("spec", [toy_spec(), toy_sentencepiece(), toy_sentencepiece(prepend=True)])
def test_the_curve_is_what_a_tokenizer_of_that_size_measures(spec):
    settings = ExtendSettings(max_new_tokens=60, min_frequency=5, size="frequency")
    found = new_tokens(spec, lambda: TEXT, HELD_OUT, ["the people"], settings)
    assert len(found.learned.tokens) > 20
    for size, fertility in found.shown:
        smaller = extended(spec, found.learned.first(size)).spec
        assert measure(open_tokenizer(smaller), HELD_OUT).fertility == pytest.approx(fertility)


def test_every_size_is_exact_also_where_merges_make_old_tokens():
    spec = toy_spec()
    spec["model"]["vocab"]["ua"] = 500  # in the vocabulary, and no old merge makes it
    settings = ExtendSettings(max_new_tokens=12, min_frequency=5, size="frequency")
    learned = new_tokens(spec, lambda: TEXT[:300], HELD_OUT, [], settings).learned
    assert len(learned.merges) > len(learned.tokens)
    old = open_tokenizer(spec).model
    cut = Counter({tuple(t.value for t in old.tokenize(word)): 1 for word in ("quai", "lingua")})
    ranks = ranks_of(merges_of(spec), [], False, learned.merges)
    found = curve(cut, learned, ranks, words=2)
    for size in range(len(learned.tokens) + 1):
        small = open_tokenizer(extended(spec, learned.first(size)).spec).model
        tokens = len(small.tokenize("quai")) + len(small.tokenize("lingua"))
        assert found.tokens[size] == tokens


def test_the_knee_is_farthest_from_the_line_between_the_ends():
    assert knee([100, 50, 40, 35, 32, 30]) == 1
    assert knee([100, 80, 60, 40, 20, 0]) == 5  # no knee: the last saves what the first did
    assert knee([100, 99, 97, 90, 70, 0]) == 5
    assert knee([100, 90, 40, 38, 36, 35]) == 2
    assert knee([100]) == 0
    assert knee([7, 7, 7]) == 0


def test_frequent_counts_tokens_before_the_first_rare_merge():
    learned = Learned(
        merges=[("a", "b"), ("ab", "c"), ("x", "y"), ("c", "d")],
        tokens=["ab", "abc", "cd"],
        counts=[9, 7, 5, 2],
    )
    assert [frequent(learned, least) for least in (1, 3, 6, 8, 10)] == [3, 2, 2, 1, 0]
    assert learned.first(2).merges == learned.merges[:2]
    assert learned.first(3).merges == learned.merges
    assert learned.first(0) == Learned()


def test_the_shown_sizes_hold_both_ends_and_what_was_taken():
    found = Curve(list(range(700, -1, -1)), words=100)
    assert [size for size, _ in found.shown(333)] == [0, 100, 200, 333, 500, 700]
    assert found.shown()[0] == (0, 7.0)
    assert Curve([5], words=0).fertility(0) == 0.0


def test_the_smaller_of_knee_and_frequency_is_taken_and_the_reason_names_it():
    spec = toy_spec()

    def found(**settings):
        chosen = ExtendSettings(max_new_tokens=60, **settings)
        return new_tokens(spec, lambda: TEXT, HELD_OUT, [], chosen)

    by_knee = found(min_frequency=5)
    assert len(by_knee.learned.tokens) == by_knee.knee < by_knee.frequent
    assert by_knee.reason.startswith("the knee of the curve")
    by_count = found(min_frequency=250)
    assert len(by_count.learned.tokens) == by_count.frequent < by_count.knee
    assert by_count.reason == "the next merge is seen fewer than 250 times"
    assert min(by_count.learned.counts) >= 250
    everything = found(min_frequency=5, size="frequency")
    assert len(everything.learned.tokens) == 60
    assert everything.reason == "as many as max_new_tokens allows"
    nothing = found(min_frequency=100_000)
    assert (nothing.learned.added, nothing.reason) == ([], "")


def test_one_long_word_is_learned_though_its_curve_is_a_straight_line():
    text = ["la donaudampfschifffahrt"] * 50
    settings = ExtendSettings(max_new_tokens=60, min_frequency=5)
    found = new_tokens(toy_spec(), lambda: text, ["donaudampfschifffahrt"], [], settings)
    fertility = dict(found.shown)
    assert fertility[found.knee] < fertility[0] / 10
