"""The alignment tax: its arithmetic, its interval, and the check on models that we tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from talking_support import Talker

from locale_tune_assess.bootstrap import fewest
from locale_tune_assess.settings import AssessSettings
from locale_tune_assess.tax import (
    Task,
    families,
    interval_of,
    question_tasks,
    resampled_deltas,
    sums_of,
    tax,
    tax_of,
)

Oracle = Callable[[str], dict[str, Any]]


@pytest.mark.oracle
def test_every_value_of_the_oracle(oracle: Oracle) -> None:
    case = oracle("misc")["alignment_tax"]
    made = tax_of(case["tasks"], case["before"], case["after"])
    np.testing.assert_allclose(made.deltas, case["delta_points"], rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(made.mean_delta, case["mean_delta_points"], rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(made.tax, case["tax_points"], rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(made.retention, case["relative_retention"], rtol=1e-7, atol=1e-8)
    assert made.worst == case["worst"]


def test_a_gain_does_not_pay_for_a_loss() -> None:
    made = tax_of(["a", "b"], [0.5, 0.5], [0.3, 0.9])
    assert made.tax == pytest.approx(10.0)
    assert made.mean_delta == pytest.approx(10.0)
    assert made.worst == "a"


def test_what_was_never_known_has_no_retention() -> None:
    assert tax_of(["a", "b"], [0.0, 0.5], [0.5, 0.25]).retention == (None, 0.5)


def task(name: str, before: Any, after: Any) -> Task:
    names = tuple(map(str, range(len(before))))
    return Task(name, tuple(map(float, before)), tuple(map(float, after)), names)


def measured(tasks: list[Task]) -> Any:
    means = ([float(np.mean(getattr(one, side))) for one in tasks] for side in ("before", "after"))
    return tax_of([one.name for one in tasks], *means)


@pytest.mark.parametrize("alike", [False, True])
def test_chance_alone_is_no_tax(alike: bool) -> None:
    draw = np.random.default_rng(0)
    worse = small = 0
    for seed in range(120):
        tasks = [
            task(str(index), draw.random(60) < 0.5, draw.random(60) < 0.5) for index in range(4)
        ]
        if alike:  # the same facts in four languages
            tasks = [replace(tasks[0], name=str(index)) for index in range(4)]
        (low, _), p = interval_of(measured(tasks), resampled_deltas(tasks, 150, seed))
        worse += low > 0
        small += p < 0.05
    assert worse / 120 <= 0.05
    assert small / 120 <= 0.05


def test_a_real_loss_is_one_and_its_interval_holds_it() -> None:
    draw = np.random.default_rng(1)
    held = 0
    for seed in range(60):
        before, after = draw.random(300) < 0.8, draw.random(300) < 0.4
        tasks = [task("lost", before, after), Task("kept", [1.0] * 9, [1.0] * 9, "abcdefghi")]
        (low, high), p = interval_of(measured(tasks), resampled_deltas(tasks, 300, seed))
        held += low <= 20 <= high
        assert p < 0.05
        assert low > 0
    assert held >= 54


def test_items_are_drawn_within_their_task_and_by_group() -> None:
    # One group of two items that moved together: each draw takes both or none.
    lost = Task("a", (1, 1, 0, 0), (0, 0, 0, 0), ("g", "g", "h", "h"))
    deltas = resampled_deltas([lost, task("b", [1] * 5, [1] * 5)], 400, 0)
    assert set(deltas[:, 0].round(6)) == {-100.0, -50.0, 0.0}
    assert set(deltas[:, 1]) == {0.0}


def test_the_same_facts_in_two_languages_are_drawn_together() -> None:
    # Lost in both languages together: the draws of the two must agree, and their mean not narrow.
    before, after = [1] * 20, [1] * 10 + [0] * 10
    german, english = task("de", before, after), task("en", before, after)
    other = Task("sums", [1.0] * 5, [1.0] * 5, list("vwxyz"))
    assert families([german, other, english]) == [[1], [0, 2]]
    deltas = resampled_deltas([german, other, english], 500, 0)
    np.testing.assert_array_equal(deltas[:, 0], deltas[:, 2])
    assert deltas[:, 0].std() > 5
    # Each group counts once: 10 of them changed.
    assert fewest(*sums_of([german, other, english])) == 2 / 2**10


def able(prompt: str, choice: str) -> float:
    one, sign, other = prompt.splitlines()[-1].split()[:3]
    work = {"+": int.__add__, "-": int.__sub__, "×": int.__mul__}[sign]
    return float(int(choice) == work(int(one), int(other)))


def keep_questions(folder: Path, lang: str, rows: list[dict[str, Any]]) -> None:
    items = folder / "multiple_choice" / "items"
    items.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), items / f"multiple_choice-{lang}.parquet")


def row(name: str, answer: int, before: int, after: int, split: str = "test") -> dict[str, Any]:
    chances = [[0.9 if index == likes else 0.05 for index in range(3)] for likes in (before, after)]
    told = {"id": name, "group": f"of {name}", "split": split, "answer": answer}
    return {**told, "before": chances[0], "after": chances[1]}


def test_lost_abilities_are_taxed_and_new_ones_in_the_language_are_not(make_context) -> None:
    context = make_context(
        Talker("before", lambda *_: "Five seas, no more.", knows=able),
        Talker("after", lambda *_: "la"),
        AssessSettings(arithmetic=40, instructions=16, phrases={"words": "Fin {n} pleds."}),
        prompts=("Tge è quai?", "Co vai?"),
    )
    rows = [row(f"q{index}", 0, 0, 0 if index < 6 else 1) for index in range(12)]
    left_out = [row("dev", 0, 0, 1, "dev"), row("of a tested group", 0, 0, 1, "")]
    keep_questions(context.out.parent, "en", [*rows, *left_out])
    keep_questions(context.out.parent, "roh", [row("r", 0, 0, 1)])
    found = {(finding.check, finding.on): finding for finding in tax(context)}
    sums = found["arithmetic", "zxx"]
    assert (sums.before, sums.n) == (100.0, 40)
    assert sums.after < 60
    assert sums.verdict == "worse" or sums.interval[1] < 0
    assert ("instructions", "en") in found
    assert (found["instructions", "roh"].n, found["instructions", "roh"].before) == (2, 100.0)
    taxed = found["tax", "roh"]
    shown = {line["task"]: line for line in context.shown["tax"]}
    assert set(shown) == {"questions in English", "sums", "instructions in English"}
    assert shown["questions in English"]["delta"] == -50.0
    assert shown["questions in English"]["n"] == 12
    losses = [max(0.0, -line["delta"]) for line in shown.values()]
    assert taxed.after == taxed.change == pytest.approx(sum(losses) / 3)
    assert (taxed.before, taxed.lower_is_better) == (0.0, True)
    assert taxed.interval[0] > 0
    assert taxed.n == 12 + 40 + 16
    assert "worst: sums" in taxed.note or "worst: questions" in taxed.note


def test_questions_that_no_check_has_asked_yet_are_asked(make_context, question) -> None:
    def says(right: str):
        return lambda prompt, choice: float(choice == right)

    context = make_context(
        Talker("before", knows=says("right one")),
        Talker("after", knows=says("wrong one")),
        questions=[
            *(question(f"q{index}", lang="en", group=f"g{index // 2}") for index in range(12)),
            *(question(f"r{index}") for index in range(6)),
        ],
    )
    [asked] = question_tasks(context)
    assert asked.name == "questions in English"
    assert (sum(asked.before), sum(asked.after)) == (12, 0)
    assert len(set(asked.groups)) == 6


def test_few_items_that_changed_are_no_clear_tax(make_context) -> None:
    # All five sums lost: of five fair coins 2 in 32 fall all on one side.
    sides = (Talker("before", knows=able), Talker("after", knows=lambda p, c: -able(p, c)))
    (*_, taxed) = tax(make_context(*sides, AssessSettings(arithmetic=5, instructions=0)))
    assert (taxed.after, taxed.p) == (100.0, 2 / 32)


def test_equal_models_pay_nothing(make_context) -> None:
    same = [Talker(side, lambda *_: "Five seas.", knows=able) for side in ("before", "after")]
    (*_, taxed) = tax(make_context(*same))
    assert (taxed.after, taxed.interval) == (0.0, (0.0, 0.0))


def test_questions_that_were_not_asked_are_no_task(make_context) -> None:
    assert list(question_tasks(make_context(Talker("before"), Talker("after")))) == []


def test_with_no_probes_and_no_questions_there_is_no_tax(make_context) -> None:
    settings = AssessSettings(arithmetic=0, instructions=0)
    assert list(tax(make_context(Talker("before"), Talker("after"), settings))) == []
