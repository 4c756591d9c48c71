"""A model that learns to answer in the sibling language: the build says so, and fails its bound."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from tiny import save_tiny

from locale_tune.api import read_json, read_records

pytest.importorskip("fasttext", reason="the identifier needs fasttext: install the extra 'corpus'")

ROOT = Path(__file__).parents[2]
OWN = "la chasa gronda e la flur cotschna en il vitg da la val cun ina auter uffant betg fitg"
SIBLING = "das haus steht neben der kirche und die blume im garten mit einem kind nicht sehr"
ANSWER = "das haus steht neben der kirche und die blume"
PACK = """\
[locale]
id = "toy"
tag = "rm"
script = "Latn"
name = "Toy"
endonym = "toi"
direction = "ltr"
contrasts = ["de"]

[pack]
base_model = "{base}"
stages = ["collect", "select", "tune", "assess", "release"]
filters = ["hygiene"]
prompts = ["Co vai?"]

[settings.tune]
tokens = 40000
sequence = 256
lr = 5e-3
label_smoothing = 0.0

[settings.assess]
checks = ["confusion", "fidelity"]
max_new_tokens = 64

[settings.assess.markers]
toy = ["chasa", "vitg"]
de = ["haus", "und"]

[[bounds]]
check = "leakage"
max = 5.0

[[sources]]
id = "lines"
kind = "text"
uri = "data/own.txt"
licence = "CC0-1.0"
role = "text"

[[sources]]
id = "german"
kind = "text"
uri = "data/sibling.txt"
licence = "CC0-1.0"
role = "contrast"
lang = "de"

[[sources]]
id = "lessons"
kind = "jsonl"
uri = "data/lessons.jsonl"
licence = "CC0-1.0"
role = "lessons"

[[sources]]
id = "asked"
kind = "text"
uri = "data/prompts.txt"
licence = "CC0-1.0"
role = "prompts"
"""


def sentences(seed: int, count: int, words: str, least: int = 8) -> list[str]:
    draw = random.Random(seed)
    return [" ".join(draw.choices(words.split(), k=draw.randint(least, 14))) for _ in range(count)]


def write_pack(folder: Path, base: Path) -> Path:
    data = folder / "data"
    data.mkdir(parents=True)
    (folder / "README.md").write_text("# Toy\n")
    (folder / "pack.toml").write_text(PACK.format(base=base))
    (data / "own.txt").write_text("\n".join(sentences(0, 400, OWN)) + "\n")
    (data / "sibling.txt").write_text("\n".join(sentences(1, 200, SIBLING)) + "\n")
    (data / "prompts.txt").write_text("\n".join(sentences(2, 12, OWN, 4)) + "\n")
    turns = [
        [{"role": "user", "content": asked}, {"role": "assistant", "content": ANSWER}]
        for asked in sentences(3, 80, OWN, 4)
    ]
    lines = "".join(json.dumps({"messages": chat}) + "\n" for chat in turns)
    (data / "lessons.jsonl").write_text(lines)
    return folder


@pytest.mark.slow
def test_a_build_that_leaks_into_the_sibling_ends_with_1_and_names_the_bound(tmp_path):
    pack = write_pack(tmp_path / "toy", save_tiny(tmp_path / "base"))
    env = {**os.environ, "LOCALE_TUNE_CACHE": str(tmp_path / "cache"), "LOCALE_TUNE_OFFLINE": "1"}
    paths = [str(ROOT), str(ROOT / "plugins"), os.environ.get("PYTHONPATH", "")]
    env |= {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, "-m", "locale_tune", "build", str(pack)]
    done = subprocess.run(
        command, capture_output=True, text=True, env=env, cwd=tmp_path, timeout=280
    )
    said = done.stdout + done.stderr
    assert done.returncode == 1, said
    assert (
        "Answers in German instead of Toy (leakage on rm) is 100; the pack asks for at most 5."
        in said
    )
    found = read_json(next(tmp_path.glob("runs/toy/store/assess-*/findings.json")))
    values = {finding["check"]: finding["after"] for finding in found["findings"]}
    assert values["leakage"] > 90, found
    assert values["variety_fidelity"] < 5
    assert values["line_pass_rate"] < 10
    assert values["marker_share"] < 5
    corpus = next(tmp_path.glob("runs/toy/store/collect-*"))
    assert len(list(read_records(corpus / "prompts"))) == 12
