"""MIG: the released values, the laws that hold, and exact picks."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from locale_tune_curation.information import (
    Phi,
    Pool,
    information,
    label_graph,
    mig,
    propagation,
)
from locale_tune_curation.quotas import Quotas


def phi_of(config):
    return Phi(config["phi_type"], power=config["phi_b"], rate=config["phi_alpha"])


@pytest.mark.oracle
def test_the_released_values(oracle):
    data = oracle("mig")
    weights = np.array(data["W"])
    np.testing.assert_allclose(propagation(weights), data["P_prop1_official"], atol=1e-6)
    for case in data["cases"]:
        config, phi = case["config"], phi_of(case["config"])
        pool = Pool(
            case["labels"], case["scores"], propagation(weights, config["prop"]), config["norm"]
        )
        picks, gains = mig(pool, config["k"], phi)
        assert picks == case["picks_official"] == case["picks_independent_gradient"]
        np.testing.assert_allclose(gains, case["gains_gradient"], rtol=1e-7)
        known, worth = information(pool, picks, phi)
        np.testing.assert_allclose(known, case["label_information_after"], rtol=1e-7)
        assert worth == pytest.approx(case["E_after"], rel=1e-7)


@pytest.mark.oracle
def test_wrong_versions_pick_otherwise(oracle):
    data = oracle("mig")
    weights = np.array(data["W"])
    rows = weights / weights.sum(axis=1, keepdims=True)
    differ = {"rows": 0, "none": 0, "unspread": 0, "exact": 0}
    for case in data["cases"]:
        config, phi = case["config"], phi_of(case["config"])
        if config["prop"] == 0:
            continue
        for name, spread in (("rows", rows), ("none", weights), ("unspread", np.eye(len(weights)))):
            pool = Pool(case["labels"], case["scores"], spread, config["norm"])
            differ[name] += mig(pool, config["k"], phi)[0] != case["picks_official"]
        differ["exact"] += case["picks_exact_gain_greedy"] != case["picks_official"]
    assert all(differ.values()), differ


@pytest.mark.oracle
def test_two_labels_apart_take_turns(oracle):
    case = oracle("mig")["closed_form"]
    pool = Pool(case["labels"], case["scores"], propagation(np.array(case["W"], float)))
    picks, _ = mig(pool, case["k"])
    assert picks == case["expected_picks"]
    assert information(pool, picks)[1] == pytest.approx(case["E_after"], rel=1e-7)


def some(seed, items=120, labels=15):
    pick = np.random.default_rng(seed)
    own = [sorted(set(pick.integers(0, labels, pick.integers(1, 4)))) for _ in range(items)]
    graph = label_graph(pick.standard_normal((labels, 4)), 0.5)
    return own, pick.uniform(0, 30, items), propagation(graph)


def plain(pool, budget, phi):
    """Every gain at every step."""
    picked, known = [], np.zeros(pool.labels)
    while len(picked) < budget:
        slope = phi.slope(known)
        gains = [
            -np.inf if i in picked else pool.values[i] @ slope[pool.columns[i]]
            for i in range(len(pool))
        ]
        picked.append(int(np.argmax(gains)))
        known[pool.columns[picked[-1]]] += pool.values[picked[-1]]
    return picked


@pytest.mark.parametrize("seed", range(6))
def test_the_picks_are_those_of_computing_every_gain(seed):
    pool, phi = Pool(*some(seed)), Phi() if seed % 2 else Phi("exp", rate=0.05)
    picks, gains = mig(pool, 50, phi)
    assert picks == plain(pool, 50, phi)
    assert all(one >= other - 1e-12 for one, other in itertools.pairwise(gains))
    worths = [information(pool, picks[:n], phi)[1] for n in range(51)]
    assert all(one <= other for one, other in itertools.pairwise(worths))


def test_the_names_of_labels_do_not_matter():
    labels, scores, spread = some(9)
    order = np.random.default_rng(1).permutation(len(spread))
    place = np.argsort(order)
    renamed = [[int(place[label]) for label in own] for own in labels]
    again = Pool(renamed, scores, spread[np.ix_(order, order)])
    assert mig(again, 40)[0] == mig(Pool(labels, scores, spread), 40)[0]


def test_the_whole_pool_can_be_picked():
    pool = Pool(*some(2, items=20))
    picks, _ = mig(pool, 50)
    assert sorted(picks) == list(range(20))


def test_items_without_a_label_come_last():
    pool = Pool([[], [0], []], [9.0, 1.0, 5.0], np.eye(1))
    assert mig(pool, 3)[0] == [1, 0, 2]


def test_shares_hold_while_picking():
    labels, scores, spread = some(4)
    kinds = {"source": ["web"] * 100 + ["book"] * 20}
    quotas = Quotas(kinds, 40, {"source": {"book": 0.25}}, {"source": {"web": 0.6}})
    picks, _ = mig(Pool(labels, scores, spread), 40, quotas=quotas)
    web = sum(kinds["source"][i] == "web" for i in picks)
    assert web == 24
    assert len(picks) == 40
