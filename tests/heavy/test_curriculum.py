"""The curriculum of pairs: widest gap first, stage by stage."""

from __future__ import annotations

import pytest

from locale_tune.api import Message, Record
from locale_tune_training.curriculum import of_stage, ranked_pairs, widest_first


@pytest.mark.oracle
def test_stages_are_the_reference_values(oracle):
    data = oracle("misc")["curriculum"]
    stages = [[] for _ in data["pairs_by_stage"]]
    for prompt in data["prompts"]:
        for stage, pair in enumerate(ranked_pairs(prompt["ratings"])):
            stages[stage].append({"prompt": prompt["id"], **pair._asdict()})
    assert stages == data["pairs_by_stage"]


@pytest.mark.oracle
def test_one_list_is_the_reference_list(oracle):
    data = oracle("misc")["curriculum"]
    pairs = [
        (prompt["id"], pair.chosen, pair.rejected, pair.gap)
        for prompt in data["prompts"]
        for pair in ranked_pairs(prompt["ratings"])
    ]
    order = widest_first([gap for *_, gap in pairs], [f"{p:03d}:{r:03d}" for p, _, r, _ in pairs])
    assert [list(pairs[place][:3]) for place in order] == data["single_list_wide_gap_first"]


def test_gaps_fall_over_the_stages_of_a_prompt_and_ties_go_by_place():
    assert [pair.gap for pair in ranked_pairs([3, 9, 5, 1])] == [8, 6, 4]
    assert ranked_pairs([2, 7, 7, 1]) == [(1, 3, 6), (1, 0, 5)], "no pair of equals"
    assert ranked_pairs([4, 4]) == []
    assert widest_first([1, 2, 2], ["c", "b", "a"]) == [2, 1, 0]


def pair(ask, gap, name):
    turns = (Message(role="user", content=ask), Message(role="assistant", content=name))
    return Record(id=name, source="s", messages=turns, rejected="no", meta={"gap": str(gap)})


def test_a_stage_holds_one_pair_of_each_prompt():
    records = [pair("a", 1, "a1"), pair("b", 5, "b1"), pair("a", 3, "a2"), pair("b", 5, "b0")]
    assert [r.id for r in of_stage(records, 1)] == ["a2", "b0"]
    assert [r.id for r in of_stage(records, 2)] == ["a1", "b1"]
    assert of_stage(records, 3) == []
