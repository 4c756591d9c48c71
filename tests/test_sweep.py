"""A sweep of small stages that leave marks: what is shared, what is told, and what goes wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests_support import PACK

from locale_tune.build import Options, Screen, build
from locale_tune.errors import PlanError, StageFailed
from locale_tune.files import read_json
from locale_tune.sweep import axes_of, sweep

GROUP = "locale_tune.plugins"
MARKS = '''
from pathlib import Path
from typing import Literal

from locale_tune.api import NotFinite, Settings, Stage, hookimpl, write_json

class Marks(Settings):
    rate: float = 0.0
    kind: Literal["plain", "odd"] = "plain"
    fail_at: float = -1.0

def mark(job):
    """Leave a line in a log that outlives the run directory's folders: what ran, with what seed."""
    with (job.work.parents[1] / "ran.txt").open("a") as log:
        log.write(f"{job.out.name.split('-')[-2]} {job.settings.rate:g} {job.seed}\\n")
    if job.settings.fail_at == job.settings.rate:
        raise NotFinite("the loss is NaN")
    if (job.work.parents[1] / "stop").exists() and job.settings.rate == 0.2:
        raise KeyboardInterrupt
    write_json(job.out / "mark.json", {"rate": job.settings.rate, "seed": job.seed})
    return {}

def measure(job):
    from locale_tune.api import read_json

    mark(job)
    made = read_json(job.inputs["model"].path / "mark.json")
    found = []
    for check, unit, value in (("accuracy", "%", 50.0), ("ece", "", 0.3 - made["rate"])):
        after = value + 0.01 * made["seed"]
        row = dict(check=check, on="rm", label=f"Toy, {check}", before=0.5, after=after, n=9)
        found.append(row | {"unit": unit})
    write_json(job.out / "findings.json", {"findings": found})
    return {}

def close(job):
    (finding,) = [f for f in read(job) if f["check"] == "ece"]
    return {"broken": ["ECE is too high"] if finding["after"] > 0.25 and job.pack.bounds else []}

def read(job):
    from locale_tune.api import read_json

    return read_json(job.inputs["findings"].path / "findings.json")["findings"]

def stage(name, needs, makes, run=mark, **more):
    return Stage(name, needs=needs, makes=makes, run=run, settings=Marks, **more)

@hookimpl
def locale_tune_stages():
    yield stage("t-collect", (), "corpus", reads=("sources",))
    yield stage("t-inject", ("model", "corpus"), "model")
    yield stage("t-tune", ("model", "corpus"), "model")
    yield stage("t-assess", ("base", "model"), "findings", run=measure)
    yield stage("t-release", ("model", "findings"), "release", run=close, reads=("bounds",))
    yield Stage("base", needs=(), makes="model", run=lambda job: {})

@hookimpl
def locale_tune_swept(sweep, folder):
    (folder / "heard.txt").write_text(" ".join(sweep.recommended.values))
'''
ALL = '["t-collect", "t-inject", "t-tune", "t-assess", "t-release"]'
RATES = "t-tune.rate=0,0.1,0.2"


@pytest.fixture
def toy(install, write_pack, tmp_path, monkeypatch):
    """Install the marking stages; return a sweep of a pack that uses them."""
    install("marks", GROUP, "marks", "sweep_marks_mod", MARKS)
    monkeypatch.setenv("LOCALE_TUNE_DISABLE_PLUGINS", "training")
    model = tmp_path / "base"
    model.mkdir()
    (model / "config.json").write_text("{}")
    text = PACK.replace('["collect"]', ALL).replace('"base"\n', f'"{model}"\n')
    root = write_pack(text)

    def run(*settings, seeds=1, screen=None, **more):
        return sweep(str(root), settings, seeds, Options(out=run.out, **more), screen)[0]

    run.root, run.text, run.write, run.out = root, text, write_pack, tmp_path / "run"
    run.ran = lambda: (run.out / "ran.txt").read_text().splitlines()
    return run


class Telling(Screen):
    """Keeps what a build says."""

    def __init__(self):
        self.notes = []

    def note(self, text):
        self.notes.append(text)


def test_a_grid_is_every_combination_in_the_order_given():
    axes = axes_of(["tune.rate=0, 0.1", "tune.kind=plain,odd"])
    assert [(axis.setting, axis.values) for axis in axes] == [
        ("tune.rate", ("0", "0.1")),
        ("tune.kind", ("plain", "odd")),
    ]


@pytest.mark.parametrize(
    ("texts", "problem"),
    [
        (["tune.rate"], "'tune.rate' is no setting with values"),
        (["rate=1,2"], "'rate=1,2' is no setting with values"),
        (["tune.=1"], "is no setting with values"),
        (["tune.rate=0,,1"], "is no setting with values"),
        (["tune.rate=0,0"], "'tune.rate' is to be 0 twice"),
        (["tune.rate=0,1", "tune.rate=2"], "'tune.rate' is swept twice"),
    ],
)
def test_a_sweep_that_cannot_be_read_is_a_sentence(texts, problem):
    with pytest.raises(PlanError, match=problem):
        axes_of(texts)


def test_steps_that_do_not_depend_on_the_value_run_once(toy):
    found = toy(RATES)
    ran = toy.ran()
    assert ran.count("collect 0 0") == 1
    assert ran.count("inject 0 0") == 1
    assert [line for line in ran if line.startswith("tune")] == [
        "tune 0 0",
        "tune 0.1 0",
        "tune 0.2 0",
    ]
    assert found.recommended.values == ("0.2",)
    assert (toy.out / "heard.txt").read_text() == "0.2"
    assert read_json(toy.out / "sweep.json") == found.model_dump(mode="json")


def test_a_seed_changes_the_swept_steps_and_not_the_questions(toy):
    found = toy("t-tune.rate=0,0.2", seeds=2, seed=5)
    ran = toy.ran()
    assert [line for line in ran if line.startswith("inject")] == ["inject 0 5"]
    assert [line for line in ran if line.startswith("tune")] == [
        "tune 0 5",
        "tune 0.2 5",
        "tune 0 6",
        "tune 0.2 6",
    ]
    assert {line for line in ran if line.startswith("assess")} == {"assess 0 5"}
    assert found.seeds == (5, 6)
    assert [f.mean for f in found.figures if f.check == "ece"] == pytest.approx([0.355, 0.155])


def test_a_trial_can_be_had_again_alone_by_set(toy):
    toy("t-tune.rate=0,0.2", seeds=2)
    alone = Options(out=toy.out, overrides=("t-tune.rate=0.2", "t-tune.seed=1"))
    assert build(str(toy.root), alone).ran == ()


def test_a_sweep_leaves_the_link_to_the_release_where_it_is(toy):
    first = build(str(toy.root), Options(out=toy.out)).release.path
    toy("t-tune.rate=0.1,0.2")
    assert (toy.out / "release").resolve() == first


def test_two_settings_make_a_grid_and_equal_trials_run_once(toy):
    telling = Telling()
    found = toy("t-tune.rate=0,0.1", "t-tune.kind=plain,odd", screen=telling)
    assert [trial.values for trial in found.trials] == [
        ("0", "plain"),
        ("0", "odd"),
        ("0.1", "plain"),
        ("0.1", "odd"),
    ]
    again = toy("t-tune.rate=0,0.1", "t-inject.rate=1,1.0", screen=telling)
    assert "sweep: 4 trials, 2 of them different" in telling.notes
    assert [trial.findings[1].after for trial in again.trials] == pytest.approx(
        [0.3, 0.3, 0.2, 0.2]
    )


def test_a_sweep_that_was_stopped_goes_on_and_gives_the_same(toy, tmp_path):
    whole = toy(RATES, seeds=2)
    toy.out = tmp_path / "stopped"
    toy.out.mkdir()
    (toy.out / "stop").touch()
    with pytest.raises(KeyboardInterrupt):
        toy(RATES, seeds=2)
    (toy.out / "stop").unlink()
    assert not (toy.out / "sweep.json").exists()
    before = toy.ran()
    assert toy(RATES, seeds=2) == whole
    again = ["tune 0.2 0", "tune 0 1", "tune 0.1 1", "tune 0.2 1"]
    assert [line for line in toy.ran()[len(before) :] if line.startswith("tune")] == again
    made = len(toy.ran())
    toy(RATES, seeds=2)
    assert len(toy.ran()) == made


def test_a_broken_bound_is_told_and_stops_nothing(toy):
    toy.write(toy.text + '\n[[bounds]]\ncheck = "ece"\nmax = 0.25\n')
    telling = Telling()
    found = toy(RATES, screen=telling)
    assert [trial.broken for trial in found.trials] == [("ECE is too high",), (), ()]
    assert "bound failed: ECE is too high" in telling.notes


def test_a_value_that_diverges_is_told_and_stops_nothing(toy):
    found = toy(RATES, overrides=("t-tune.fail_at=0.2",))
    assert [trial.failed for trial in found.trials] == ["", "", "the loss is NaN"]
    assert found.recommended.values == ("0.1",)


def test_what_fails_otherwise_stops_the_sweep(toy):
    toy.write(toy.text.replace('"t-tune"', '"t-none"'))
    broken = MARKS.replace(
        '"t-tune", ("model", "corpus"), "model"', '"t-none", (), "model", run=none'
    )
    broken = broken.replace("def read(job)", "def none(job):\n    return None\n\ndef read(job)")
    (Path(toy.root).parents[1] / "site-marks" / "sweep_marks_mod" / "__init__.py").write_text(
        broken
    )
    with pytest.raises((StageFailed, PlanError)):
        toy("t-none.rate=0,1")


@pytest.mark.parametrize(
    ("settings", "problem", "remedy"),
    [
        (["t-tun.rate=0,1"], "settings for 't-tun'", "did you mean 't-tune'"),
        (["t-tune.rat=0,1"], "t-tune.rat does not work", "did you mean 'rate'"),
        (["t-tune.rate=0,fast"], "t-tune.rate does not work", ""),
        (["t-tune.kind=plain,od"], "t-tune.kind does not work", ""),
        (["t-tune.seed=0,one"], "the seed of 't-tune' is 'one'", "whole number"),
    ],
)
def test_a_mistake_is_told_before_anything_runs(toy, settings, problem, remedy):
    with pytest.raises(PlanError, match=problem) as caught:
        toy(*settings)
    assert remedy in caught.value.remedy
    assert not (toy.out / "ran.txt").exists()


def test_a_build_that_measures_nothing_cannot_be_compared(toy):
    with pytest.raises(PlanError, match="measures nothing"):
        toy(RATES, until="t-tune")
    found = toy(RATES, until="t-assess")
    assert found.recommended.values == ("0.2",)
    assert found.command.endswith(f"--until t-assess --sweep {RATES}")


def test_seeds_may_be_swept_like_any_setting(toy):
    found = toy("t-tune.seed=0,3")
    assert [f.mean for f in found.figures if f.check == "ece"] == pytest.approx([0.3, 0.33])
    assert json.loads((toy.out / "sweep.json").read_text())["seeds"] == [0]
