"""How each token is built: the parts that byte pair encoding joins last."""

from __future__ import annotations

import pytest
from tokenizer_support import toy_spec
from trim_support import hand_spec, piece_spec, with_token

from locale_tune_tokenizer.formats.bytelevel import merges_of
from locale_tune_tokenizer.pruning.merge_tree import last_merge, parts_of, pieces_of


def test_a_token_has_the_parts_of_the_merge_that_makes_it():
    parts = parts_of(hand_spec([("a", "b"), ("ab", "c")]))
    assert (parts["abc"], parts["ab"], parts["a"]) == (("ab", "c"), ("a", "b"), ())


def test_of_two_ways_to_make_a_token_only_the_one_that_runs_counts():
    merges = [("b", "c"), ("a", "b"), ("ab", "c"), ("a", "bc")]
    assert parts_of(hand_spec(merges))["abc"] == ("a", "bc")


def test_equal_merges_run_from_the_left():
    ranks = {("a", "a"): 0, ("aa", "a"): 1, ("a", "aa"): 2}
    assert last_merge("aaa", ranks) == ("aa", "a")


def test_a_token_no_merge_reaches_has_no_entry():
    # "b"+"c" always runs first, so "ab" never stands beside "c".
    parts = parts_of(hand_spec([("b", "c"), ("a", "b"), ("ab", "c")]))
    assert "abc" not in parts
    assert "qu" not in parts_of(with_token(hand_spec([]), "qu"))


def test_a_whole_word_that_no_merge_makes_falls_apart_into_its_pieces():
    spec = with_token(hand_spec([("a", "b")], ignore_merges=True), "abc")
    assert parts_of(spec)["abc"] == ("ab", "c")


def test_an_added_token_is_not_built_from_letters():
    assert "<|im_end|>" not in parts_of(hand_spec([], ignore_merges=True))


def test_a_character_falls_back_to_its_bytes_but_ascii_and_the_space_do_not():
    parts = parts_of(piece_spec())
    assert parts["ह"] == ("<0xE0>", "<0xA4>", "<0xB9>")
    assert (parts["a"], parts["\u2581"], parts["<0xE0>"]) == ((), (), ())


@pytest.mark.parametrize("spec", [toy_spec(), piece_spec()], ids=["byte-level", "sentencepiece"])
def test_parts_are_tokens_and_spell_the_token(spec):
    parts, merges = parts_of(spec), set(merges_of(spec))
    built = {token: made_of for token, made_of in parts.items() if len(token) > 1 and made_of}
    assert len(built) > 40
    assert all("".join(made_of) == token and made_of in merges for token, made_of in built.items())
    assert {part for made_of in parts.values() for part in made_of} <= parts.keys()


def test_pieces_are_those_of_merges_also_when_merges_are_ignored():
    spec = with_token(hand_spec([("a", "b")], ignore_merges=True), "abc")
    assert pieces_of(spec)["abc"] == ("ab", "c")
