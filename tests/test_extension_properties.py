"""Whatever small corpus an extension is learned from, old tokens are only joined."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest
from broken_tokenizers import continued
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tokenizer_support import ARABIC, ENGLISH, ROMANSH, llama3_split, no_samples, toy_spec
from trim_support import piece_spec

from locale_tune_tokenizer.checks.case import Case
from locale_tune_tokenizer.checks.certificate import coarsening, fuzz, round_trip, template
from locale_tune_tokenizer.checks.probes import ROUND_TRIP
from locale_tune_tokenizer.checks.vocabulary_checks import (
    added_tokens,
    id_stability,
    merge_order,
    options,
    reachability,
)
from locale_tune_tokenizer.learning.segments import open_tokenizer

pytestmark = pytest.mark.slow

CHECKS = (id_stability, added_tokens, reachability, coarsening, round_trip, merge_order, options)


@cache
def base(name: str) -> dict[str, Any]:
    """Return the `tokenizer.json` to extend, by name."""
    if name == "letters without marks":
        tokenizer = open_tokenizer(toy_spec())
        tokenizer.pre_tokenizer = llama3_split()
        return {**toy_spec(), "pre_tokenizer": json.loads(tokenizer.to_str())[
            "pre_tokenizer"
        ]}  # fmt: skip
    return {
        "byte-level": toy_spec,
        "composing": lambda: {**toy_spec(), "normalizer": {"type": "NFC"}},
        "high special ids": lambda: toy_spec(high=True),
        "ignore merges": lambda: toy_spec(ignore_merges=True),
        "sentencepiece": piece_spec,
    }[name]()


NAMES = (
    "byte-level",
    "composing",
    "high special ids",
    "ignore merges",
    "letters without marks",
    "sentencepiece",
)
# Few letters, so that the same pairs come again and merges overlap: aaa, abab.
letters = st.sampled_from("aabbe eén\u0301مدُ\u200dहि\u094d\U0001f1e8\U0001f3fd.'1\n")
words = st.text(letters, min_size=1, max_size=6) | st.sampled_from([*ROMANSH, *ARABIC])
corpora = st.lists(st.lists(words, min_size=1, max_size=5).map(" ".join), min_size=1, max_size=6)
texts = st.text(max_size=20) | st.lists(words | st.sampled_from(ROUND_TRIP)).map("".join)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(corpus=corpora, lines=st.lists(texts, max_size=5))
@example(corpus=["aaaa aaa aaaaa"], lines=["aaaaaaa", "aa a"])
@example(corpus=["abab ababab", "baba bababa"], lines=["abababa", "babab"])
def test_every_promise_holds_for_any_corpus_and_text(
    name: str, corpus: list[str], lines: list[str]
):
    spec = base(name)
    # Each line many times: whatever stands side by side becomes a merge.
    extension = continued(spec, corpus * 5, max_new=40)
    old, new = open_tokenizer(spec), open_tokenizer(extension.spec)
    samples = no_samples(target=[*lines, *corpus], replay=list(ENGLISH))
    case = Case(old, new, spec, extension.spec, samples, [], 0.005)
    for check in CHECKS:
        assert isinstance(check(case), dict), check.__name__


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(corpus=corpora, seed=st.integers(0, 1 << 32))
def test_it_holds_for_fuzzed_text_too(name: str, corpus: list[str], seed: int):
    spec = base(name)
    extension = continued(spec, corpus * 5, max_new=40)
    old, new = open_tokenizer(spec), open_tokenizer(extension.spec)
    case = Case(old, new, spec, extension.spec, no_samples(target=corpus), [], 0.005, None, seed)
    assert fuzz(case)["texts"] > 400


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=15, deadline=None)
@given(corpus=corpora, protected=st.lists(texts, min_size=1, max_size=3))
def test_protected_text_keeps_its_ids_whatever_is_learned(
    name: str, corpus: list[str], protected: list[str]
):
    """The template's check is the strict one: no id may change."""
    spec = base(name)
    extension = continued(spec, [*corpus, *protected] * 5, max_new=40, protected=protected)
    old, new = open_tokenizer(spec), open_tokenizer(extension.spec)
    case = Case(old, new, spec, extension.spec, no_samples(), protected, 0.005)
    assert template(case) == {"chats": len(protected)}
