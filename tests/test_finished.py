"""Finished runs: opened by folder, plan or id; what is half made or changed does not count."""

from __future__ import annotations

import json

import pytest
from finished_support import finished_run

from locale_tune.errors import PlanError
from locale_tune.files import MANIFEST
from locale_tune.finished import folder_of, open_run


def test_it_opens_by_folder_plan_and_id(tmp_path, monkeypatch):
    run = finished_run(tmp_path / "runs" / "rm")
    monkeypatch.chdir(tmp_path)
    for name in (run, run / "plan.json", tmp_path.__class__("rm")):
        opened = open_run(name)
        assert opened.path.resolve() == run.resolve()
        assert opened.base().step == "base"
        assert opened.newest("model").step == "tune"
        assert opened.newest("findings").made_from["model"].step == "tune"


def test_a_folder_that_is_no_run_is_told(tmp_path):
    for path in (tmp_path, tmp_path / "nowhere", tmp_path / ("x" * 5_000)):
        with pytest.raises(PlanError, match="is no run"):
            open_run(path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"pack": 1}', "\x00", "[" * 10_000])
def test_a_damaged_plan_is_told(tmp_path, text):
    (tmp_path / "plan.json").write_text(text, encoding="utf-8")
    with pytest.raises(PlanError, match="cannot be read"):
        open_run(tmp_path)


def test_a_step_that_is_not_made_is_named_with_the_command(tmp_path):
    run = finished_run(tmp_path / "r", without=("assess", "release"), command="locale-tune build x")
    with pytest.raises(PlanError, match="'assess' is not made") as caught:
        open_run(run).newest("findings")
    assert caught.value.remedy == "locale-tune build x"
    with pytest.raises(PlanError, match="no step that makes lessons"):
        open_run(run).newest("lessons")


def test_a_changed_manifest_makes_no_artifact(tmp_path):
    run = finished_run(tmp_path / "r")
    step = next(step for step in open_run(run).plan.steps if step.name == "tune")
    path = folder_of(run, step) / MANIFEST
    manifest = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**manifest, "facts": {"steps": 9}}), encoding="utf-8")
    assert "tune" not in open_run(run).made
