"""`diff`: every difference of two runs, and their scores on the same items."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from finished_support import GULF, finding, finished_run

from locale_tune.api import PlanError, open_run, read_json
from locale_tune_assess.bootstrap import paired, rows_of, seed_of
from locale_tune_assess.diff import artifacts, compared, differences, flat, scores
from locale_tune_assess.diff_command import command
from locale_tune_assess.diff_screen import isolated, told
from locale_tune_assess.paired_runs import compare
from locale_tune_assess.settings import AssessSettings

RIGHT_A = [1, 0, 1, 0, 1, 0, 0, 0]
RIGHT_B = [1, 1, 1, 1, 1, 0, 1, 1]


def questions(right: list[int], dev: int = 0) -> list[dict[str, Any]]:
    """Return question items as `multiple_choice` keeps them; the first `dev` are no test items."""
    rows = []
    for number, correct in enumerate(right):
        chances = [0.7, 0.2, 0.1] if correct else [0.2, 0.7, 0.1]
        rows.append(
            {
                "id": f"q{number}",
                "group": f"g{number}",
                "split": "dev" if number < dev else "test",
                "choices": ["a", "b", "c"],
                "answer": 0,
                "before": [0.4, 0.3, 0.3],
                "after": chances,
            }
        )
    return rows


def run(folder: Path, right: list[int], **more: Any) -> Path:
    score = 100 * sum(right) / len(right)
    return finished_run(
        folder,
        findings=[finding(after=score)],
        items={"multiple_choice-rm": questions(right)},
        **more,
    )


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    a = run(tmp_path / "a", RIGHT_A, settings={"tune": {"lr": 1e-4, "epochs": 1}}, seed=0)
    b = run(tmp_path / "b", RIGHT_B, settings={"tune": {"lr": 2e-4, "epochs": 1}}, seed=1)
    return a, b


def invoke(*arguments: object) -> Any:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def data(*arguments: object) -> Any:
    done = invoke(*arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.output)


def test_leaves_of_nested_settings_are_compared_one_by_one() -> None:
    assert dict(flat({"a": {"b": 1, "c": [1, 2]}, "d": {}})) == {"a.b": 1, "a.c": [1, 2], "d": {}}
    assert [*compared({"x": 1, "y": None}, {"x": 1, "z": 0})] == [("z", None, 0)]


def test_settings_seed_and_steps_that_differ_are_named(two: tuple[Path, Path]) -> None:
    found = data(*two)
    assert found["settings"] == [{"what": "tune.lr", "a": 1e-4, "b": 2e-4}]
    assert {"what": "seed", "a": 0, "b": 1} in found["build"]
    assert {step["what"]: step["same"] for step in found["artifacts"]}["tune"] is False


def test_a_run_against_itself_differs_in_nothing(two: tuple[Path, Path]) -> None:
    a = open_run(two[0])
    assert not any(differences(a, a).values())
    assert all(step.a == step.b for step in artifacts(a, a))
    [row] = data(two[0], two[0])["scores"]
    assert (row["change"], row["paired"]["change"], row["paired"]["interval"]) == (0, 0, [0, 0])
    assert "the same: build" in invoke(two[0], two[0]).output


def test_the_paired_interval_is_that_of_the_shared_items(two: tuple[Path, Path]) -> None:
    [row] = data(*two)["scores"]
    before, after = (rows_of([100.0 * x for x in right]) for right in (RIGHT_A, RIGHT_B))
    groups = [f"g{number}" for number in range(8)]
    seed = seed_of(1, "diff", "accuracy", "rm")
    wanted = paired(before, after, groups, resamples=AssessSettings().resamples, seed=seed)
    assert row["paired"]["n"] == 8
    assert row["paired"]["change"] == pytest.approx(50.0)
    assert row["paired"]["interval"] == pytest.approx(list(wanted.interval or ()))
    # Four of eight groups differ: 2 in 16 ways to swap them are as extreme.
    assert row["paired"]["p"] == wanted.p == 2 / 16
    assert row["paired"]["verdict"] == "no clear change"


def test_items_are_paired_by_id_and_content_whatever_their_order(tmp_path: Path) -> None:
    a, b = questions(RIGHT_A), questions(RIGHT_B)[::-1]
    b[0]["choices"] = ["a", "b", "other"]  # q7 is another question now
    b[1]["choices"], b[1]["after"], b[1]["answer"] = ["c", "b", "a"], [0.1, 0.7, 0.2], 2
    folders = []
    for name, rows in (("a", a), ("b", b)):
        done = finished_run(tmp_path / name, items={"multiple_choice-rm": rows})
        folders.append(open_run(done).newest("findings").path / "items")
    scores = (finding(after=37.5), finding(after=75.0))
    result = compare(folders[0], folders[1], scores, bins=15, resamples=100, seed=0)
    assert result is not None
    assert result.n == 7
    assert result.change == pytest.approx(100 * (5 - 3) / 7)


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: [{**row, "after": [0.1, 0.8, 0.1]} for row in rows],  # not what was reported
        lambda rows: [{key: row[key] for key in ("id", "answer")} for row in rows],
        lambda rows: [{**row, "id": f"other-{row['id']}"} for row in rows],  # no item in common
        lambda rows: [{**row, "answer": 9} for row in rows],
    ],
)
def test_items_that_do_not_give_the_reported_number_are_not_used(tmp_path: Path, change) -> None:
    a = run(tmp_path / "a", RIGHT_A)
    b = finished_run(
        tmp_path / "b",
        findings=[finding(after=75.0)],
        items={"multiple_choice-rm": change(questions(RIGHT_B))},
    )
    [row] = data(a, b)["scores"]
    assert row["paired"] is None
    assert row["change"] == pytest.approx(37.5)
    assert row["changes_overlap"] is True


def test_dev_items_and_items_of_no_half_stay_out(tmp_path: Path) -> None:
    rows = questions([1, 0, 1, 0, 1, 1, 1, 0], dev=3)
    left_out = {**rows[0], "id": "q9", "split": ""}  # a dev question whose group is tested
    for name in "ab":
        finished_run(
            tmp_path / name,
            findings=[finding(after=60.0)],
            items={"multiple_choice-rm": [*rows, left_out]},
        )
    [row] = data(tmp_path / "a", tmp_path / "b")["scores"]
    assert row["paired"]["n"] == 5


@pytest.mark.parametrize(
    ("check", "file", "row", "value"),
    [
        ("bits_per_byte", "bits_per_byte", {"nats_after": 6.0, "bytes": 4}, 6 / math.log(2) / 4),
        ("tokens_per_word", "fertility", {"tokens_after": 3, "words": 2, "bytes": 9}, 1.5),
        ("bytes_per_token", "fertility", {"tokens_after": 3, "words": 2, "bytes": 9}, 3.0),
        ("greets_back", "greets_back", {"before": 0.0, "after": 1.0}, 1.0),
        ("chrf", "chrf", {"reference": "bun di", "after": "bun di"}, 100.0),
        ("brier", "multiple_choice", {"answer": 0, "after": [0.5, 0.5]}, 0.5),
        ("culture", "culture", {"answer": 0, "after": [0.6, 0.4]}, 100.0),
        ("cloze", "cloze", {"answer": 1, "after": [0.6, 0.4]}, 0.0),
        ("ece", "multiple_choice", {"answer": 0, "after": [0.6, 0.4]}, 0.4),
    ],
)
def test_each_check_reads_its_own_items(tmp_path: Path, check, file, row, value) -> None:
    rows = [{"id": str(number), **row} for number in range(6)]
    for name in "ab":
        one = finding(check, after=value)
        finished_run(tmp_path / name, findings=[one], items={f"{file}-rm": rows})
    [found] = data(tmp_path / "a", tmp_path / "b")["scores"]
    assert found["paired"]["n"] == 6
    assert found["paired"]["change"] == pytest.approx(0.0)


def test_intervals_overlap_or_not_and_scores_of_one_run_only(tmp_path: Path) -> None:
    a = finished_run(tmp_path / "a", findings=[finding(interval=(1.0, 2.0)), finding("x")])
    b = finished_run(tmp_path / "b", findings=[finding(interval=(2.5, 3.0)), finding("y")])
    found = {row.check: row for row in scores(open_run(a), open_run(b))}
    assert found["accuracy"].overlap is False
    assert found["x"].change is None
    text = invoke(a, b).output
    assert "their changes do not overlap" in text
    assert "only in A" in text
    assert "only in B" in text


def test_sources_are_compared_by_digest_and_counts(tmp_path: Path) -> None:
    row = {"id": "text", "sha256": "1" * 64, "seen": 9, "kept": 8, "bytes": 70}
    a = finished_run(tmp_path / "a", sources=[row])
    b = finished_run(tmp_path / "b", sources=[{**row, "sha256": "2" * 64, "kept": 7}])
    found = {part["what"]: (part["a"], part["b"]) for part in data(a, b)["sources"]}
    assert found == {"text sha256": ("1" * 64, "2" * 64), "text kept": (8, 7)}
    assert "111111111111 " in invoke(a, b).output


@pytest.mark.parametrize("content", ["{", "[1]", '[{"kept": 1}]'])
def test_damaged_counts_of_the_corpus_are_told(tmp_path: Path, content: str) -> None:
    run = finished_run(tmp_path / "a", sources=[{"id": "text"}])
    path = open_run(run).newest("corpus").path / "sources.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(PlanError, match="corpus counted cannot be read"):
        differences(open_run(run), open_run(run))


def test_items_of_any_kind_are_compared_or_left_out(tmp_path: Path) -> None:
    rows = [{"id": f"i{n}", "prompt": [{"x": n}], "choices": [None, "a"]} for n in range(6)]
    a, b = ([{**row, "after": float(value)} for row in rows] for value in (0, 1))
    for name, kept in (("a", a), ("b", b)):
        finished_run(tmp_path / name, items={"greets-rm": kept})
    folders = [open_run(tmp_path / name).newest("findings").path / "items" for name in "ab"]
    sides = (finding("greets", after=0.0), finding("greets", after=1.0))
    result = compare(folders[0], folders[1], sides, bins=15, resamples=100, seed=0)
    assert result is not None
    assert (result.n, result.change) == (6, 1.0)


def test_libraries_and_another_pack_are_told(tmp_path: Path) -> None:
    a = finished_run(tmp_path / "a", libraries={"numpy": "2.0"})
    b = finished_run(tmp_path / "b", locale=GULF, libraries={"numpy": "2.1"})
    found = data(a, b)
    assert found["libraries"] == [{"what": "numpy", "a": "2.0", "b": "2.1"}]
    assert any("different packs" in note for note in found["notes"])


def test_lists_and_intervals_are_shown_as_they_are(tmp_path: Path) -> None:
    runs = [
        run(tmp_path / name, RIGHT_A, settings={"tune": {"only_tags": [tag]}})
        for name, tag in (("a", "/red"), ("b", "topic=food"))
    ]
    text = invoke(*runs).output
    assert '["/red"]' in text
    assert "[+0.000, +0.000]" in text
    assert "\\" not in text


def test_right_to_left_names_stand_apart_and_control_characters_are_gone(tmp_path: Path) -> None:
    a, b = finished_run(tmp_path / "a"), finished_run(tmp_path / "b", locale=GULF)
    text = invoke(a, b).output
    assert f"\u2068{GULF.endonym}\u2069" in text
    assert isolated("Rumantsch") == "Rumantsch"
    assert told("a\x1b[2Jb\u202ec") == "a[2Jbc"
    assert told(None) == "-"
    assert len(told("x" * 500)) == 60


def test_json_has_no_nan_and_what_is_printed_no_half_of_a_letter(tmp_path: Path) -> None:
    one = finding(after=math.nan)
    two = [finished_run(tmp_path / str(n), findings=[one], seed=n) for n in (0, 1)]
    plan = read_json(two[1] / "plan.json")
    plan["pack"]["locale"]["endonym"] = "\ud800x"
    (two[1] / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    for more in ([], ["--json"]):
        done = CliRunner().invoke(command, [*map(str, two), *more])
        assert done.exit_code == 0, done.exception
    told = json.loads(done.output, parse_constant=lambda name: pytest.fail(name))
    assert told["scores"][0]["b"]["after"] is None


def test_a_run_without_findings_is_told(tmp_path: Path) -> None:
    a = finished_run(tmp_path / "a")
    b = finished_run(tmp_path / "b", without=("assess", "release"))
    done = invoke(a, b)
    assert isinstance(done.exception, PlanError)
    assert "not finished" in str(done.exception)
    assert isinstance(invoke(a, tmp_path).exception, PlanError)


def test_damaged_findings_are_told(tmp_path: Path) -> None:
    a = finished_run(tmp_path / "a")
    (open_run(a).newest("findings").path / "findings.json").write_text("{", encoding="utf-8")
    assert "damaged" in str(invoke(a, a).exception)


def test_numpy_is_not_loaded_to_open_a_run_or_to_offer_the_command() -> None:
    code = (
        "import sys, locale_tune_assess, locale_tune_assess.diff, locale_tune_assess.diff_screen;"
        "assert not {'numpy', 'torch', 'pyarrow'} & set(sys.modules)"
    )
    path = os.pathsep.join(p for p in sys.path if p)
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": path})


def test_the_bootstrap_of_a_ratio_takes_groups_together(tmp_path: Path) -> None:
    rows = [{"id": str(i), "group": str(i % 3), "after": float(i)} for i in range(9)]
    for name in "ab":
        one = finding("own", after=float(np.mean(range(9))))
        finished_run(tmp_path / name, findings=[one], items={"own-rm": rows})
    [row] = data(tmp_path / "a", tmp_path / "b")["scores"]
    assert (row["paired"]["n"], row["paired"]["interval"]) == (9, None)
