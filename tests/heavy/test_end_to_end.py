"""The whole walk on a model of two layers: pack to release, again, changed, killed, gone on."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tiny import save_tiny

from locale_tune.api import read_json, read_records

ROOT = Path(__file__).parents[2]
WORDS = "la il in da che sin per cun ella nus tuts lingua val musica unviern aua pan chasa fieu"
PACK = """\
[locale]
id = "toy"
tag = "rm"
script = "Latn"
name = "Toy"
endonym = "toi"
direction = "ltr"

[pack]
base_model = "{base}"
stages = ["collect", "select", "extend", "inject", "tune", "assess", "release"]
filters = ["script-share", "length", "hygiene"]
prompts = ["Co vai?"]

[settings.extend]
min_bytes = 1000
min_frequency = 5
max_new_tokens = 20
tokens = 2000

[settings.inject]
tokens = 6000
sequence = 64
lr = 3e-3
checkpoint_seconds = 0.0

[settings.tune]
tokens = 2000
sequence = 64

[[sources]]
id = "lines"
kind = "text"
uri = "data/lines.txt"
licence = "CC0-1.0"
role = "text"
options = {{ mode = "lines" }}

[[sources]]
id = "english"
kind = "text"
uri = "data/english.txt"
licence = "CC0-1.0"
role = "control"
lang = "en"
options = {{ mode = "lines" }}

[[sources]]
id = "lessons"
kind = "jsonl"
uri = "data/lessons.jsonl"
licence = "CC0-1.0"
role = "lessons"
"""


def sentences(seed, count, words=WORDS):
    """Make sentences of a language that has regular words and no meaning."""
    draw = random.Random(seed)
    return [
        " ".join(draw.choices(words.split(), k=draw.randint(5, 14))) + "." for _ in range(count)
    ]


def write_pack(folder, base):
    data = folder / "data"
    data.mkdir(parents=True)
    (folder / "README.md").write_text("# Toy\n")
    (folder / "pack.toml").write_text(PACK.format(base=base))
    (data / "lines.txt").write_text("\n".join(sentences(0, 300)) + "\n")
    english = "the people of this valley speak and sing their own language every winter"
    (data / "english.txt").write_text("\n".join(sentences(1, 40, english)) + "\n")
    asked, told = sentences(2, 60), sentences(3, 60)
    turns = ({"user": a, "assistant": b} for a, b in zip(asked, told, strict=True))
    chats = ({"messages": [{"role": r, "content": c} for r, c in t.items()]} for t in turns)
    lines = [json.dumps(chat) for chat in chats]
    (data / "lessons.jsonl").write_text("\n".join(lines) + "\n")
    return folder


def command(*args):
    return [sys.executable, "-m", "locale_tune", *map(str, args)]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Write pack and base once; the builds below share a cache and a run directory."""
    home = tmp_path_factory.mktemp("world")
    base = save_tiny(home / "base")
    pack = write_pack(home / "toy", base)
    env = {**os.environ, "LOCALE_TUNE_CACHE": str(home / "cache"), "LOCALE_TUNE_OFFLINE": "1"}
    paths = [str(ROOT), str(ROOT / "plugins"), os.environ.get("PYTHONPATH", "")]
    env |= {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(paths)}

    def run(*args, ok=True):
        done = subprocess.run(
            command(*args), capture_output=True, text=True, env=env, cwd=home, timeout=400
        )
        assert not ok or done.returncode == 0, done.stdout + done.stderr
        return done

    run.home, run.env, run.pack, run.out = home, env, pack, home / "runs" / "toy"
    return run


def models_of(world):
    return world.out / "release" / "model"


def test_1_a_killed_inject_goes_on_and_the_build_finishes(world):
    process = subprocess.Popen(
        command("build", world.pack),
        env=world.env,
        cwd=world.home,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    deadline = time.monotonic() + 200
    while not list(world.out.glob("work/inject-*/checkpoint-*/MANIFEST.json")):
        assert time.monotonic() < deadline
        assert process.poll() is None, process.stdout.read().decode()
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    done = world("build", world.pack)
    steps = [read["step"] for read in metrics(world)]
    assert steps == list(range(1, len(steps) + 1)), "no step lost, none twice"
    facts = read_json(next(world.out.glob("store/inject-*/MANIFEST.json")))["facts"]
    assert facts["resumed_at"], "it went on from a checkpoint, not from the start"
    assert "report:" in done.stdout


def metrics(world):
    path = next(world.out.glob("store/inject-*/metrics.jsonl"))
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_2_the_table_shows_the_language_before_and_after(world):
    findings = read_json(next(world.out.glob("store/assess-*/findings.json")))["findings"]
    native = next(
        f for f in findings if f["check"] == "bits_per_byte" and "ontrol" not in f["label"]
    )
    assert native["after"] < native["before"]
    assert native["interval"][1] < 0
    assert any(f["check"] == "bits_per_byte" and f["on"] != native["on"] for f in findings)


def test_3_the_same_build_again_runs_no_stage(world):
    assert "runs:" not in world("build", world.pack).stdout


def test_4_the_release_loads_with_stock_transformers_and_round_trips(world):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(models_of(world), trust_remote_code=False)
    model = AutoModelForCausalLM.from_pretrained(models_of(world), use_safetensors=True)
    assert model.get_input_embeddings().num_embeddings >= len(tokenizer)
    corpus = next(world.out.glob("store/collect-*"))
    texts = [record.text for record in read_records(corpus / "heldout")]
    assert texts
    for text in texts:
        assert tokenizer.decode(tokenizer(text)["input_ids"]) == text
    assert not list(models_of(world).glob("*.bin")) + list(models_of(world).glob("*.py"))


def test_5_one_setting_reruns_tune_and_what_depends_on_it(world):
    change = "tune.label_smoothing=0.05"
    told = world("status", world.pack, "--why", "--set", change).stdout
    lines = {line.split()[0]: line for line in told.splitlines()}
    assert "tune.label_smoothing 0.1 -> 0.05" in lines["tune"]
    assert "made" in lines["inject"]
    done = world("build", world.pack, "--set", change)
    ran = [line.split()[0] for line in done.stdout.splitlines() if " runs: " in line]
    assert ran == ["tune", "assess", "release"]


def test_6_chat_answers_side_by_side(world):
    done = world("chat", "toy", "--ask", "Co vai?", "--max-new-tokens", "5")
    assert [line.split(":")[0] for line in done.stdout.splitlines()][:3] == [
        "you",
        "base",
        "localized",
    ]


def test_7_no_work_is_left_behind(world):
    # What the base answered stays: the next build in this directory asks it the same.
    assert [path.name[:14] for path in world.out.glob("work/*")] == ["asked-of-base-"]
    assert not list(world.out.glob("store/.tmp-*"))
    assert not list(world.out.glob("store/.trash-*"))
