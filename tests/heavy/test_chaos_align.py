"""Kill two rounds of SPIN between and within its steps: the second model is the same to the bit.

Small numbers by default; `--chaos-n 20` for more. Every trial is a forked process that makes what
is not made yet, as a build does: answers, reference, checkpoints, the model of a round.
"""

from __future__ import annotations

import os
import random
import signal
from pathlib import Path

import pytest
import torch
from feeding import ENGLISH, PACK, lesson
from forking import ended, fork
from tiny import save_tiny

from locale_tune import files
from locale_tune.api import (
    Artifact,
    Job,
    Machine,
    Parts,
    Record,
    commit_folder,
    sha256_file,
    verified,
    write_records,
)
from locale_tune.files import CRASH_AT
from locale_tune_training import align, answers, reference
from locale_tune_training.settings import AlignSettings

pytestmark = pytest.mark.chaos
SETTINGS = {"pairs": "spin", "loss": "dpo", "lr": 3e-3, "rows_per_step": 1, "sequence": 128}
SETTINGS |= {"epochs": 2.0, "dtype": "float32", "max_new_tokens": 8, "checkpoint_seconds": 0.0}
WORDS = ENGLISH.split()


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """Write a model and lessons that every trial starts from."""
    home = tmp_path_factory.mktemp("given")
    save_tiny(home / "model", attention_dropout=0.1)
    records = [lesson("rm", f"Say {n}.", " ".join(WORDS[n : n + 5])) for n in range(6)]
    write_records(home / "lessons" / "lessons", records)
    write_records(home / "corpus" / "text", [Record(id="t", source="t", text="Bun di.")])
    return home


def two_rounds(given: Path, home: Path, report=lambda *a: None) -> None:
    """Make both rounds, each as a step that is whole or absent."""
    torch.set_num_threads(1)
    answers.PROMPTS_A_PART, reference.PART_ROWS = 2, 2
    corpus = Artifact("corpus", given / "corpus", "corpus")
    lessons = Artifact("lessons", given / "lessons", "lessons", made_from={"corpus": corpus})
    model = given / "model"
    for number in (1, 2):
        out, work = home / f"round-{number}", home / f"work-{number}"
        work.mkdir(parents=True, exist_ok=True)

        def fill(stage, number=number, model=model, work=work):
            job = Job(
                pack=PACK,
                parts=Parts(),
                settings=AlignSettings(**SETTINGS),
                inputs={"model": Artifact("model", model, "model"), "lessons": lessons},
                seed=0,
                fingerprint=f"round {number}",
                out=stage,
                work=work,
                machine=Machine(threads=1),
                progress=report,
            )
            facts = align.run(job)
            return {"round": facts["round"], "pairs": facts["pairs"]}

        if verified(out) is None:
            commit_folder(out, fill)
        model = out


def digest(home: Path) -> list[str]:
    names = ("model.safetensors", "own-pairs.json")
    return [sha256_file(home / f"round-{n}" / name) for n in (1, 2) for name in names]


class Counted:
    """Counts what a step reports, and kills its own process at the n-th report."""

    def __init__(self, kill_at: int = 0) -> None:
        self.calls, self.kill_at = 0, kill_at

    def __call__(self, *_: object) -> None:
        self.calls += 1
        if self.calls == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture(scope="module")
def calm(given, tmp_path_factory):
    """Return the digest of rounds that nothing disturbs, and how often they report."""
    cold, home = tmp_path_factory.mktemp("cold"), tmp_path_factory.mktemp("calm")
    assert ended(fork(lambda: two_rounds(given, cold))) == 0

    def counted():
        report = Counted()
        two_rounds(given, home, report)
        (home / "calls").write_text(str(report.calls))

    assert ended(fork(counted)) == 0
    assert digest(home) == digest(cold), "the same twice"
    assert verified(home / "round-2")["pairs"] > verified(home / "round-1")["pairs"]
    return digest(home), int((home / "calls").read_text())


def test_kill_nine_between_and_within_rounds(given, calm, tmp_path, chaos_n):
    draw, killed, reached = random.Random("spin"), 0, set()
    whole, calls = calm
    assert calls > 30
    for trial in range(2 * chaos_n):
        home = tmp_path / str(trial)
        for most in (calls, calls // 4, calls // 4):  # what is made already reports nothing
            at = draw.randrange(1, most)
            pid = fork(lambda home=home, at=at: two_rounds(given, home, Counted(at)))
            killed += ended(pid) == -signal.SIGKILL
            reached.add(verified(home / "round-1") is not None)
        assert ended(fork(lambda home=home: two_rounds(given, home))) == 0
        assert digest(home) == whole
    print(f"SPIN: {2 * chaos_n} runs of two rounds, {killed} processes killed")
    assert killed > 2 * chaos_n
    assert reached == {True, False}, "some in the first round, some in the second"


def test_every_crash_point_of_two_rounds(given, calm, tmp_path, chaos_n):
    """Crash at calls that change the disk, spread over both rounds."""

    def doomed(home, at):
        os.environ[CRASH_AT] = str(at)
        two_rounds(given, home)
        (tmp_path / "crossed").write_text(str(files.crossed))

    assert ended(fork(lambda: doomed(tmp_path / "count", 0))) == 0
    points = int((tmp_path / "crossed").read_text())
    assert points > 100
    stride = max(1, points // (4 * chaos_n))
    tried = range(1, points + 1, stride)
    for at in tried:
        home = tmp_path / str(at)
        assert ended(fork(lambda home=home, at=at: doomed(home, at))) == 137
        assert ended(fork(lambda home=home: two_rounds(given, home))) == 0
        assert digest(home) == calm[0], f"crash point {at}"
    print(f"SPIN: {len(tried)} of {points} crash points")
