"""Diversity by closed forms, invariances and the oracle."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from locale_tune_assess import diversity as div

Oracle = Callable[[str], dict[str, Any]]
VALUES = {
    "distinct_1": lambda tokens: div.distinct(tokens, 1),
    "distinct_2": lambda tokens: div.distinct(tokens, 2),
    "distinct_3": lambda tokens: div.distinct(tokens, 3),
    "entropy_1gram_nats": lambda tokens: div.ngram_entropy(tokens, 1),
    "entropy_2gram_nats": lambda tokens: div.ngram_entropy(tokens, 2),
    "self_bleu4_method1": div.self_bleu,
    "self_bleu4_nltk": div.self_bleu,
    "vendi_score": div.vendi,
    "mean_pairwise_cosine_distance": div.mean_distance,
}
ON_VECTORS = ("vendi_score", "mean_pairwise_cosine_distance")


@pytest.mark.oracle
def test_every_value_of_the_oracle(oracle: Oracle) -> None:
    data = oracle("diversity")
    seen = set()
    for case in [*data["sets"], *data["closed_form"]]:
        for name, value in case.items():
            if name in ("name", "tokens", "embeddings"):
                continue
            given = np.array(case["embeddings"]) if name in ON_VECTORS else case["tokens"]
            np.testing.assert_allclose(VALUES[name](given), value, rtol=1e-7, atol=1e-8)
            seen.add(name)
    assert seen == set(VALUES)


def test_equal_texts_are_as_little_diverse_as_can_be() -> None:
    same = [list("abcdef")] * 4
    assert div.self_bleu(same) == pytest.approx(1.0)
    assert div.distinct(same, 2) == pytest.approx(1 / 4)
    vectors = div.letter_vectors(["la chasa"] * 4)
    assert div.vendi(vectors) == pytest.approx(1.0)
    assert div.mean_distance(vectors) == pytest.approx(0.0)


def test_texts_with_nothing_in_common_are_as_diverse_as_can_be() -> None:
    other = [list("abcd"), list("efgh"), list("ijkl")]
    assert div.self_bleu(other) == 0.0
    assert div.distinct(other, 1) == 1.0
    vectors = div.letter_vectors(["abab", "ccdd", "eeff"])
    assert div.vendi(vectors) == pytest.approx(3.0)


def test_the_order_of_texts_says_nothing() -> None:
    texts = ["in lai blau", "in lai grond", "la chasa", "in in in lai"]
    tokens = [text.split() for text in texts]
    assert div.self_bleu(tokens) == pytest.approx(div.self_bleu(tokens[::-1]))
    one, other = (div.vendi(div.letter_vectors(some)) for some in (texts, texts[::-1]))
    assert one == pytest.approx(other)


def test_self_bleu_is_bleu_of_each_against_the_others() -> None:
    # "a b" against "a b c" and "a d": matches 2 and 1; no 3- or 4-grams: 0.1 each. Its nearest
    # length is 2, so it is not too short. "a b c": 2/3, 1/2, 0.1/1, 0.1. "a d": 1/2, 0.1, 0.1, 0.1.
    texts = [["a", "b"], ["a", "b", "c"], ["a", "d"]]
    expected = [
        (1 * 1 * 0.1 * 0.1) ** 0.25,
        (2 / 3 * 1 / 2 * 0.1 * 0.1) ** 0.25,
        (1 / 2 * 0.1 * 0.1 * 0.1) ** 0.25,
    ]
    assert div.self_bleu(texts) == pytest.approx(sum(expected) / 3)


def test_too_short_a_text_is_not_rewarded() -> None:
    long = list("abcdefgh")
    assert div.self_bleu([long, long[:4]]) < div.self_bleu([long[:4], long[:4]])


def test_nothing_said_is_no_diversity() -> None:
    assert div.self_bleu([["a"]]) == 0.0
    assert div.distinct([[], []], 2) == 0.0
    assert div.ngram_entropy([[]], 1) == 0.0
    assert div.vendi(div.letter_vectors(["", " ", ""])) == pytest.approx(1.0)
    assert div.vendi(np.zeros((0, 3))) == 0.0
    assert div.mean_distance(np.ones((1, 3))) == 0.0
