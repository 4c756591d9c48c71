"""Whole builds that are stopped, started twice, damaged and moved: R5, R6, R8 and R9.

Small numbers by default; `pytest tests/heavy/test_chaos_builds.py -s --chaos-n 20` for more.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time

import pytest
from test_end_to_end import command, world

from locale_tune.api import read_json, sha256_file

pytestmark = [pytest.mark.chaos, pytest.mark.slow]
__all__ = ["world"]  # the fixture: one toy pack, one base, one cache
UNTIL = "inject"


def build(world, out, until=UNTIL):
    """Return the words of a build into its own run directory."""
    return command("build", world.pack, "--out", out, "--until", until)


def start(world, out, until=UNTIL, **env):
    return subprocess.Popen(
        build(world, out, until),
        env={**world.env, **env},
        cwd=world.home,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=heed_ctrl_c,
    )


def heed_ctrl_c():
    """Undo what a shell does to what it starts with &: such a process ignores SIGINT."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def finished(process, within=200):
    """Return (exit code, what it said)."""
    said, _ = process.communicate(timeout=within)
    return process.returncode, said


def made(out, step):
    (folder,) = (out / "store").glob(f"{step}-*")
    return folder


def ran(said):
    return [line.split()[0] for line in said.splitlines() if " runs: " in line]


@pytest.fixture(scope="module")
def calm(world):
    """Return (run directory, seconds) of a build that nothing disturbs."""
    finished(start(world, world.home / "warm", "base"))
    began = time.monotonic()
    code, said = finished(start(world, world.home / "calm"))
    assert code == 0, said
    return world.home / "calm", time.monotonic() - began


def worker_of(process):
    """Return the process id of the running worker, if there is one."""
    found = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True)
    children = [int(line) for line in found.stdout.split()]
    return children[0] if children else None


def ask_to_end(process, target, number):
    """Send a signal to the build, to its worker (or the build if none runs), or to all."""
    if target == "all":
        os.killpg(process.pid, number)
    else:
        os.kill((worker_of(process) if target == "worker" else None) or process.pid, number)


def test_r5_asked_to_end_at_any_moment(world, calm, chaos_n):
    draw, stopped, slowest = random.Random("r5 builds"), 0, 0.0
    whole = sha256_file(made(calm[0], UNTIL) / "model.safetensors")
    for trial in range(chaos_n):
        out = world.home / f"r5-{trial}"
        process = start(world, out)
        time.sleep(draw.uniform(1.0, calm[1]))
        if process.poll() is None:
            number = draw.choice([signal.SIGTERM, signal.SIGINT])
            ask_to_end(process, draw.choice(["build", "worker", "all"]), number)
        asked = time.monotonic()
        code, said = finished(process)
        assert code in (0, 75), said
        if code == 75:
            stopped, slowest = stopped + 1, max(slowest, time.monotonic() - asked)
        assert not list(out.glob("store/.tmp-*")), "nothing half made"
        code, said = finished(start(world, out))
        assert code == 0, said
        assert sha256_file(made(out, UNTIL) / "model.safetensors") == whole
    print(f"R5 builds: {stopped} of {chaos_n} stopped, the slowest after {slowest:.1f} s")


def test_r6_the_second_build_is_told_who_runs(world, calm, chaos_n):
    waits = []
    idle = min(_seconds(command("--version"), world) for _ in range(3))
    for trial in range(chaos_n):
        out = world.home / f"r6-{trial}"
        first = start(world, out)
        while not (out / "holder.json").exists():
            assert first.poll() is None, first.communicate()[0]
            time.sleep(0.01)
        began = time.monotonic()
        code, said = finished(start(world, out, "collect"))
        waits.append(time.monotonic() - began - idle)
        holder = f"process {first.pid} on {os.uname().nodename}, since 20"
        assert holder in " ".join(said.split())
        assert code not in (0, 75)
        os.killpg(first.pid, signal.SIGKILL)
        first.communicate()
        code, said = finished(start(world, out, "collect"))
        assert code == 0, "the lock is free at once: " + said
        theirs, ours = made(calm[0], "collect"), made(out, "collect")
        assert (theirs / "text/part-00000.parquet").read_bytes() == (
            ours / "text/part-00000.parquet"
        ).read_bytes()
    print(f"R6: {chaos_n} second builds refused, at most {max(waits):.2f} s beyond start-up")


def _seconds(words, world):
    began = time.monotonic()
    subprocess.run(words, env=world.env, cwd=world.home, capture_output=True, check=True)
    return time.monotonic() - began


def test_r8_another_place_and_time_give_the_same_bytes(world, calm):
    """Two cold builds: every file of every artifact, manifests with their dates included."""
    here, there = world.home / "r8-a", world.home / "else where" / "r8-b"
    there.parent.mkdir()
    pack = there.parent / "toy"
    for part in sorted(world.pack.iterdir(), reverse=True):
        pack.mkdir(exist_ok=True)
        subprocess.run(["cp", "-r", part, pack], check=True)
    dated = {"SOURCE_DATE_EPOCH": "1700000000"}
    code, said = finished(start(world, here, **dated))
    assert code == 0, said
    other = {"TZ": "Asia/Dubai", "LANG": "C", "LC_ALL": "C", "PYTHONHASHSEED": "7", **dated}
    done = subprocess.run(
        command("build", pack, "--out", there, "--until", UNTIL),
        env={**world.env, **other},
        cwd=there.parent,
        capture_output=True,
        text=True,
        umask=0o027,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    mine, its = (contents(out / "store") for out in (here, there))
    assert mine.keys() == its.keys()
    assert [name for name in mine if mine[name] != its[name]] == []
    undated = contents(calm[0] / "store")
    differ = {name.rpartition("/")[2] for name in mine if mine[name] != undated.get(name)}
    assert differ == {"MANIFEST.json", "croissant.json"}, "without a date given, only dates differ"


def contents(folder):
    files = (path for path in folder.rglob("*") if path.is_file() and ".lock" not in path.name)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_r9_only_what_is_damaged_runs_again(world, calm):
    out, _ = calm
    code, said = finished(start(world, out))
    assert (code, ran(said)) == (0, []), "nothing changed, nothing runs"
    for step in ("collect", "extend", UNTIL):
        folder = made(out, step)
        files = sorted(read_json(folder / "MANIFEST.json")["files"])
        spoiled = folder / max(files, key=lambda name: (folder / name).stat().st_size)
        whole = spoiled.read_bytes()
        spoiled.write_bytes(whole[:-9] + bytes([whole[-9] ^ 4]) + whole[-8:])
        code, said = finished(start(world, out))
        assert (code, ran(said)) == (0, [step])
        assert (made(out, step) / spoiled.relative_to(folder)).read_bytes() == whole
