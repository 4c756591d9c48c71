"""Kill, damage, fill and poison training runs: what ends well ends in the very same bits.

Small numbers by default; `pytest tests/heavy/test_chaos_training.py --chaos-n 50` for more.
Every trial is a forked process; a digest covers weights, moments, random generator and losses.
"""

from __future__ import annotations

import json
import math
import os
import random
import resource
import shutil
import signal
import time

import pytest
import torch
from forking import KINDS, STEPS, TOKENIZER, ended, fork, reference, run
from tiny import tiny_model

from locale_tune import files
from locale_tune.api import read_json, verified
from locale_tune.files import CRASH_AT, MANIFEST
from locale_tune_training import checkpoints
from locale_tune_training.hooks import Hooks
from locale_tune_training.model import LossModule

pytestmark = pytest.mark.chaos
FILES = ("MANIFEST.json", "model.safetensors", "optim.safetensors", "rng.safetensors", "state.json")


@pytest.fixture(scope="module")
def calm(tmp_path_factory):
    """Return {kind: (digest, seconds)} of runs that nothing disturbs."""
    found = {}
    for kind in KINDS:
        cold = reference(kind, tmp_path_factory.mktemp(f"cold-{kind}"))
        began = time.monotonic()
        digest = reference(kind, tmp_path_factory.mktemp(f"calm-{kind}"))
        found[kind] = digest, time.monotonic() - began
        assert digest == cold, "the same twice"
    return found


def folders(work):
    """Return the names in a work folder that are checkpoints or leftovers of one."""
    return sorted(path.name for path in work.iterdir() if "checkpoint" in path.name)


def finish(kind, folder):
    """Run again without disturbance and return the digest."""
    assert ended(fork(lambda: run(kind, folder))) == 0
    return (folder / "digest").read_text()


@pytest.mark.parametrize("kind", KINDS)
def test_r1_kill_nine(kind, calm, tmp_path, chaos_n, record_property):
    draw, killed = random.Random(f"r1 {kind}"), 0
    whole, seconds = calm[kind]
    for trial in range(chaos_n):
        folder = tmp_path / str(trial)
        for earlier in (1, 2, 4):  # a run may be faster than the one that was timed
            pid = fork(lambda folder=folder: run(kind, folder))
            time.sleep(draw.uniform(0, seconds / earlier))
            os.kill(pid, signal.SIGKILL)
            killed += ended(pid) == -signal.SIGKILL
        assert finish(kind, folder) == whole
    record_property("killed", killed)
    print(f"R1 {kind}: {chaos_n} runs, {killed} processes killed")
    assert killed


def crash(kind, folder, at, steps):
    """Run with a crash at the `at`-th call that changes the disk."""

    def doomed():
        os.environ[CRASH_AT] = str(at)
        run(kind, folder, steps=steps)
        (folder / "crossed").write_text(str(files.crossed))

    return ended(fork(doomed))


def test_r2_every_crash_point(tmp_path, chaos_n):
    steps = 4  # first save, second, and one with rotation
    whole = reference("inject", tmp_path / "calm", steps=steps)
    assert crash("inject", tmp_path / "count", 0, steps) == 0
    points = int((tmp_path / "count" / "crossed").read_text())
    assert points > 30
    stride = max(1, 40 // (10 * chaos_n))  # all of them from --chaos-n 4 on
    tried = range(1, points + 1, stride)
    for at in tried:
        folder = tmp_path / str(at)
        assert crash("inject", folder, at, steps) == 137
        assert ended(fork(lambda folder=folder: run("inject", folder, steps=steps))) == 0
        assert (folder / "digest").read_text() == whole, f"crash point {at}"
        assert not [n for n in folders(folder / "work") if n.startswith(".")], "swept up"
        shutil.rmtree(folder)
    print(f"R2: {len(tried)} of {points} crash points")


def flip(path, draw):
    data = bytearray(path.read_bytes())
    data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    path.write_bytes(data)


def cut(path, draw):
    path.write_bytes(path.read_bytes()[: draw.randrange(path.stat().st_size)])


def older(path, draw):
    others = [p for p in path.parent.parent.glob(f"checkpoint-*/{path.name}") if p != path]
    path.write_bytes(min(others).read_bytes())


DAMAGES = {
    "flip": flip,
    "cut": cut,
    "empty": lambda path, draw: path.write_bytes(b""),
    "delete": lambda path, draw: path.unlink(),
    "extra": lambda path, draw: path.with_name("more.txt").write_text("x"),
    "older": older,
}


@pytest.fixture(scope="module")
def halfway(tmp_path_factory):
    """Stop a run by SIGTERM, so that its folder holds two checkpoints."""
    folder = tmp_path_factory.mktemp("halfway")

    def stop(_trainer, state):
        if state.step == 5:
            os.kill(os.getpid(), signal.SIGTERM)
        return "go on"

    assert ended(fork(lambda: run("tune", folder, hooks=Hooks(after_step=stop)))) == 75
    assert folders(folder / "work") == ["checkpoint-00000004", "checkpoint-00000005"]
    return folder


def test_r3_any_damage_is_seen(halfway, tmp_path, chaos_n):
    draw, count = random.Random("r3"), 0
    for name in FILES:
        for damage, spoil in DAMAGES.items():
            for _ in range(2 * chaos_n if damage in ("flip", "cut") else 1):
                copy = tmp_path / "copy"
                shutil.copytree(halfway / "work", copy)
                spoil(copy / "checkpoint-00000005" / name, draw)
                assert verified(copy / "checkpoint-00000005") is None, (name, damage)
                assert verified(copy / "checkpoint-00000004") is not None
                shutil.rmtree(copy)
                count += 1
    print(f"R3: {count} damages, all seen")


def test_r3_the_run_goes_on_from_the_one_before(halfway, calm, tmp_path, chaos_n, capfd):
    draw = random.Random("r3 whole")
    for trial in range(chaos_n):
        folder = tmp_path / str(trial)
        shutil.copytree(halfway, folder)
        spoil = DAMAGES[draw.choice(sorted(DAMAGES))]
        spoil(folder / "work" / "checkpoint-00000005" / draw.choice(FILES), draw)
        assert finish("tune", folder) == calm["tune"][0]
        assert "checkpoint-00000005 is damaged" in capfd.readouterr().out


def test_r3_without_verification_the_damage_would_train_on(halfway, calm, tmp_path, monkeypatch):
    """Show that the tests above can fail: one flipped bit, and the manifest only read."""
    shutil.copytree(halfway, tmp_path / "a")
    newest = tmp_path / "a" / "work" / "checkpoint-00000005"
    data = bytearray((newest / "model.safetensors").read_bytes())
    data[-3] ^= 64
    (newest / "model.safetensors").write_bytes(data)
    monkeypatch.setattr(checkpoints, "verified", lambda folder: read_json(folder / MANIFEST))
    assert finish("tune", tmp_path / "a") != calm["tune"][0]


def test_r4_a_full_disk(calm, tmp_path, chaos_n):
    refused = 0
    for trial in range(2 * chaos_n):
        size = int(1000 * 1.35 ** (trial * 24 / (2 * chaos_n)))
        folder = tmp_path / str(trial)

        def small(folder=folder, size=size):
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
            run("inject", folder)

        code = ended(fork(small))
        assert code in (0, 74), f"exit {code} at {size} bytes"
        refused += code == 74
        work = folder / "work"
        assert not [name for name in folders(work) if name.startswith(".tmp")]
        assert all(verified(path) for path in work.glob("checkpoint-*"))
        assert finish("inject", folder) == calm["inject"][0]
    print(f"R4: {2 * chaos_n} sizes, {refused} refused")
    assert refused


@pytest.mark.parametrize("kind", KINDS)
def test_r5_sigterm(kind, calm, tmp_path, chaos_n):
    draw, stopped = random.Random(f"r5 {kind}"), 0
    whole = calm[kind][0]
    for trial in range(chaos_n):
        folder = tmp_path / str(trial)
        number = draw.choice([signal.SIGTERM, signal.SIGINT])
        at = draw.randrange(1, STEPS)

        def asked(folder=folder, at=at, number=number):
            def kill(_trainer, step):
                if step == at:
                    os.kill(os.getpid(), number)  # in the middle of a step

            run(kind, folder, hooks=Hooks(before_update=kill), checkpoint_seconds=1e9)

        code = ended(fork(asked))
        stopped += code == 75
        assert code == (75 if at + 1 < STEPS else 0)
        names = [f"checkpoint-{at + 1:08d}"] if code else []
        assert folders(folder / "work") == names, "within one step"
        # The settings say when to save, never what: another pace may go on from it.
        assert finish(kind, folder) == whole
    print(f"R5 {kind}: {stopped} stopped of {chaos_n}")


POISONS = ("weight", "gradient", "moment", "infinite moment")


NAMES = [name for name, _ in LossModule(tiny_model(TOKENIZER)).named_parameters()]


def poison(what, at, index):
    """Return hooks that put one NaN or infinity into tensor `index` of the run at step `at`."""

    def spoil(trainer, step):
        if step == at:
            master = trainer.masters[index]
            moments = trainer.optimizer.state[master]
            with torch.no_grad():
                if what == "weight":
                    master[0] = math.nan
                elif what == "gradient":
                    master.grad[0] = math.inf
                elif what == "moment":
                    moments["exp_avg"][0] = math.nan
                else:
                    moments["exp_avg_sq"][0] = math.inf

    return Hooks(before_update=spoil)


@pytest.mark.parametrize("what", POISONS)
def test_n1_nothing_that_is_not_finite_is_kept(what, calm, tmp_path, chaos_n, capfd):
    draw = random.Random(f"n1 {what}")
    for trial in range(chaos_n):
        at, index = draw.randrange(1, STEPS), draw.randrange(len(NAMES))
        folder, hooks = tmp_path / str(trial), poison(what, at, index)
        doomed = fork(lambda folder=folder, hooks=hooks: run("tune", folder, hooks=hooks))
        assert ended(doomed) == 76
        told = capfd.readouterr().out
        assert f"step {at + 1}: " in told
        assert NAMES[index] in told
        assert folders(folder / "work")[-1] == f"checkpoint-{at:08d}"
        lines = (folder / "work" / "metrics.jsonl").read_text().splitlines()
        assert all(math.isfinite(json.loads(line)["loss"]) for line in lines)
        assert finish("tune", folder) == calm["tune"][0], "the good state goes on"
    print(f"N1 {what}: {chaos_n} stopped")
