"""Token costs of the same content in several languages."""

from __future__ import annotations

import numpy as np
import pytest

from locale_tune_assess.fertility import fertility
from locale_tune_assess.parity import gini, parallel_texts


@pytest.mark.parametrize(
    ("costs", "value"),
    [([5, 5, 5], 0.0), ([0, 0, 9], 2 / 3), ([1, 3], 0.25), ([3, 1, 2], 2 / 9), ([7], 0.0)],
)
def test_gini(costs, value):
    np.testing.assert_allclose(gini(costs), value, atol=1e-12)


def test_gini_is_the_mean_difference_over_twice_the_mean():
    costs = np.random.default_rng(0).uniform(1, 9, 12)
    pairs = np.abs(costs[:, None] - costs[None, :]).mean() / (2 * costs.mean())
    np.testing.assert_allclose(gini(list(costs)), pairs)


@pytest.fixture
def context(make_context, fake, doc):
    own = [doc(f"h{i}", "in lai " * 4, item=str(i), siblings="1") for i in range(3)]
    return make_context(
        fake("before", step=1),
        fake("after", step=4),
        heldout=own,
        control=[doc(f"e{i}", "a lake", "en", item=str(i), siblings="1") for i in range(3)],
        contrast=[
            *[doc(f"d{i}", "ein See", "de", item=str(i), siblings="1") for i in (0, 1)],
            doc("d2", "zwei", "de", item="2", siblings="2"),
            doc("x", "unpaired", "it"),
        ],
    )


def test_only_items_that_all_have_count(context):
    texts = parallel_texts(context)
    assert {name: len(own) for name, own in texts.items()} == {"de": 2, "en": 2, "roh": 2}


def test_the_inequality_is_a_finding_and_the_costs_are_shown(context):
    found = {finding.check: finding for finding in fertility(context)}["gini"]
    assert context.shown["tokenizer"]["costs"] == {"de": [14, 4], "en": [12, 4], "roh": [56, 14]}
    np.testing.assert_allclose((found.before, found.after), (gini([14, 12, 56]), gini([4, 4, 14])))
    assert (found.verdict, found.section, found.n) == ("measured", "tokenizer", 2)
    assert found.lower_is_better


def test_two_languages_have_no_inequality(make_context, doc):
    made = make_context(
        heldout=[doc("h", "in lai", item="1")], control=[doc("e", "a lake", "en", item="1")]
    )
    assert parallel_texts(made) == {}
