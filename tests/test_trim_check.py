"""What trimming promises holds on any text, and a tokenizer that breaks it is refused."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizer_support import ENGLISH, ROMANSH, sentences, toy_spec
from trim_support import CHAT, HINDI, MIXED, hand_spec, piece_spec

from locale_tune.api import StageFailed
from locale_tune_tokenizer.learning.segments import encodings, open_tokenizer
from locale_tune_tokenizer.pruning.merge_tree import pieces_of
from locale_tune_tokenizer.pruning.trim import Trimmed, count_use, prune
from locale_tune_tokenizer.pruning.trim_check import check_trimmed

SPECS = {
    "byte-level": toy_spec(),
    "digits": toy_spec(digits=True, ignore_merges=True),
    "high": toy_spec(high=True),
    "sentencepiece": piece_spec(),
}
BASE = SPECS["byte-level"]
TEXT = st.one_of(
    st.text(max_size=40), st.sampled_from(MIXED), st.text("aehnt lv\u0939", max_size=40)
)


def used(spec: dict[str, Any], text: str) -> set[str]:
    return set(open_tokenizer(spec).encode(text, add_special_tokens=False).tokens)


@pytest.fixture
def trimmed() -> Trimmed:
    return prune(BASE, count_use(BASE, ENGLISH[:1]), used(BASE, CHAT), target_size=300)


def broken(trimmed: Trimmed, **model: Any) -> Trimmed:
    spec = copy.deepcopy(trimmed.spec)
    return replace(trimmed, spec={**spec, "model": {**spec["model"], **model}})


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_a_trimmed_tokenizer_passes_with_its_figures(spec):
    trimmed = prune(spec, count_use(spec, ENGLISH[:1]), used(spec, CHAT), min_count=1)
    lines = [*MIXED, *sentences(ROMANSH, 20, seed=2)]
    entry = check_trimmed(spec, trimmed, lines, [CHAT])
    assert entry["passed"] is True
    assert entry["unchanged"] + entry["only_cut"] + entry["recut"] == entry["lines"] > 50
    assert entry["unchanged"] > 1
    assert entry["only_cut"] > 10


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(
    style=st.sampled_from(sorted(SPECS)),
    counted=st.lists(TEXT, max_size=4),
    size=st.integers(240, 470),
    lines=st.lists(TEXT, max_size=6),
)
def test_every_promise_holds_for_any_pruning_and_any_text(
    style: str, counted: list[str], size: int, lines: list[str]
):
    spec = SPECS[style]
    trimmed = prune(spec, count_use(spec, counted), target_size=size)
    assert check_trimmed(spec, trimmed, [*lines, *counted], [])["passed"] is True


@st.composite
def odd_specs(draw: st.DrawFn) -> dict[str, Any]:
    """Return merges in any order: several ways to a token, and tokens that no text reaches."""
    tokens, pairs = ["a", "b", "c"], []
    for _ in range(draw(st.integers(1, 12))):
        pair = draw(st.tuples(st.sampled_from(tokens), st.sampled_from(tokens)))
        tokens = list(dict.fromkeys([*tokens, "".join(pair)]))
        pairs.append(pair)
    merges = draw(st.permutations(list(dict.fromkeys(pairs))))
    return hand_spec(merges, ignore_merges=draw(st.booleans()))


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(spec=odd_specs(), data=st.data())
def test_every_promise_holds_for_any_merges(spec: dict[str, Any], data: st.DataObject):
    words = st.lists(st.text("abc", min_size=1, max_size=9), max_size=8)
    counted, lines = data.draw(words), data.draw(words)
    fewer = data.draw(st.integers(1, 8))
    target_size = len(spec["model"]["vocab"]) - fewer
    trimmed = prune(spec, count_use(spec, counted), target_size=target_size)
    assert check_trimmed(spec, trimmed, [*counted, *lines], [])["passed"] is True


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_text_whose_tokens_all_stay_keeps_its_cuts(spec):
    trimmed = prune(spec, count_use(spec, ENGLISH[:1]), min_count=1)
    old, new = (encodings(open_tokenizer(one), ENGLISH[:1]) for one in (spec, trimmed.spec))
    assert [line.tokens for line in old] == [line.tokens for line in new]
    assert trimmed.removed > 0


def test_a_part_set_free_may_join_its_other_neighbour_and_is_counted_so():
    spec = hand_spec([("a", "b"), ("x", "a")])
    trimmed = prune(spec, {"xa": 9}, target_size=len(spec["model"]["vocab"]) - 1)
    assert open_tokenizer(spec).encode("xab").tokens == ["x", "ab"]
    assert open_tokenizer(trimmed.spec).encode("xab").tokens == ["xa", "b"]
    without = check_trimmed(spec, trimmed, ["xa", "ab"], [])
    entry = check_trimmed(spec, trimmed, ["xab", "xa", "ab"], [])
    assert (entry["recut"], without["recut"]) == (1, 0)
    assert entry["only_cut"] == without["only_cut"]


def test_text_of_another_language_falls_to_bytes_and_back():
    spec = SPECS["sentencepiece"]
    trimmed = prune(spec, count_use(spec, ENGLISH), min_count=1)
    new = open_tokenizer(trimmed.spec)
    assert "ह" not in trimmed.spec["model"]["vocab"]
    assert new.decode(new.encode(HINDI, add_special_tokens=False).ids) == HINDI


def test_the_chat_template_must_keep_its_tokens():
    trimmed = prune(BASE, {}, target_size=1)
    with pytest.raises(StageFailed, match="template"):
        check_trimmed(BASE, trimmed, [], [f"{CHAT}{ENGLISH[0]}"])


def test_ids_with_a_gap_are_refused(trimmed: Trimmed):
    vocab = dict(trimmed.spec["model"]["vocab"])
    vocab[next(reversed(vocab))] += 1
    with pytest.raises(StageFailed, match="ids"):
        check_trimmed(BASE, broken(trimmed, vocab=vocab), [], [])


def test_a_map_that_names_other_tokens_is_refused(trimmed: Trimmed):
    kept = [*trimmed.kept[:-2], trimmed.kept[-1], trimmed.kept[-2]]
    with pytest.raises(StageFailed, match="ids"):
        check_trimmed(BASE, replace(trimmed, kept=kept), [], [])


def test_a_token_that_lost_its_merge_is_refused(trimmed: Trimmed):
    merges = trimmed.spec["model"]["merges"][1:]
    with pytest.raises(StageFailed, match="reachability"):
        check_trimmed(BASE, broken(trimmed, merges=merges), [], [])


def test_a_plain_cut_by_frequency_strands_merges_and_is_refused(trimmed: Trimmed):
    needed = trimmed.spec["model"]["merges"][0]
    merges = [m for m in trimmed.spec["model"]["merges"] if m != needed]
    stranded = broken(trimmed, merges=merges)
    assert sum(p == (t,) for t, p in pieces_of(stranded.spec).items()) < len(trimmed.kept)
    with pytest.raises(StageFailed, match="reachability"):
        check_trimmed(BASE, stranded, [], [])


def test_merges_in_another_order_are_refused_on_kept_text():
    spec = hand_spec([("a", "b"), ("b", "c"), ("d", "e")])
    trimmed = prune(spec, {"ab": 2, "bc": 1}, min_count=1)
    turned = broken(trimmed, merges=trimmed.spec["model"]["merges"][::-1])
    with pytest.raises(StageFailed, match="kept tokens are cut otherwise"):
        check_trimmed(spec, turned, ["abc"], [])


def test_an_added_token_with_other_flags_is_refused(trimmed: Trimmed):
    spec = copy.deepcopy(trimmed.spec)
    spec["added_tokens"][0]["lstrip"] = True
    with pytest.raises(StageFailed, match="added tokens"):
        check_trimmed(BASE, replace(trimmed, spec=spec), [], [])


def test_lost_byte_pieces_are_refused():
    spec = SPECS["sentencepiece"]
    trimmed = prune(spec, {}, target_size=1)
    dense = [token for token in trimmed.spec["model"]["vocab"] if token != "<0x41>"]
    number = spec["model"]["vocab"]["<0x41>"]
    lost = replace(
        broken(trimmed, vocab={token: place for place, token in enumerate(dense)}),
        kept=[old for old in trimmed.kept if old != number],
    )
    with pytest.raises(StageFailed, match="byte pieces"):
        check_trimmed(spec, lost, [], [])


def test_another_decoder_is_refused(trimmed: Trimmed):
    spec = {**copy.deepcopy(trimmed.spec), "decoder": {"type": "Fuse"}}
    with pytest.raises(StageFailed, match="round trip"):
        check_trimmed(BASE, replace(trimmed, spec=spec), ["two words"], [])
