"""`report`: the page of a finished run made anew, with what was added since, always the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from finished_support import finding, finished_run
from lxml import html
from release_page import released, results
from release_support import example

from locale_tune.api import PlanError, open_run, read_json, write_json
from locale_tune_release.remake import LM_EVAL, remake
from locale_tune_release.report_command import command


@pytest.fixture
def report(tmp_path: Path) -> dict[str, Any]:
    out = released(example(tmp_path / "example"))
    found: dict[str, Any] = read_json(out / "report.json")
    return found


@pytest.fixture
def example_folder(tmp_path: Path) -> Path:
    (tmp_path / "example").mkdir()
    return tmp_path / "example"


@pytest.fixture
def run(tmp_path: Path, example_folder: Path, report: dict[str, Any]) -> Any:
    return open_run(finished_run(tmp_path / "run", report=report))


def lm_eval(run: Any, **more: Any) -> None:
    one = finding("acc_norm", on="rm_questions", after=0.5).model_dump(mode="json")
    told = {"model": run.newest("model").fingerprint, "findings": [one], "reliability": []}
    write_json(run.path / LM_EVAL, {**told, **more})


def test_without_additions_it_is_the_page_of_the_release(run: Any, example_folder: Path) -> None:
    assert remake(run).read_bytes() == (example_folder / "out" / "report.html").read_bytes()


def test_it_is_the_same_every_time_and_leaves_the_release_alone(run: Any) -> None:
    lm_eval(run)
    before = (run.newest("release").path / "report.json").read_bytes()
    first = remake(run).read_bytes()
    assert remake(run).read_bytes() == first
    assert (run.newest("release").path / "report.json").read_bytes() == before


def test_results_of_lm_eval_stand_among_the_findings(run: Any, report: dict[str, Any]) -> None:
    lm_eval(run)
    rows = results(html.document_fromstring(remake(run).read_bytes().decode()))
    assert any("rm_questions, acc_norm" in name for name in rows)
    assert len(read_json(run.path / "report.json")["findings"]) == len(report["findings"]) + 1


def test_results_of_another_model_do_not(run: Any, report: dict[str, Any]) -> None:
    lm_eval(run, model="0" * 64)
    remake(run)
    assert read_json(run.path / "report.json")["findings"] == report["findings"]


def test_ratings_are_said_only_while_they_are_of_these_answers(run: Any) -> None:
    votes = [{"prompt": "p", "choice": "after", "rater": "Anna Maria", "comment": "</script>"}]
    write_json(run.path / "ratings.json", votes)
    (run.path / "rate").mkdir()
    write_json(run.path / "rate" / "key.json", {"findings": run.newest("findings").fingerprint})
    remake(run)
    told = [{"prompt": "p", "choice": "after", "rater": "rater 1"}]
    assert read_json(run.path / "report.json")["ratings"] == told
    write_json(run.path / "rate" / "key.json", {"findings": "of another build"})
    remake(run)
    assert "ratings" not in read_json(run.path / "report.json")
    (run.path / "rate" / "key.json").unlink()
    remake(run)
    assert "ratings" not in read_json(run.path / "report.json")


def test_names_and_comments_of_raters_are_not_on_the_page(run: Any) -> None:
    votes = [
        {"prompt": prompt, "choice": "after", "rater": name, "comment": "call me"}
        for name in ("Anna Maria", "Beat")
        for prompt in "pq"
    ]
    write_json(run.path / "ratings.json", votes)
    (run.path / "rate").mkdir()
    write_json(run.path / "rate" / "key.json", {"findings": run.newest("findings").fingerprint})
    page = remake(run).read_text(encoding="utf-8")
    assert "rater 2" in page
    for private in ("Anna", "Beat", "call me"):
        assert private not in page


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("ratings.json", "{"),
        ("ratings.json", "5"),
        ("ratings.json", '[{"prompt": 1}]'),
        ("rate/key.json", "[]"),
        (LM_EVAL, "[" * 5_000),
        (LM_EVAL, '{"model": 1}'),
    ],
)
def test_a_damaged_addition_is_named_with_what_to_do(run: Any, name: str, content: str) -> None:
    (run.path / "rate").mkdir()
    write_json(run.path / "rate" / "key.json", {"findings": run.newest("findings").fingerprint})
    write_json(run.path / "ratings.json", [])
    (run.path / name).write_text(content, encoding="utf-8")
    with pytest.raises(PlanError, match=f"{name} is damaged") as told:
        remake(run)
    assert "delete it" in told.value.remedy


@pytest.mark.parametrize(
    "change",
    [
        {"extension": 5},
        {"samples": [{}]},
        {"findings": [10**400]},
        {"verdicts": None},
        {"steps": [{"facts": None}]},
    ],
)
def test_a_release_of_another_kind_is_told(
    tmp_path: Path, example_folder: Path, report: dict[str, Any], change: dict[str, Any]
) -> None:
    run = open_run(finished_run(tmp_path / "odd", report={**report, **change}))
    with pytest.raises(PlanError, match="another version, or is damaged"):
        remake(run)


def test_a_number_beyond_all_floats_breaks_no_page(
    tmp_path: Path, example_folder: Path, report: dict[str, Any]
) -> None:
    steps = [{**step, "facts": {"tokens": 10**400}} for step in report["steps"]]
    run = open_run(finished_run(tmp_path / "odd", report={**report, "steps": steps}))
    assert "report" in remake(run).name


def test_what_cannot_be_read_is_told(run: Any, tmp_path: Path) -> None:
    lm_eval(run, findings=[{"check": "x"}])
    with pytest.raises(PlanError, match="is damaged"):
        remake(run)
    (run.path / LM_EVAL).unlink()
    other = open_run(finished_run(tmp_path / "other", report={"format": 1}))
    with pytest.raises(PlanError, match="another version"):
        remake(other)


def test_the_command_says_where_the_page_is(run: Any) -> None:
    done = CliRunner().invoke(command, [str(run.path)])
    assert done.output == f"report: {run.path / 'report.html'}\n"
