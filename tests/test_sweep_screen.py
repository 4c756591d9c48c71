"""What a sweep prints: a table, what went wrong, and a recommendation that is not applied."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console
from sweep_support import sweep_of, trials

from locale_tune.build import Options
from locale_tune.cli.screen import TerminalScreen
from locale_tune.cli.sweep_screen import run, sentences, table
from locale_tune.curves import Axis, Trial
from locale_tune.errors import PlanError

SMOOTHING = Axis(setting="tune.label_smoothing", values=("0", "0.1"))
POINTS = {("0",): [(50.0, 0.30), (52.0, 0.32)], ("0.1",): [(50.0, 0.20), (50.0, 0.22)]}


def printed(found):
    console = Console(file=StringIO(), width=120)
    console.print(table(found))
    return [line.split() for line in console.file.getvalue().splitlines()]


def test_the_table_has_a_row_per_value_and_two_columns_per_language():
    head, first, second = printed(sweep_of([SMOOTHING], trials(POINTS)))
    assert head == [
        "label_smoothing",
        "accuracy",
        "afb",
        "ECE",
        "afb",
        "accuracy",
        "en",
        "ECE",
        "en",
    ]
    assert first[:7] == ["0", "51.0", "±", "1.4", "0.310", "±", "0.014"]
    assert second[:7] == ["0.1", "50.0", "±", "0.0", "0.210", "±", "0.014"]


def test_a_value_without_a_result_says_so():
    made = [*trials({("0",): [(50.0, 0.3)]}), Trial(values=("0.1",), seed=0, failed="NaN")]
    found = sweep_of([SMOOTHING], made)
    assert printed(found)[2] == ["0.1", *["failed"] * 4]
    assert "no result at 0.1 seed 0: NaN" in sentences(found)


def test_what_is_recommended_is_said_as_a_setting_and_not_applied():
    said = sentences(sweep_of([SMOOTHING], trials(POINTS)))
    assert said[0] == "recommended, not applied: --set tune.label_smoothing=0.1"
    assert "larger than the spread" in said[1]
    nothing = sentences(sweep_of([SMOOTHING], [Trial(values=("0",), seed=0, broken=("too high",))]))
    assert nothing == [
        "bound failed at 0 seed 0: too high",
        "nothing to recommend by: no accuracy and ECE in afb",
    ]


def test_seeds_alone_are_no_sweep():
    with pytest.raises(PlanError, match="--seeds needs a setting to compare"):
        run("rm", [], 3, Options(), TerminalScreen())
