"""The extended tokenizer.json: what is promised of it holds on random text, in any script."""

from __future__ import annotations

from functools import cache
from itertools import accumulate, pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizer_support import (
    ARABIC,
    ENGLISH,
    ROMANSH,
    SPECIAL,
    llama3_split,
    sentences,
    to_letters,
    toy_spec,
)
from tokenizers import Tokenizer

from locale_tune_tokenizer.checks.probes import ROUND_TRIP
from locale_tune_tokenizer.formats.bytelevel import added_ids, merges_of, to_bytes
from locale_tune_tokenizer.formats.model_folder import Extension, extended
from locale_tune_tokenizer.learning.bpe import learn, merge_all
from locale_tune_tokenizer.learning.segments import (
    count_segments,
    open_tokenizer,
    pairs,
)
from locale_tune_tokenizer.learning.words import refusal

pytestmark = pytest.mark.slow

TEXT = sentences(ROMANSH, 300) + sentences(ARABIC, 300) + ["cumün 12", "sün 3333"] * 40
OPTIONS = {
    "plain": {},
    "digits": {"digits": True},
    "ignore merges": {"ignore_merges": True},
    "high special ids": {"high": True},
    "llama3": {},
}
any_text = st.text() | st.lists(
    st.sampled_from([*ROMANSH, *ARABIC, *SPECIAL, *ROUND_TRIP, *ENGLISH, "\u200d", "\u0301", "٣"])
).map("".join)
kinds = pytest.mark.parametrize("kind", OPTIONS)


@cache
def made(kind: str, protect: bool = False) -> tuple[Any, Any, Extension]:
    """Return the old and the extended tokenizer of one kind, and the extension."""
    spec = toy_spec(**OPTIONS[kind])
    old = open_tokenizer(spec)
    if kind == "llama3":
        old.pre_tokenizer = llama3_split()
        spec["pre_tokenizer"] = __import__("json").loads(old.to_str())["pre_tokenizer"]
    learned = learn(
        count_segments(old, TEXT),
        merges_of(spec),
        spec["model"]["vocab"],
        protected=pairs(old, sentences(ROMANSH[:3], 20)) if protect else frozenset(),
        refuse=lambda joined: refusal(to_bytes(joined), 24),
        max_new=150,
        min_count=20,
    )
    extension = extended(spec, learned)
    return old, open_tokenizer(extension.spec), extension


@kinds
def test_something_is_learned_and_text_gets_shorter(kind: str):
    old, new, extension = made(kind)
    assert len(extension.ids) > 30
    before = sum(len(old.encode(line).ids) for line in TEXT)
    assert sum(len(new.encode(line).ids) for line in TEXT) < 0.7 * before


@kinds
@settings(max_examples=60, deadline=None)
@given(text=any_text)
def test_a_new_segmentation_only_joins_old_tokens(kind: str, text: str):
    old, new, _ = made(kind)
    before, after = old.encode(text), new.encode(text)
    assert "".join(after.tokens) == "".join(before.tokens)
    ends = [set(accumulate(map(len, found.tokens))) for found in (before, after)]
    assert ends[1] <= ends[0]


@kinds
@settings(max_examples=60, deadline=None)
@given(text=any_text)
def test_decoding_gives_what_the_base_gives(kind: str, text: str):
    old, new, _ = made(kind)
    expected = old.decode(old.encode(text).ids, skip_special_tokens=False)
    assert new.decode(new.encode(text).ids, skip_special_tokens=False) == expected


@kinds
def test_every_new_token_forms_from_its_own_bytes(kind: str):
    _, new, extension = made(kind)
    ranks = {pair: rank for rank, pair in enumerate(merges_of(extension.spec))}
    for token in extension.ids:
        assert merge_all(token, ranks) == [token]
    if kind != "ignore merges":
        formed = [[part.value for part in new.model.tokenize(token)] for token in extension.ids]
        assert formed == [[token] for token in extension.ids]


@kinds
@settings(max_examples=40, deadline=None)
@given(text=st.lists(st.sampled_from(ROMANSH[:3])).map(" ".join))
def test_protected_text_keeps_its_ids(kind: str, text: str):
    """Words of the protected lines, in any order: no pair outside their words can matter."""
    old, new, extension = made(kind, protect=True)
    assert new.encode(" " + text).ids == old.encode(" " + text).ids
    assert len(extension.ids) > 30


@kinds
def test_the_library_cuts_as_the_learner_thinks(kind: str):
    old, new, extension = made(kind)
    ranks = {pair: rank for rank, pair in enumerate(merges_of(extension.spec))}
    for segment in count_segments(old, TEXT):
        if len(segment) > 1:
            word = "".join(segment)
            library = [part.value for part in new.model.tokenize(word)]
            assert merge_all(segment, ranks) == library or library == [word]


@kinds
def test_old_and_special_tokens_keep_their_ids_and_none_is_shared(kind: str):
    old, new, extension = made(kind)
    before, after = old.get_vocab(), new.get_vocab()
    assert {token: after[token] for token in before} == before
    assert len(set(after.values())) == len(after) == len(before) + len(extension.ids)
    assert min(extension.ids.values()) == max(before.values()) + 1


def test_special_tokens_outside_the_vocabulary_are_pinned_in_it():
    _, new, extension = made("high special ids")
    high = added_ids(extension.spec)
    assert min(high.values()) == 330
    assert {name: extension.spec["model"]["vocab"][name] for name in high} == high
    assert new.encode("<|im_start|>").ids == [high["<|im_start|>"]]
    reread = Tokenizer.from_str(new.to_str())
    assert {name: reread.token_to_id(name) for name in high} == high


@kinds
def test_no_token_holds_a_digit_a_control_or_two_scripts(kind: str):
    extension = made(kind)[2]
    assert all(refusal(to_bytes(token), 24) == "" for token in extension.ids)
    # The plain pre-tokenizer leaves "sün 3333" with a pair of digits 40 times: refused.
    assert not any(set("0123456789") & set(token) for token in extension.ids)


@kinds
def test_merges_are_lists_below_the_old_ones_and_nothing_else_changes(kind: str):
    spec = toy_spec(**OPTIONS[kind])
    extension = made(kind)[2]
    old = merges_of(spec)
    assert merges_of(extension.spec)[: len(old)] == old
    assert all(isinstance(merge, list) for merge in extension.spec["model"]["merges"])
    untouched = ("normalizer", "post_processor", "decoder", "added_tokens", "truncation")
    assert all(extension.spec[part] == spec[part] for part in untouched)
    options = ("type", "ignore_merges", "byte_fallback", "unk_token", "fuse_unk")
    assert all(extension.spec["model"][name] == spec["model"][name] for name in options)


def test_old_merges_written_as_strings_become_lists():
    spec = toy_spec()
    learned = learn(
        count_segments(open_tokenizer(spec), TEXT),
        merges_of(spec),
        spec["model"]["vocab"],
        max_new=5,
        min_count=20,
    )
    as_strings = {**spec, "model": {**spec["model"]}}
    as_strings["model"]["merges"] = [" ".join(pair) for pair in merges_of(spec)]
    assert extended(as_strings, learned) == extended(spec, learned)


def test_a_merge_into_an_old_token_is_written_without_a_new_id():
    spec = toy_spec()
    word = to_letters("chasa")
    spec["model"]["vocab"][word] = 700
    old = open_tokenizer(spec)
    learned = learn(
        count_segments(old, TEXT), merges_of(spec), spec["model"]["vocab"],
        max_new=150, min_count=20,
    )  # fmt: skip
    extension = extended(spec, learned)
    new = open_tokenizer(extension.spec)
    assert word not in extension.ids
    assert len(learned.merges) > len(learned.tokens)
    assert 700 not in old.encode("chasa").ids
    merged = [pair for pair in learned.merges if "".join(pair) == word]
    assert bool(merged) == (new.encode("chasa").ids == [700])


def test_shuffled_lines_give_the_same_file():
    spec = toy_spec()
    old = open_tokenizer(spec)

    def file(lines: list[str]) -> Extension:
        counts = count_segments(old, lines)
        merges, vocab = merges_of(spec), spec["model"]["vocab"]
        return extended(spec, learn(counts, merges, vocab, max_new=150, min_count=5))

    equal_counts = [f"{a}{b}" for a, b in pairwise([*ROMANSH, *ARABIC])] * 6
    assert file(equal_counts) == file(equal_counts[::-1])
    assert len(file(equal_counts).ids) > 50
