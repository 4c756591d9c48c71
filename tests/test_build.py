"""The build from pack to report, with small stages that leave marks instead of models."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests_support import PACK, REMOTE

from locale_tune import store, trust, worker
from locale_tune.build import Options, Screen, build
from locale_tune.errors import DiskError, PlanError, SourceMissing, StageFailed, StoreBusy
from locale_tune.files import read_json

GROUP = "locale_tune.plugins"
STAGES = """
import json, os, time
from pydantic import Field
from locale_tune.api import CHANGES_NOTHING, Settings, Stage, hookimpl

class Marks(Settings):
    word: str = "one"
    sleep: float = 0.0
    told_every: int = Field(default=1, json_schema_extra=CHANGES_NOTHING)

def mark(job):
    (job.work / "pid").write_text(str(os.getpid()))
    (job.out / "mark.txt").write_text(job.settings.word)
    seen = {kind: made.fingerprint[:8] for kind, made in job.inputs.items()}
    time.sleep(job.settings.sleep)
    return {"line": job.settings.word, "seen": seen, "prompts": list(job.pack.prompts)}

def none(job):
    return None

def die(job):
    os._exit(9)

def measure(job):
    finding = dict(check="x", on="y", label="z", before=1.0, after=2.0, n=1)
    (job.out / "findings.json").write_text(json.dumps({"findings": [finding]}))
    return {}

def close(job):
    return {"broken": ["x on y is 2, above 1"] if job.pack.bounds else []}

def stage(name, needs, makes, run=mark, **more):
    return Stage(name, needs=needs, makes=makes, run=run, settings=Marks, **more)

@hookimpl
def locale_tune_stages():
    yield stage("t-collect", (), "corpus", reads=("sources",))
    yield stage("t-inject", ("model", "corpus"), "model", heavy=True)
    yield stage("t-tune", ("model", "corpus"), "model", reads=("prompts",))
    yield stage("t-assess", ("base", "model"), "findings", run=measure)
    yield stage("t-release", ("model", "findings"), "release", run=close, reads=("bounds",))
    yield stage("t-none", (), "corpus", run=none)
    yield stage("t-die", (), "corpus", run=die, heavy=True)
"""
BASE = """
from locale_tune.api import Stage, hookimpl

def run(job):
    (job.out / "config.json").write_text("{}")
    return {}

@hookimpl
def locale_tune_stages():
    yield Stage("base", needs=(), makes="model", run=run)
"""
OWN_TUNE = """
from locale_tune.api import Stage, hookimpl

@hookimpl
def locale_tune_stages():
    def run(job):
        return {"line": "the pack's own"}

    yield Stage("t-tune", needs=("model", "corpus"), makes="model", run=run)
"""
ALL = '["t-collect", "t-inject", "t-tune", "t-assess", "t-release"]'


@pytest.fixture
def toy(install, write_pack, tmp_path, monkeypatch):
    """Install the marking stages in place of training's, and write a pack that uses them."""
    install("marks", GROUP, "marks", "marks_mod", STAGES)
    install("plain-base", GROUP, "plainbase", "plainbase_mod", BASE)
    root = Path(__file__).parents[1]  # workers must run the tree under test
    paths = [str(root), str(root / "plugins")]
    paths += [str(tmp_path / "site-marks"), str(tmp_path / "site-plain-base")]
    monkeypatch.setenv("PYTHONPATH", ":".join(paths))
    monkeypatch.setenv("LOCALE_TUNE_DISABLE_PLUGINS", "training")
    model = tmp_path / "base"
    model.mkdir()
    (model / "config.json").write_text("{}")
    text = PACK.replace('["collect"]', ALL).replace('"base"\n', f'"{model}"\n')
    root = write_pack(text)

    def run(*overrides, **more):
        options = Options(out=tmp_path / "run", overrides=overrides, **more)
        return build(str(root), options)

    run.root, run.text, run.write, run.out = root, text, write_pack, tmp_path / "run"
    return run


def test_a_build_runs_every_step_and_ends_in_findings(toy):
    report = toy()
    assert list(report.ran) == ["base", *json.loads(ALL)]
    assert report.findings[0].after == 2.0
    assert report.broken == ()
    assert (toy.out / "release").resolve() == report.release.path
    lineage = report.release.made_from["model"]
    assert (lineage.step, lineage.made_from["model"].step) == ("t-tune", "t-inject")


def test_the_same_build_again_runs_nothing(toy):
    toy()
    assert toy().ran == ()


def test_one_setting_reruns_what_depends_on_it_and_says_why(toy):
    toy()
    told = {}

    class Listening(Screen):
        def starts(self, step, why):
            told[step.name] = why

    options = Options(out=toy.out, overrides=("t-tune.word=two",))
    report = build(str(toy.root), options, Listening())
    assert report.ran == ("t-tune", "t-assess", "t-release")
    assert told["t-tune"] == 't-tune.word "one" -> "two"'
    assert told["t-assess"] == "its input 't-tune' changed"


@pytest.mark.slow
def test_a_setting_that_changes_no_result_runs_nothing_and_is_no_reason(toy):
    toy()
    assert toy("t-tune.told_every=5").ran == ()
    report = toy("t-tune.told_every=5", "t-tune.word=two")
    assert report.ran == ("t-tune", "t-assess", "t-release")
    old = store.Runs(toy.out, toy().plan)  # the first plan again: the newest other one has both
    assert old.why(old.steps["t-tune"]) == 't-tune.word "two" -> "one"'


@pytest.mark.slow
def test_a_damaged_artifact_is_made_again(toy):
    first = toy()
    inject = first.release.made_from["model"].made_from["model"]
    (inject.path / "mark.txt").write_text("damaged")
    assert toy().ran == ("t-inject",)


def test_a_stage_sees_only_what_it_reads(toy):
    lineage = toy().release.made_from["model"]
    assert lineage.facts["prompts"] == ["Co vai?"]
    assert lineage.made_from["model"].facts["prompts"] == []


@pytest.mark.slow
def test_a_broken_bound_is_in_the_report(toy):
    toy.write(toy.text + '\n[[bounds]]\ncheck = "x"\nmax = 1\n')
    assert toy().broken == ("x on y is 2, above 1",)


def test_a_stage_that_returns_nothing_is_a_sentence(toy):
    toy.write(toy.text.replace(ALL, '["t-none"]'))
    with pytest.raises(StageFailed, match=r"'t-none' of marks 1\.0 .* returned nothing"):
        toy()


def test_a_process_that_dies_is_a_sentence_with_its_log(toy):
    toy.write(toy.text.replace(ALL, '["t-die"]'))
    with pytest.raises(StageFailed, match="'t-die' ended with exit code 9") as caught:
        toy()
    assert "t-die.log" in caught.value.remedy


def test_a_pack_that_replaces_a_stage_is_used_and_others_do_not_notice(toy):
    text = toy.text.replace(ALL, '["t-collect", "t-tune"]')
    toy.write(text)
    before = [step.fingerprint for step in toy(until="base").plan.steps]
    own = toy.root.with_name("toy_own")
    shutil.copytree(toy.root, own)
    changed = text.replace('id = "toy"', 'id = "own"').replace("[pack]\n", "[pack]\ncode = true\n")
    (own / "pack.toml").write_text(changed)
    (own / "__init__.py").write_text(OWN_TUNE)
    trust.allow(own)
    report = build(str(own), Options(out=toy.out.with_name("own")))
    tuned = store.Runs(toy.out.with_name("own"), report.plan).made(report.plan.steps[-1])
    assert tuned.facts == {"line": "the pack's own"}
    assert [step.fingerprint for step in toy(until="base").plan.steps] == before
    sys.modules.pop("toy_own", None)


def test_a_launcher_is_put_in_front_of_the_worker(toy, install, tmp_path):
    launcher = """
    from locale_tune.api import Launcher, hookimpl

    def command(argv):
        return ["env", "LAUNCHED=yes", *argv]

    @hookimpl
    def locale_tune_launchers():
        yield Launcher("marked", command=command)
    """
    install("marked", GROUP, "marked", "marked_mod", launcher)
    assert "t-inject" in toy(on="marked").ran
    with pytest.raises(PlanError, match="no plugin offers the launcher 'slrm'"):
        toy(on="slrm")


def test_until_stops_early(toy):
    assert toy(until="t-inject").ran == ("base", "t-collect", "t-inject")
    with pytest.raises(PlanError, match="'t-injct', which is no step"):
        toy(until="t-injct")


def test_a_build_without_any_text_stops_before_anything_runs(toy):
    only_remote = toy.text.partition("[[sources]]")[0] + REMOTE
    toy.write(only_remote)
    with pytest.raises(SourceMissing) as caught:
        toy()
    assert "remote" in caught.value.problem
    assert "CC0-1.0" in caught.value.problem
    for way in ("LOCALE_TUNE_MIRROR", "content", "network"):
        assert way in caught.value.remedy
    assert not (toy.out / "store").exists()


def test_a_folder_that_cannot_be_written_is_a_sentence(toy):
    toy.out.write_text("a file")
    with pytest.raises(DiskError, match="cannot write in"):
        toy()


def test_a_second_build_is_told_who_holds_the_folder(toy):
    with store.hold(toy.out), pytest.raises(StoreBusy) as caught:
        toy()
    note = caught.value.problem
    assert "process " in note
    assert " on " in note
    assert " since " in note


def alive(pid):
    """Whether a process runs; one that only waits to be reaped does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.slow
@pytest.mark.chaos
def test_a_killed_build_leaves_no_orphan_and_goes_on(toy, monkeypatch):
    command = [sys.executable, "-m", "locale_tune", "build", str(toy.root)]
    command += ["--out", str(toy.out), "--set", "t-inject.sleep=30"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    store_dir = toy.out / "store"
    deadline = time.monotonic() + 60
    while not list(store_dir.glob(".tmp-t-inject-*/mark.txt")):
        assert time.monotonic() < deadline, process.stdout.read()
        time.sleep(0.05)
    worker = int(next(toy.out.glob("work/t-inject-*/pid")).read_text())
    process.kill()
    process.wait()
    process.stdout.close()
    deadline = time.monotonic() + 5
    while alive(worker):
        assert time.monotonic() < deadline, "the worker outlived its build"
        time.sleep(0.05)
    report = toy("t-inject.sleep=0.01")
    assert "t-inject" in report.ran
    assert "t-collect" not in report.ran
    assert not list(store_dir.glob(".tmp-*")), "what the kill left is swept"
    made = {read_json(p)["facts"]["line"] for p in store_dir.glob("t-inject-*/MANIFEST.json")}
    assert made == {"one"}
    assert len(list(store_dir.glob("t-inject-*"))) == 1


def test_what_an_interrupted_step_leaves_is_swept_when_the_build_ends(toy):
    left = toy.out / "store" / ".tmp-t-inject-0123"
    with store.hold(toy.out):
        left.mkdir(parents=True)
    assert not left.exists()


def test_a_worker_asked_to_end_twice_ends_once():
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        signal.signal(signal.SIGTERM, worker._end)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)  # while it tidies up
        signal.raise_signal(signal.SIGINT)
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def test_a_date_that_cannot_be_read_is_told_before_anything_runs(toy, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    with pytest.raises(PlanError, match="SOURCE_DATE_EPOCH is 'yesterday'"):
        toy()
    assert not (toy.out / "store").exists()


def costs_of(run):
    manifests = (read_json(path) for path in (run.out / "store").glob("*/MANIFEST.json"))
    return {manifest["step"]["name"]: manifest["cost"] for manifest in manifests}


def test_the_manifest_says_what_a_step_cost(toy):
    toy("t-inject.sleep=0.3", until="t-tune")
    costs = costs_of(toy)
    assert 0.3 <= costs["t-inject"]["seconds"] < 60
    assert costs["t-inject"]["planned_seconds"] is None, "no budget trains this step"
    assert 1e6 < costs["t-inject"]["peak_bytes"] < 1e10
    assert costs["t-tune"]["peak_bytes"] is None, "it had no process of its own"


def test_where_time_stands_still_nothing_is_said_of_cost(toy, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    toy("t-inject.sleep=0.1", until="t-inject")
    assert set(map(str, costs_of(toy).values())) == {"{}"}


def test_the_plan_is_written_before_anything_runs(toy):
    toy.write(toy.text.replace(ALL, '["t-none"]'))
    with pytest.raises(StageFailed):
        toy()
    assert [s["name"] for s in read_json(toy.out / "plan.json")["steps"]] == ["base", "t-none"]
