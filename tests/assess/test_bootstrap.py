"""The paired cluster bootstrap: determinism, pairing, groups."""

from __future__ import annotations

import numpy as np

from locale_tune_assess.bootstrap import (
    around,
    fewest,
    group_sums,
    holm,
    paired,
    percentiles,
    ratio,
    resampled,
    rows_of,
    seed_of,
    significance,
    t_tails,
)


def names(count: int) -> list[str]:
    return [f"item-{index:03d}" for index in range(count)]


def values(count: int = 60, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(1.0, 0.5, count)


def test_equal_runs_change_by_nothing() -> None:
    rows = rows_of(values())
    result = paired(rows, rows.copy(), names(60))
    assert result.change == 0.0
    assert result.interval == (0.0, 0.0)


def test_the_same_seed_gives_the_same_interval_and_another_seed_another() -> None:
    before, after = rows_of(values()), rows_of(values(seed=1))
    first = paired(before, after, names(60), seed=7)
    assert first == paired(before, after, names(60), seed=7)
    assert first.interval != paired(before, after, names(60), seed=8).interval


def test_the_order_of_items_does_not_matter() -> None:
    before, after = values(), values(seed=1)
    order = np.random.default_rng(2).permutation(60)
    straight = paired(rows_of(before), rows_of(after), names(60))
    mixed = paired(rows_of(before[order]), rows_of(after[order]), [names(60)[i] for i in order])
    np.testing.assert_allclose(straight.interval, mixed.interval, rtol=1e-12)


def test_pairing_cancels_what_items_have_in_common() -> None:
    spread = values() * 100
    result = paired(rows_of(spread), rows_of(spread + 1), names(60))
    np.testing.assert_allclose(result.interval, (1.0, 1.0))
    assert result.interval_before is not None
    assert result.interval_before[1] - result.interval_before[0] > 10


def test_items_of_one_group_are_drawn_together() -> None:
    # Ten copies of each of 6 items say no more than the 6 items: the interval must not shrink.
    change = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0])
    alone = paired(rows_of(0 * change), rows_of(change), names(6))
    copies = np.repeat(change, 10)
    groups = [name for name in names(6) for _ in range(10)]
    grouped = paired(rows_of(0 * copies), rows_of(copies), groups)
    np.testing.assert_allclose(alone.interval, grouped.interval)
    loose = paired(rows_of(0 * copies), rows_of(copies), names(60))
    assert loose.interval is not None
    assert grouped.interval is not None
    assert loose.interval[1] - loose.interval[0] < grouped.interval[1] - grouped.interval[0]


def test_too_few_groups_have_no_interval() -> None:
    result = paired(rows_of(values(40)), rows_of(values(40, 1)), ["a", "b", "c", "d"] * 10)
    assert result.interval is None
    assert result.groups == 4
    np.testing.assert_allclose(result.change, values(40, 1).mean() - values(40).mean())


def test_a_ratio_is_pooled_over_items() -> None:
    rows = np.array([[2.0, 1.0], [2.0, 3.0], [2.0, 4.0], [1.0, 1.0], [1.0, 1.0]])
    result = paired(rows, rows, names(5), ratio)
    np.testing.assert_allclose(result.before, 8 / 10)


def test_the_interval_has_the_width_of_theory() -> None:
    sample = values(400)
    result = paired(rows_of(0 * sample), rows_of(sample), names(400), resamples=4000)
    assert result.interval is not None
    half = 1.96 * sample.std() / np.sqrt(400)
    np.testing.assert_allclose(np.subtract(*result.interval[::-1]) / 2, half, rtol=0.08)


def test_every_draw_has_as_many_groups_as_there_are() -> None:
    sums = group_sums(np.ones((30, 1)), names(30))
    assert (resampled(sums, 50, 0) == 30).all()


def test_large_draws_are_the_same_in_blocks(monkeypatch) -> None:
    sums = np.arange(20.0)[:, None]
    whole = resampled(sums, 64, 3)
    monkeypatch.setattr("locale_tune_assess.bootstrap.BLOCK", 100)
    np.testing.assert_allclose(resampled(sums, 64, 3), whole)


def test_group_sums_stand_in_the_order_of_names() -> None:
    rows = np.array([[1.0], [2.0], [4.0]])
    assert group_sums(rows, ["b", "a", "b"]).tolist() == [[2.0], [5.0]]


def test_percentiles_of_a_ramp() -> None:
    np.testing.assert_allclose(percentiles(np.arange(1001.0)), (25.0, 975.0))


def test_seeds_differ_by_what_they_are_for() -> None:
    assert seed_of(0, "bits", "rm") == seed_of(0, "bits", "rm")
    assert len({seed_of(0, "a"), seed_of(1, "a"), seed_of(0, "b"), seed_of(0, "a", "")}) == 4


def test_draws_of_a_mean_stay_where_they_are() -> None:
    draws = resampled(rows_of(values()), 20_000, 0)
    moved = around(float(values().mean()), ratio(draws), 1_000_000)
    np.testing.assert_allclose(moved, ratio(draws), atol=2e-3)


def test_with_few_groups_the_interval_is_that_of_t() -> None:
    # t's 97.5 % points with 4 and 19 degrees of freedom: 2.776 and 2.093.
    draws = np.array([-1.0, 1.0])
    for groups, t in ((5, 2.776), (20, 2.093)):
        spread = float(np.ptp(around(0.0, draws, groups))) / 2
        np.testing.assert_allclose(spread, t / 1.96 * (groups / (groups - 1)) ** 0.5, rtol=3e-3)


def test_p_is_twice_the_share_beyond_zero() -> None:
    changes = np.array([-1.0] * 2 + [1.0] * 97)
    assert significance(changes) == 2 * 3 / 100
    assert significance(-changes) == 2 * 3 / 100
    assert significance(np.zeros(99)) == 1.0
    assert significance(np.ones(9999)) == 2 / 10_000


def test_p_and_interval_agree() -> None:
    for shift in (0.0, 0.05, 0.1, 0.15, 0.2, 0.3):
        result = paired(rows_of(values()), rows_of(values(seed=1) + shift), names(60))
        assert result.interval is not None
        assert result.p is not None
        inside = result.interval[0] <= 0 <= result.interval[1]
        assert inside == (result.p > 0.05)


def test_holm() -> None:
    # Holm 1979: 0.01 x 4, 0.02 x 3, 0.03 x 2, 0.2 x 1, never falling, never above 1.
    np.testing.assert_allclose(holm([0.02, 0.2, 0.01, 0.03]), [0.06, 0.2, 0.04, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_five_groups_are_few() -> None:
    # Mean 1.5, standard deviation 0.5: t = 1.5 / (0.5 / sqrt(5)) = 6.71 with 4 degrees of freedom.
    before, after = np.zeros(5), np.array([1.0, 2.0, 1.5, 1.0, 2.0])
    result = paired(rows_of(before), rows_of(after), names(5))
    assert result.p is not None
    np.testing.assert_allclose(result.p, t_tails(6.708, 4), rtol=0.1)
    assert result.p > 10 * 2 / 10_001  # what the draws alone would say


def test_items_that_did_not_change_prove_nothing() -> None:
    before, after = np.zeros(30), np.zeros(30)
    after[:6] = 1.0
    assert paired(rows_of(before), rows_of(after), names(30)).p == 2 / 64
    assert paired(rows_of(before), rows_of(before), names(30)).p == 1.0


def test_the_least_p_counts_groups_that_differ_in_any_column() -> None:
    before = np.array([[0.0, 1.0], [0.0, 1.0], [0.0, 1.0]])
    after = np.array([[0.0, 1.0], [1.0, 1.0], [0.0, 0.0]])
    assert fewest(before, after) == 0.5


def test_tails_of_t() -> None:
    # 97.5 % points of t with 1, 2, 4 and 19 degrees of freedom; 99.95 % with 5.
    points = {1: 12.7062, 2: 4.30265, 4: 2.77645, 19: 2.09302}
    for freedom, point in points.items():
        np.testing.assert_allclose(t_tails(point, freedom), 0.05, rtol=1e-4)
    np.testing.assert_allclose(t_tails(6.86883, 5), 0.001, rtol=1e-4)
    assert t_tails(0.0, 7) == 1.0


def test_few_groups_that_all_moved_far_are_clear() -> None:
    before = np.array([3.2, 3.6, 3.4, 3.8, 3.3, 3.5])
    after = before - np.array([1.3, 1.6, 1.5, 1.4, 1.7, 1.5])
    result = paired(rows_of(before), rows_of(after), names(6))
    assert result.p is not None
    # t = 1.5 / (0.1414 / sqrt(6)) = 26 with 5 degrees of freedom.
    assert result.p < 1e-3


def test_few_answers_that_flipped_are_not() -> None:
    before, after = np.zeros(60), np.zeros(60)
    after[:5] = 1.0
    assert paired(rows_of(before), rows_of(after), names(60)).p == 2 * 0.5**5
    alike = paired(rows_of(np.zeros(5)), rows_of(np.ones(5)), names(5))
    assert alike.p == 2 * 0.5**5


def test_equal_models_of_few_groups_are_seldom_told_apart() -> None:
    rng = np.random.default_rng(5)
    found = [
        paired(rows_of(np.zeros(6)), rows_of(rng.normal(size=6)), names(6), resamples=2000).p
        for _ in range(400)
    ]
    assert np.mean([p <= 0.05 for p in found if p is not None]) < 0.08
    assert np.mean([p <= 0.002 for p in found if p is not None]) < 0.01
