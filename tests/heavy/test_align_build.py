"""A whole build with preferences: given pairs, then two rounds of SPIN, killed and gone on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from test_end_to_end import command, sentences
from tiny import save_tiny

from locale_tune.api import read_json, read_records

# Two builds of seven steps, most of them in a process of their own that imports torch.
pytestmark = pytest.mark.timeout(1200)
ROOT = Path(__file__).parents[2]
GERMAN = "der die das und ist nicht ein wir alle sprache tal musik winter wasser brot haus"
STAGES = '["collect", "select", "align", "align@round-1", "align@round-2", "assess", "release"]'
TRAIN = """\
sequence = 256
rows_per_step = 1
lr = 1e-3
checkpoint_seconds = 0.0
dtype = "float32"
"""
PACK = f"""\
[locale]
id = "toy"
tag = "rm"
script = "Latn"
name = "Toy"
endonym = "toi"
direction = "ltr"

[pack]
base_model = "{{base}}"
stages = {STAGES}
filters = ["hygiene"]
prompts = ["Co vai?"]

[settings.align]
{TRAIN}
[settings.round-1]
pairs = "spin"
loss = "dpo"
prompts = 12
max_new_tokens = 8
{TRAIN}
[settings.round-2]
pairs = "spin"
loss = "dpo"
prompts = 12
max_new_tokens = 8
{TRAIN}
[settings.assess]
checks = ["preferences"]
resamples = 200

[[bounds]]
check = "preferences"
of = "change"
max = 0.0

[[sources]]
id = "lines"
kind = "text"
uri = "data/lines.txt"
licence = "CC0-1.0"
role = "text"

[[sources]]
id = "lessons"
kind = "jsonl"
uri = "data/lessons.jsonl"
licence = "CC0-1.0"
role = "lessons"

[[sources]]
id = "pairs"
kind = "jsonl"
uri = "data/pairs.jsonl"
licence = "CC-BY-4.0"
role = "preferences"
"""


def chat(ask, say, **more):
    turns = [{"role": "user", "content": ask}, {"role": "assistant", "content": say}]
    return json.dumps({"messages": turns, **more})


def write_pack(folder, base):
    data = folder / "data"
    data.mkdir(parents=True)
    (folder / "README.md").write_text("# Toy\n")
    (folder / "pack.toml").write_text(PACK.format(base=base))
    (data / "lines.txt").write_text("\n".join(sentences(0, 40)) + "\n")
    lessons = map(chat, sentences(2, 20), sentences(3, 20))
    (data / "lessons.jsonl").write_text("\n".join(lessons) + "\n")
    sides = zip(sentences(4, 40), sentences(5, 40), sentences(6, 40, GERMAN), strict=True)
    pairs = (chat(ask, say, rejected=no) for ask, say, no in sides)
    (data / "pairs.jsonl").write_text("\n".join(pairs) + "\n")
    return folder


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Write pack and base; return a function that runs the command line."""
    home = tmp_path_factory.mktemp("world")
    pack = write_pack(home / "toy", save_tiny(home / "base"))
    env = {**os.environ, "LOCALE_TUNE_CACHE": str(home / "cache"), "LOCALE_TUNE_OFFLINE": "1"}
    paths = [str(ROOT), str(ROOT / "plugins"), os.environ.get("PYTHONPATH", "")]
    env |= {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(paths)}

    def run(*args):
        return subprocess.run(
            [sys.executable, "-m", "locale_tune", *map(str, args)],
            capture_output=True,
            text=True,
            env=env,
            cwd=home,
            timeout=1000,
        )

    run.home, run.env, run.pack, run.out = home, env, pack, home / "runs" / "toy"
    return run


def facts(world, step):
    return read_json(next(world.out.glob(f"store/{step}-*/MANIFEST.json")))["facts"]


def test_1_killed_in_a_round_it_goes_on(world):
    process = subprocess.Popen(
        command("build", world.pack, "--budget", "none"),
        env=world.env,
        cwd=world.home,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    deadline = time.monotonic() + 900
    while not list(world.out.glob("work/round-1-*/checkpoint-*/MANIFEST.json")):
        assert time.monotonic() < deadline
        assert process.poll() is None, process.stdout.read().decode()
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    done = world("build", world.pack, "--budget", "none")
    assert done.returncode == 0, done.stdout + done.stderr
    assert facts(world, "round-1")["resumed_at"] or facts(world, "round-1")["steps"] == 1
    assert "align" in done.stdout


def test_2_the_steps_are_one_after_the_other(world):
    given, first, second = (facts(world, step) for step in ("align", "round-1", "round-2"))
    assert given["pairs"] == 36
    assert given["held_out_pairs"]["measured"] == 4
    assert given["trained_pairs"]["accuracy"] > 0.9
    assert (first["round"], second["round"]) == (1, 2)
    assert second["pairs_of_round_before"] == first["own_pairs"]


def test_3_held_out_pairs_are_measured_and_bound(world):
    found = read_json(next(world.out.glob("store/assess-*/findings.json")))["findings"]
    by_name = {finding["check"]: finding for finding in found}
    assert by_name["preferences"]["section"] == "retention"
    assert by_name["preferences"]["n"] == 4
    assert by_name["preferences"]["change"] < 0, "these losses taught the language too"
    # Here align starts from the base: what it alone changed is what the build changed.
    guard = by_name["align.preferences"]
    assert guard["section"] == "align"
    assert guard["change"] == by_name["preferences"]["change"]
    corpus = next(world.out.glob("store/collect-*"))
    held = {record.id for record in read_records(corpus / "heldout_preferences")}
    assert not held & {record.id for record in read_records(corpus / "preferences")}


def test_4_what_the_model_said_is_not_released(world):
    assert list(world.out.glob("store/round-2-*/own-pairs.json"))
    released = [path.name for path in (world.out / "release").rglob("*")]
    assert "model.safetensors" in released
    assert "own-pairs.json" not in released


def test_5_a_bound_on_preferred_answers_fails_the_build(world):
    bounds = read_json(world.out / "release" / "report.json")["bounds"]
    assert [bound["check"] for bound in bounds] == ["preferences", "align.preferences"]
    text = (world.pack / "pack.toml").read_text().replace("max = 0.0", "max = -9.0")
    (world.pack / "pack.toml").write_text(text)
    done = world("build", world.pack, "--budget", "none")
    assert done.returncode == 1
    assert "preferences" in done.stdout
