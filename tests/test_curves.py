"""Means, spreads and the rule that picks a value, by numbers that can be checked by hand."""

from __future__ import annotations

import math

import pytest
from sweep_support import pair, sweep_of, trials

from locale_tune.curves import RULE, Axis, Trial, figures, languages, recommend, standard_error


def test_a_figure_is_the_mean_and_the_sample_deviation_over_seeds():
    found = figures(trials({("0",): [(30.0, 0.10), (32.0, 0.20), (34.0, 0.30)]}))
    accuracy, ece = (f for f in found if f.on == "afb")
    assert (accuracy.check, accuracy.mean, accuracy.seeds) == ("accuracy", 32.0, 3)
    assert accuracy.spread == pytest.approx(2.0)
    assert ece.mean == pytest.approx(0.2)
    assert ece.spread == pytest.approx(0.1)
    assert (ece.before, ece.n) == (0.3, 100)


def test_one_seed_has_no_spread():
    assert figures(trials({("0",): [(30.0, 0.1)]}))[0].spread is None


def test_the_standard_error_counts_questions_and_seeds():
    one = figures(trials({("0",): [(50.0, 0.1)]}))[0]
    assert standard_error(one) == pytest.approx(5.0)  # sqrt(0.5 * 0.5 / 100), in percent
    two = figures(trials({("0",): [(46.0, 0.1), (54.0, 0.1)]}))[0]
    seeds = 32.0 / 2  # sample variance of 46 and 54, over two seeds
    assert standard_error(two) == pytest.approx(math.sqrt(25.0 + seeds))


def test_a_share_may_also_be_a_share():
    one = figures(trials({("0",): [(50.0, 0.1)]}))[0]
    share = one.model_copy(update={"mean": 0.5, "unit": ""})
    assert standard_error(share) == pytest.approx(0.05)


def test_the_lowest_error_within_one_standard_error_of_the_best_accuracy_is_picked():
    made = trials(
        {
            ("0",): [(50.0, 0.30)],  # the best accuracy; its standard error is 5
            ("0.05",): [(46.0, 0.20)],
            ("0.1",): [(45.0, 0.15)],  # exactly one standard error below still counts
            ("0.2",): [(44.9, 0.01)],  # calibrated, but clearly less accurate
        }
    )
    picked = recommend(made, "afb")
    assert picked.values == ("0.1",)
    assert picked.among == (("0",), ("0.05",), ("0.1",))
    assert picked.rule == RULE


@pytest.mark.parametrize(
    ("points", "picked"),
    [
        ({("0",): [(50.0, 0.2)], ("0.1",): [(51.0, 0.2)]}, "0.1"),  # more accurate
        ({("0",): [(50.0, 0.2)], ("0.1",): [(50.0, 0.2)]}, "0"),  # named first
        ({("0.1",): [(50.0, 0.2)], ("0",): [(50.0, 0.2)]}, "0.1"),
    ],
)
def test_ties(points, picked):
    assert recommend(trials(points), "afb").values == (picked,)


@pytest.mark.parametrize(
    ("low", "high", "reading"),
    [
        ([0.10, 0.12], [0.20, 0.22], "the gap is larger than the spread over the seeds (0.014)"),
        ([0.10, 0.20], [0.12, 0.22], "within the spread over the seeds (0.071): not told apart"),
        ([0.10], [0.20], "one seed shows no spread"),
    ],
)
def test_a_gap_is_read_against_the_spread_over_seeds(low, high, reading):
    points = {("0",): [(50.0, e) for e in high], ("0.1",): [(50.0, e) for e in low]}
    picked = recommend(trials(points), "afb")
    assert picked.values == ("0.1",)
    assert reading in picked.reading


def test_a_value_that_diverged_is_not_recommended():
    made = trials({("0",): [(50.0, 0.3)], ("0.1",): [(50.0, 0.1)]})
    made.append(Trial(values=("0.1",), seed=1, failed="loss is NaN"))
    assert recommend(made, "afb").values == ("0",)


def test_without_accuracy_or_error_in_the_language_nothing_is_recommended():
    made = [Trial(values=("0",), seed=0, findings=tuple(pair(40.0, 0.1, "en")))]
    assert recommend(made, "afb") is None
    assert recommend([Trial(values=("0",), seed=0, findings=(pair(40, 0.1)[0],))], "afb") is None


def test_the_packs_language_stands_first_and_english_last():
    english = Trial(
        values=("0",),
        seed=0,
        findings=(
            *pair(40.0, 0.1, "en"),
            *(f.model_copy(update={"on": "arb"}) for f in pair(30.0, 0.1)),
            *pair(30.0, 0.1),
        ),
    )
    axes = [Axis(setting="tune.label_smoothing", values=("0",))]
    assert languages(sweep_of(axes, [english])) == ["afb", "arb", "en"]
