"""Shares of answers that can be judged."""

from __future__ import annotations

import numpy as np

from locale_tune_assess.rates import compare_rates


def one(context, before, after, **more):
    groups = [str(i) for i in range(len(before))]
    return list(compare_rates(context, "rate", "A rate", (before, after), groups, **more))


def test_answers_that_cannot_be_judged_count_neither_way(make_context):
    [found] = one(make_context(), [True, False, None, None] * 3, [True, True, None, False] * 3)
    np.testing.assert_allclose((found.before, found.after), (50.0, 200 / 3))
    assert found.n == 12
    assert "6 of 12 answers before and 9 after" in found.note
    assert found.interval is not None
    assert found.section == "language"


def test_silence_after_tuning_is_no_finding(make_context):
    assert one(make_context(), [True] * 6, [None] * 6) == []


def test_silence_before_leaves_the_number_after(make_context):
    [found] = one(make_context(), [None] * 6, [True] * 6)
    assert (found.before, found.change, found.interval) == (None, None, None)
    assert found.after == 100.0
    assert found.verdict == "measured"


def test_few_judged_answers_have_no_interval(make_context):
    # One resample in seven holds none of the two, and would count as 0 %.
    [found] = one(make_context(), [True, True] + [None] * 28, [True] * 30)
    assert (found.before, found.after) == (100.0, 100.0)
    assert (found.interval, found.p, found.verdict) == (None, None, "measured")
