"""A bound is kept, broken with a sentence, or broken because nothing answers it."""

from __future__ import annotations

import pytest

from locale_tune.api import Bound, Finding
from locale_tune_release.bounds import broken, evaluate, limits, with_guards


def measured(
    check: str = "knowledge", on: str = "en", after: float = 54.6, change: float | None = -0.5
) -> Finding:
    before = None if change is None else after - change
    return Finding(
        check=check, on=on, label="English", before=before, after=after, change=change, n=100
    )


@pytest.mark.parametrize(
    ("bound", "kept"),
    [
        (Bound(check="knowledge", on="en", min=54.6), True),
        (Bound(check="knowledge", on="en", min=54.7), False),
        (Bound(check="knowledge", on="en", max=54.6), True),
        (Bound(check="knowledge", on="en", max=54.5), False),
        (Bound(check="knowledge", on="en", of="change", min=-0.5), True),
        (Bound(check="knowledge", on="en", of="change", min=-0.4), False),
        (Bound(check="knowledge", on="en", of="change", max=-0.6), False),
        (Bound(check="knowledge", on="en", of="ratio", min=54.6 / 55.1), True),
        (Bound(check="knowledge", on="en", of="ratio", min=1.0), False),
        (Bound(check="knowledge", on="en", min=50, max=60), True),
        (Bound(check="knowledge", on="en", min=50, max=54), False),
    ],
)
def test_limits_themselves_are_allowed(bound: Bound, kept: bool) -> None:
    assert [result.kept for result in evaluate([bound], [measured()])] == [kept]


@pytest.mark.parametrize(
    ("limits", "interval", "kept"),
    [
        ({"max": 0.05}, (0.06, 0.2), False),
        ({"max": 0.05}, (0.04, 0.2), True),
        ({"max": 0.05}, (0.05, 0.2), True),
        ({"max": 0.05}, None, False),  # too few groups for an interval: the number decides
        ({"min": 0.2}, (0.06, 0.19), False),
        ({"min": 0.2}, (0.06, 0.21), True),
        ({"min": 0.0, "max": 0.05}, (0.06, 0.2), False),
    ],
)
def test_a_clear_bound_is_broken_only_by_the_whole_interval(limits, interval, kept) -> None:
    finding = measured(change=0.1).model_copy(update={"interval": interval})
    bound = Bound(check="knowledge", of="change", clear=True, **limits)
    assert [result.kept for result in evaluate([bound], [finding])] == [kept]
    plain = bound.model_copy(update={"clear": False})
    if "max" in limits:
        assert broken([plain], [finding])


def test_the_sentence_of_a_clear_bound_names_the_interval() -> None:
    finding = measured(change=0.1).model_copy(update={"interval": (0.06, 0.2)})
    (sentence,) = broken([Bound(check="knowledge", of="change", max=0.05, clear=True)], [finding])
    assert sentence == (
        "English (knowledge on en) changed by +0.100 (95 % interval +0.060 to +0.200); the pack "
        "asks for a change of at most 0.05 (broken where the whole interval is beyond)."
    )


def test_the_sentence_names_finding_value_and_limit() -> None:
    bound = Bound(check="knowledge", on="en", of="change", min=-0.4)
    (sentence,) = broken([bound], [measured()])
    assert sentence == (
        "English (knowledge on en) changed by −0.500; the pack asks for a change of at least −0.4."
    )
    (sentence,) = broken([Bound(check="knowledge", max=50)], [measured()])
    assert sentence == "English (knowledge on en) is 54.6; the pack asks for at most 50."


def test_without_on_every_finding_of_the_check_must_hold() -> None:
    findings = [measured(on="en"), measured(on="rm", after=20.0), measured(check="ece", after=0.1)]
    results = evaluate([Bound(check="knowledge", min=30)], findings)
    assert [(r.finding.on, r.kept) for r in results if r.finding] == [("en", True), ("rm", False)]


def test_a_bound_that_matches_nothing_is_broken_and_says_where_it_was_measured() -> None:
    (sentence,) = broken([Bound(check="knowledge", on="de", min=1)], [measured()])
    assert "matches nothing measured" in sentence
    assert "measured on en" in sentence
    (sentence,) = broken([Bound(check="knowlege", min=1)], [measured()])
    assert "'knowlege'" in sentence
    assert broken([Bound(check="ece", max=1)], []) != []


@pytest.mark.parametrize("after", [float("nan"), float("inf")])
def test_a_number_that_is_none_breaks_its_bound(after: float) -> None:
    assert broken([Bound(check="knowledge", max=1e9)], [measured(after=after)])


def test_a_missing_change_breaks_a_bound_on_change() -> None:
    bound = Bound(check="knowledge", of="change", min=-100)
    (sentence,) = broken([bound], [measured(change=None)])
    assert "no change number" in sentence


@pytest.mark.parametrize("change", [None, 54.6])
def test_a_ratio_to_nothing_breaks_its_bound(change: float | None) -> None:
    bound = Bound(check="knowledge", of="ratio", min=0.0)
    (sentence,) = broken([bound], [measured(change=change)])
    assert "no ratio number" in sentence


def test_a_broken_ratio_is_told_as_one() -> None:
    bound = Bound(check="knowledge", of="ratio", min=0.5)
    (sentence,) = broken([bound], [measured(after=10.0, change=-30.0)])
    assert sentence == (
        "English (knowledge on en) is 0.250 times what it was; the pack asks for at least 0.5 "
        "times what it was before."
    )


def test_nothing_is_broken_without_bounds_and_order_is_the_packs() -> None:
    assert broken([], [measured()]) == []
    bounds = [Bound(check="b", min=1), Bound(check="a", min=1)]
    assert ["'b'" in s for s in broken(bounds, [])] == [True, False]


def test_limits_in_words() -> None:
    assert limits(Bound(check="a", min=1, max=2)) == "at least 1 and at most 2"
    assert limits(Bound(check="a", of="change", max=0)) == "change of at most 0"
    assert limits(Bound(check="a", of="ratio", min=0.5)) == "at least 0.5 times what it was before"


def test_what_align_may_cost_is_bound_unless_the_pack_says_so_itself() -> None:
    found = [measured(), measured("align.preferences", "rm", after=2.0, change=0.5)]
    assert with_guards([], [measured()]) == []
    (guard,) = with_guards([], found)
    assert (guard.check, guard.of, guard.max) == ("align.preferences", "change", 0.0)
    (sentence,) = broken([guard], found)
    assert "the guard of align asks for a change of at most 0" in sentence
    assert "the pack asks" not in sentence, "no pack wrote it"
    assert "a bound on this number replaces the guard" in sentence
    own = Bound(check="align.preferences", of="change", max=1.0)
    assert with_guards([own], found) == [own]


def test_a_bound_on_one_language_leaves_the_guard_on_the_others() -> None:
    found = [measured("align.ece", on, after=0.5, change=0.4) for on in ("en", "rm", "de")]
    own = Bound(check="align.ece", on="en", of="change", max=0.9)
    guards = with_guards([own], found)[1:]
    assert [(guard.check, guard.on) for guard in guards] == [
        ("align.ece", "rm"),
        ("align.ece", "de"),
    ]
    assert len(broken([own, *guards], found)) == 2
    everywhere = own.model_copy(update={"on": ""})
    assert with_guards([everywhere], found) == [everywhere]


def test_answers_that_never_differed_cannot_collapse() -> None:
    nothing = [measured("align.distinct_2", "rm", after=0.0, change=0.0)]
    assert with_guards([], nothing) == []
    (guard,) = with_guards([], [measured("align.distinct_2", "rm", after=0.1, change=-0.8)])
    assert guard.of == "ratio"
