"""NovelSum and NovelSelect: the released values, the laws that hold, and exact picks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locale_tune_curation.novelty import density, novelselect, novelsum
from locale_tune_curation.quotas import Quotas


def settings_of(case):
    return [{"K": case["K"], "beta": case["beta"], "alpha": case["alpha"]}]


def value(vectors, reference, setting):
    densities = density(vectors, reference, setting["K"], setting["beta"])
    return novelsum(vectors, densities, setting["alpha"])


@pytest.mark.oracle
def test_the_released_values(oracle):
    seen = 0
    for case in oracle("novelsum")["metric_cases"]:
        vectors, reference = np.array(case["X"], float), np.array(case["ref"], float)
        for setting in case.get("grid", [case]):
            ours = value(vectors, reference, setting)
            if "expected_released" in setting:
                assert ours == pytest.approx(setting["expected_released"], abs=1e-6)
                if setting["expected_paper"]:
                    assert ours != pytest.approx(setting["expected_paper"], rel=1e-3)
            else:
                assert ours == pytest.approx(setting["independent_released"], rel=1e-7, abs=1e-8)
                assert ours == pytest.approx(setting["official"], rel=5e-5)
            for wrong in ("independent_exclude_self", "independent_paper_sum"):
                if wrong in setting:
                    assert ours != pytest.approx(setting[wrong], rel=1e-3)
            seen += 1
    assert seen >= 20


@pytest.mark.oracle
def test_the_released_densities(oracle):
    (case,) = [c for c in oracle("novelsum")["metric_cases"] if "sigma_beta05_K10_official" in c]
    vectors, reference = np.array(case["X"], float), np.array(case["ref"], float)
    ours = density(vectors, reference, 10, 0.5)
    np.testing.assert_allclose(ours, case["sigma_beta05_K10_official"], rtol=5e-5)
    kept = _density(vectors, reference, 10, 0.5, skip=0)
    assert not np.allclose(kept, case["sigma_beta05_K10_official"], rtol=1e-3), "nearest kept"
    plain = _density(vectors, reference, 10, 0.5, power_of_distance=1)
    assert not np.allclose(plain, case["sigma_beta05_K10_official"], rtol=1e-3), "L2, not squared"


def _density(vectors, reference, neighbours, power, skip=1, power_of_distance=2):
    far = np.linalg.norm(vectors[:, None] - np.unique(reference, axis=0), axis=2)
    near = np.sort(far**power_of_distance, axis=1)[:, skip : neighbours + skip]
    return (near.mean(axis=1) + 1e-9) ** -power


@pytest.mark.oracle
def test_the_released_picks(oracle):
    data = oracle("novelsum")
    for case in data["select_cases"]:
        vectors = np.array(case["E"])
        densities = density(vectors, vectors, case["K"], case["beta"])
        picked = novelselect(vectors, densities, case["k"], case["start"], case["alpha"])
        assert picked == case["selected_independent"] == case["selected_official"]
    case = data["select_cases"][data["select_quality"]["case_index"]]
    vectors = np.array(case["E"])
    densities = density(vectors, vectors, case["K"], case["beta"])
    quality = np.array(data["select_quality"]["quality"])
    picked = novelselect(vectors, densities, case["k"], case["start"], case["alpha"], quality)
    assert picked == data["select_quality"]["selected_independent"]


def plain(vectors, densities, budget, start, power, quality, allowed=lambda item: True, take=None):
    """Every score of every candidate at every step, in float64."""
    unit = np.asarray(vectors, np.float64)
    unit = unit / np.linalg.norm(unit, axis=1, keepdims=True)
    picked = [start]
    while True:
        if take:
            take(picked[-1])
        if len(picked) == budget:
            return picked
        weights = np.arange(1, len(picked) + 1) ** -float(power)
        scores = np.full(len(unit), -np.inf)
        for item in set(range(len(unit))) - set(picked):
            if allowed(item):
                far = np.maximum(1 - unit[picked] @ unit[item], 0)
                both = np.sort((densities[item] + densities[picked]) * far)
                scores[item] = quality[item] * (both @ weights)
        if scores.max() == -np.inf:
            return picked
        picked.append(int(np.argmax(scores)))


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("graded", [False, True])
def test_the_picks_are_those_of_computing_every_score(power, dtype, graded):
    pick = np.random.default_rng(3)
    centres = pick.standard_normal((8, 24))
    vectors = (centres[pick.integers(0, 8, 150)] + pick.standard_normal((150, 24))).astype(dtype)
    densities = density(vectors, vectors)
    quality = pick.uniform(0.5, 1, 150) if graded else np.ones(150)
    ours = novelselect(vectors, densities, 40, 7, power, quality if graded else None)
    assert ours == plain(vectors, densities, 40, 7, power, quality)


def test_ties_go_to_the_lowest_index():
    vectors = np.array([[1.0, 0], [0, 1], [0, 1], [0, 1], [-1, 0], [-1, 0]])
    assert novelselect(vectors, np.ones(6), 4, 0) == [0, 4, 1, 5]
    assert plain(vectors, np.ones(6), 4, 0, 1.0, np.ones(6)) == [0, 4, 1, 5]


def test_shares_hold_while_picking():
    pick = np.random.default_rng(0)
    vectors = pick.standard_normal((90, 8))
    kinds = {"variety": ["a"] * 70 + ["b"] * 15 + ["c"] * 5}
    shares = {"least": {"variety": {"b": 0.3, "c": 0.5}}, "most": {"variety": {"a": 0.5}}}

    def quotas():
        return Quotas(kinds, 30, **shares)

    ours = novelselect(vectors, np.ones(90), 30, 0, quotas=quotas())
    counts = {name: sum(kinds["variety"][i] == name for i in ours) for name in "abc"}
    assert counts["a"] <= 15
    assert counts["b"] >= 9
    assert counts["c"] == 5, "half of 30 asked, five there are"
    mirror = quotas()
    expected = plain(vectors, np.ones(90), 30, 0, 1.0, np.ones(90), mirror.allows, mirror.take)
    assert ours == expected


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.01, 100), st.sampled_from([0.0, 0.25, 0.5]))
def test_the_laws_of_novelsum(seed, scale, power):
    pick = np.random.default_rng(seed)
    vectors = pick.standard_normal((pick.integers(3, 30), 5))
    reference = pick.standard_normal((20, 5))

    def of(some, refs):
        return novelsum(some, density(some, refs, 5, power))

    value = of(vectors, reference)
    assert of(pick.permutation(vectors), reference) == pytest.approx(value, rel=1e-9)
    scaled = of(scale * vectors, scale * reference)
    assert scaled == pytest.approx(value * scale ** (-2 * power), rel=1e-4)


def test_a_duplicate_can_raise_it():
    """No law says that it cannot: ten equal points and one opposite."""
    ten = np.tile([1.0, 0.0], (10, 1))
    one, two = np.vstack([ten, [[-1.0, 0]]]), np.vstack([ten, [[-1.0, 0]] * 2])
    assert novelsum(one, np.ones(11)) == pytest.approx(0.176, abs=5e-4)
    assert novelsum(two, np.ones(12)) == pytest.approx(0.266, abs=5e-4)


def test_equal_points_have_none():
    assert novelsum(np.ones((5, 3)), np.ones(5)) == pytest.approx(0, abs=1e-12)
