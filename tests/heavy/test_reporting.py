"""Numbers go to the trackers a person names, and a broken tracker does not stop a run."""

from __future__ import annotations

import json
import os
import signal

import pytest
from accelerate import tracking
from forking import job_in, rows, settings_of
from tiny import tiny_model, tiny_tokenizer

from locale_tune.api import StageFailed, Stopped
from locale_tune_training.loop import train
from locale_tune_training.model import LossModule


class Fake:
    """A tracker that remembers, and fails at the update it is told to."""

    requires_logging_directory = False
    fail_at = 0
    made: tuple = ()

    def __init__(self, run_name):
        self.sent, self.ended = [], False
        Fake.made = (*Fake.made, self)

    def store_init_configuration(self, values):
        if self.fail_at < 0:
            raise ConnectionError("no account")
        self.settings = values

    def log(self, values, step=None):
        if step == self.fail_at:
            raise ConnectionError("gone")
        self.sent.append((step, values))

    def finish(self):
        self.ended = True


@pytest.fixture
def fake(monkeypatch):
    monkeypatch.setattr(Fake, "made", ())
    monkeypatch.setitem(tracking.LOGGER_TYPE_TO_CLASS, "fake", Fake)
    monkeypatch.setattr(tracking, "get_available_trackers", lambda: ["fake"])


def trained(folder, progress=lambda *a: None, **more):
    module = LossModule(tiny_model(tiny_tokenizer()))
    job = job_in(folder, progress=progress)
    return train(module, rows("tune"), 3, settings_of("tune", **more), job)


def test_a_tracker_gets_the_numbers_of_the_log(fake, tmp_path):
    trained(tmp_path, report_to=("fake",))
    (tracker,) = Fake.made
    lines = [json.loads(x) for x in (tmp_path / "out" / "metrics.jsonl").read_text().splitlines()]
    assert [(step, sent["loss"]) for step, sent in tracker.sent] == [
        (line["step"], line["loss"]) for line in lines
    ]
    assert tracker.sent[0][1]["tokens_per_second"] > 0
    assert tracker.settings["rows_per_step"] == 2
    assert tracker.ended


def test_a_tracker_that_fails_is_told_once_and_the_run_goes_on(fake, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(Fake, "fail_at", 2)
    assert trained(tmp_path, report_to=("fake",)).step == 3
    assert [step for step, _ in Fake.made[0].sent] == [1]
    assert capsys.readouterr().out.count("fake gets no more numbers: ConnectionError: gone") == 1


def test_nothing_is_started_unless_it_is_named(fake, tmp_path):
    trained(tmp_path)
    assert Fake.made == ()


def test_one_that_does_not_start_is_told_before_training(fake, tmp_path, monkeypatch):
    monkeypatch.setattr(Fake, "fail_at", -1)
    with pytest.raises(StageFailed, match="fake does not start: ConnectionError: no account"):
        trained(tmp_path, report_to=("fake",))
    assert not (tmp_path / "work" / "metrics.jsonl").exists()


def test_a_run_that_is_stopped_closes_its_trackers_and_its_next_part_reports_on(fake, tmp_path):
    def stop(done, total, note=""):
        if done == 2 and len(Fake.made) == 1:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Stopped):
        trained(tmp_path, stop, report_to=("fake",))
    assert Fake.made[0].ended
    trained(tmp_path, report_to=("fake",))
    assert [[step for step, _ in tracker.sent] for tracker in Fake.made] == [[1, 2], [3]]


@pytest.mark.parametrize(("name", "said"), [("tensorbord", "no tracker"), ("aim", "not installed")])
def test_one_that_is_not_there_is_told_before_training(fake, tmp_path, name, said):
    with pytest.raises(StageFailed, match=said):
        trained(tmp_path, report_to=(name,))
    assert not list((tmp_path / "work").glob("checkpoint-*"))
