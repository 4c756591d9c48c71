"""Launchers: which words start a worker, and for which stages."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

import locale_tune_launch
from locale_tune import process
from locale_tune.api import Launcher, LocaleTuneError, Machine

WORKER = ["python", "-P", "-m", "locale_tune.worker", "--run", "runs/rm", "--step", "tune"]


@pytest.fixture(autouse=True)
def two(monkeypatch):
    monkeypatch.setenv("LOCALE_TUNE_PROCESSES", "2")
    monkeypatch.setattr(locale_tune_launch, "this_machine", lambda: Machine(device="cpu"))


def test_every_launcher_ends_in_the_workers_own_words():
    for launcher in locale_tune_launch.locale_tune_launchers():
        assert launcher.command(WORKER)[-5:] == WORKER[-5:]


def test_the_number_of_processes_is_the_one_asked_for(monkeypatch):
    assert "2" in locale_tune_launch.torchrun(WORKER)
    assert "2" in locale_tune_launch.accelerate(WORKER)
    monkeypatch.delenv("LOCALE_TUNE_PROCESSES")
    assert locale_tune_launch.processes() == "1"


def test_one_process_for_each_gpu_that_is_visible(monkeypatch):
    monkeypatch.delenv("LOCALE_TUNE_PROCESSES")
    monkeypatch.setattr(locale_tune_launch, "this_machine", lambda: Machine(device="cuda"))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,3,5")
    assert locale_tune_launch.processes() == "3"
    assert "--multi_gpu" in locale_tune_launch.accelerate(WORKER)


def test_accelerate_is_told_of_a_cpu_only_where_one_process_is_wanted(monkeypatch):
    """With --cpu it starts one process, whatever --num_processes says."""
    assert "--cpu" not in locale_tune_launch.accelerate(WORKER)
    monkeypatch.setenv("LOCALE_TUNE_PROCESSES", "1")
    assert "--cpu" in locale_tune_launch.accelerate(WORKER)


@pytest.mark.parametrize(("several", "parallel", "used"), [(1, 0, 0), (1, 1, 1), (0, 0, 1)])
def test_several_processes_are_for_parallel_stages_only(
    several, parallel, used, monkeypatch, tmp_path
):
    seen = []

    def command(argv):
        seen.append(argv)
        return argv

    def refuse(*args, **more):
        raise FileNotFoundError

    monkeypatch.setattr(process.subprocess, "Popen", refuse)
    runs = SimpleNamespace(
        out=tmp_path,
        launcher=Launcher("x", command, several=bool(several)),
        log=lambda step: tmp_path / "log",
    )
    with pytest.raises(FileNotFoundError):
        process.run_worker(runs, SimpleNamespace(name="tune"), bool(parallel), None)
    assert len(seen) == used


@pytest.mark.parametrize("asked", ["0", "-1", "two", "1.5"])
def test_a_number_of_processes_that_is_none_is_a_sentence(asked, monkeypatch):
    monkeypatch.setenv("LOCALE_TUNE_PROCESSES", asked)
    with pytest.raises(LocaleTuneError, match=f"LOCALE_TUNE_PROCESSES is '{asked}'"):
        locale_tune_launch.torchrun(WORKER)
