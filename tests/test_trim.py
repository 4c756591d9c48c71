"""Pruning: which tokens go, in what order, and what must stay."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizer_support import ENGLISH, SPECIAL, toy_spec
from trim_support import HINDI, MIXED, hand_spec, piece_spec, template, with_token

from locale_tune_tokenizer.formats.bytelevel import added_ids, merges_of
from locale_tune_tokenizer.learning.segments import open_tokenizer
from locale_tune_tokenizer.pruning.merge_tree import parts_of
from locale_tune_tokenizer.pruning.trim import Trimmed, count_use, prune
from locale_tune_tokenizer.pruning.trim_ids import tokens_of

SPECS = {"byte-level": toy_spec(), "sentencepiece": piece_spec()}
CHAIN = hand_spec([("a", "b"), ("ab", "c"), ("d", "e")])
ALL = len(CHAIN["model"]["vocab"])


def gone(spec: dict[str, Any], trimmed: Trimmed) -> set[str]:
    return set(tokens_of(spec)) - set(trimmed.spec["model"]["vocab"])


def test_use_is_counted_by_the_tokens_of_the_text():
    assert count_use(CHAIN, ["abc", "ab", "abc d"]) == {"abc": 2, "ab": 1, "d": 1, "Ġ": 1}


def test_a_whole_word_counts_as_the_token_it_is_used_as():
    spec = with_token(hand_spec([("a", "b")], ignore_merges=True), "abc")
    assert count_use(spec, ["abc"]) == {"abc": 1}


def test_the_least_used_leaf_goes_first():
    assert gone(CHAIN, prune(CHAIN, {"abc": 5, "de": 3}, target_size=ALL - 1)) == {"de"}


def test_what_a_kept_token_is_built_from_stays_though_never_used_itself():
    assert gone(CHAIN, prune(CHAIN, {"abc": 5}, min_count=5)) == {"de"}


def test_the_uses_of_a_removed_token_become_uses_of_its_parts():
    # "abc" goes at 2; then "ab" has 2 + 2 uses and is dearer than "de".
    counts = {"abc": 2, "ab": 2, "de": 3}
    assert gone(CHAIN, prune(CHAIN, counts, target_size=ALL - 2)) == {"abc", "de"}
    assert prune(CHAIN, counts, target_size=ALL - 2).rarest == 4


def test_a_part_that_stands_twice_gets_both_uses():
    spec = hand_spec([("a", "b"), ("ab", "ab")])
    assert prune(spec, {"abab": 1}, min_count=2).rarest == 2


def test_pruning_ends_at_the_first_token_used_min_count_times():
    trimmed = prune(CHAIN, {"abc": 5, "de": 3}, target_size=1, min_count=4)
    assert (gone(CHAIN, trimmed), trimmed.rarest, trimmed.removed) == ({"de"}, 5, 1)


def test_without_an_end_nothing_goes():
    assert prune(CHAIN, {}).removed == 0


def test_equals_go_from_the_highest_id_down():
    assert gone(CHAIN, prune(CHAIN, {}, target_size=ALL - 1)) == {"de"}
    assert gone(CHAIN, prune(CHAIN, {}, target_size=ALL - 2)) == {"de", "abc"}


def test_a_token_no_text_can_form_goes_before_any_other():
    spec = with_token(CHAIN, "qu")
    trimmed = prune(spec, {"qu": 99}, target_size=ALL)
    assert (gone(spec, trimmed), trimmed.unreachable) == ({"qu"}, 1)


def test_bytes_added_tokens_and_kept_ones_stay_whatever_the_size_asked():
    trimmed = prune(CHAIN, {}, keep={"abc"}, target_size=1)
    assert gone(CHAIN, trimmed) == {"de"}
    assert trimmed.rarest is None
    for spec in SPECS.values():
        least = prune(spec, {}, target_size=1).spec
        assert added_ids(least).keys() == added_ids(spec).keys()
        assert all(parts == () for parts in parts_of(least).values())


def test_a_token_of_the_post_processor_stays():
    number = CHAIN["model"]["vocab"]["abc"]
    trimmed = prune({**CHAIN, "post_processor": template("abc", number)}, {}, target_size=1)
    special = trimmed.spec["post_processor"]["special_tokens"]["abc"]
    assert special["ids"] == [trimmed.spec["model"]["vocab"]["abc"]]


def test_a_character_costs_its_bytes_and_goes_when_nothing_is_built_from_it():
    spec = SPECS["sentencepiece"]
    counts = count_use(spec, [*ENGLISH, HINDI])
    lost = gone(spec, prune(spec, counts, min_count=2))
    assert "\U0001f1e8" in lost  # never used here
    assert "ल" not in lost  # used once, but would become three tokens
    assert prune(spec, {"ल": 1}, min_count=2).spec["model"]["vocab"].keys() >= {"ल"}


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_ids_are_dense_in_the_old_order_and_the_map_says_which(spec):
    trimmed = prune(spec, count_use(spec, ENGLISH), min_count=2)
    old, new = tokens_of(spec), trimmed.spec["model"]["vocab"]
    assert sorted(new.values()) == list(range(len(new)))
    assert trimmed.kept == sorted(trimmed.kept)
    assert {token: trimmed.kept[number] for token, number in new.items()} == {
        token: old[token] for token in new
    }
    assert trimmed.removed == len(old) - len(new) > 20


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_merges_keep_their_order_and_name_kept_tokens_only(spec):
    new = prune(spec, count_use(spec, ENGLISH), min_count=3).spec["model"]
    kept = [p for p in merges_of(spec) if {*p, p[0] + p[1]} <= new["vocab"].keys()]
    assert new["merges"] == [list(pair) for pair in kept]


def test_special_tokens_outside_the_vocabulary_move_down_with_the_rest():
    spec = toy_spec(high=True)
    trimmed = prune(spec, {}, target_size=270)
    numbers = added_ids(trimmed.spec)
    assert [numbers[token] for token in SPECIAL] == [267, 268, 269]
    new = open_tokenizer(trimmed.spec)
    assert [new.token_to_id(token) for token in SPECIAL] == [267, 268, 269]


def test_the_base_is_left_as_it_was():
    spec = piece_spec()
    prune(spec, {}, target_size=1)
    assert spec == SPECS["sentencepiece"]


def slow(spec: dict[str, Any], counts: Counter[str], size: int) -> set[str]:
    """Prune with no heap: look at every token before every step."""
    uses, parts, ids = Counter(counts), parts_of(spec), tokens_of(spec)
    left = set(ids)
    while len(left) > size:
        needed = {part for token in left for part in parts.get(token, ())}
        free = [t for t in left - needed - added_ids(spec).keys() if parts.get(t)]
        if not free:
            break
        least = min(free, key=lambda t: (uses[t] * (len(parts[t]) - 1), -ids[t]))
        for part in parts[least]:
            uses[part] += uses[least]
        left.remove(least)
    return left


@settings(max_examples=15, deadline=None)
@given(data=st.data(), style=st.sampled_from(sorted(SPECS)))
def test_the_heap_prunes_as_looking_at_everything_does(data: st.DataObject, style: str):
    spec = SPECS[style]
    some = st.dictionaries(st.sampled_from(sorted(tokens_of(spec))), st.integers(1, 9))
    counts, size = Counter(data.draw(some)), data.draw(st.integers(250, 460))
    vocab = prune(spec, counts, target_size=size).spec["model"]["vocab"]
    assert set(vocab) == slow(spec, counts, size)


def test_counts_in_another_order_prune_the_same():
    spec = SPECS["byte-level"]
    counts = count_use(spec, MIXED)
    turned = dict(reversed(counts.items()))
    assert prune(spec, counts, target_size=290) == prune(spec, turned, target_size=290)
