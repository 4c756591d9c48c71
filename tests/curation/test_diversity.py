"""Figures of diversity: reference values and laws."""

from __future__ import annotations

import numpy as np
import pytest

from locale_tune_curation.diversity import distinct, entropy, mean_distance, vendi


@pytest.mark.oracle
def test_the_reference_values(oracle):
    data = oracle("diversity")
    for case in data["sets"]:
        tokens = case["tokens"]
        for size in (1, 2, 3):
            assert distinct(tokens, size) == pytest.approx(case[f"distinct_{size}"], rel=1e-7)
        for size in (1, 2):
            assert entropy(tokens, size) == pytest.approx(
                case[f"entropy_{size}gram_nats"], rel=1e-7
            )
        vectors = np.array(case["embeddings"])
        assert vendi(vectors) == pytest.approx(case["vendi_score"], rel=1e-7)
        ours = mean_distance(vectors)
        assert ours == pytest.approx(case["mean_pairwise_cosine_distance"], rel=1e-6)
    for case in data["closed_form"]:
        if "tokens" in case:
            assert distinct(case["tokens"], 1) == pytest.approx(case["distinct_1"])
            assert distinct(case["tokens"], 2) == pytest.approx(case["distinct_2"])
            assert entropy(case["tokens"], 1) == pytest.approx(case["entropy_1gram_nats"])


def test_vendi_counts_what_is_different():
    assert vendi(np.eye(5)) == pytest.approx(5)
    assert vendi(np.ones((7, 3))) == pytest.approx(1)
    assert vendi(np.repeat(np.eye(4), 6, axis=0)) == pytest.approx(4), "more items than dimensions"
    assert vendi(np.empty((0, 3))) == 0


def test_nothing_has_no_figures():
    assert distinct([], 1) == entropy([], 2) == mean_distance(np.empty((0, 3))) == 0
