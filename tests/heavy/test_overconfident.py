"""A model that grew surer and no wiser is caught: the build ends with exit code 1 and says why.

The pack's own stage multiplies the head by four. Each option of a lettered question is one letter,
so the order of the letters, and with it every answer, stays; only the confidence rises.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from tiny import save_tiny

from locale_tune.api import read_json

ROOT = Path(__file__).parents[2]
SCALE = 4.0
CODE = f"""
from pathlib import Path

from locale_tune.api import Stage, hookimpl


def louder(job):
    import shutil

    from safetensors.torch import load_file, save_file

    shutil.copytree(job.inputs["model"].path, job.out, dirs_exist_ok=True)
    file = job.out / "model.safetensors"
    weights = load_file(file)
    weights["lm_head.weight"] *= {SCALE}
    save_file(weights, file, metadata={{"format": "pt"}})
    return {{"line": "surer"}}


@hookimpl
def locale_tune_stages():
    yield Stage("louder", needs=("model",), makes="model", run=louder, heavy=True)
"""
PACK = """\
[locale]
id = "toy-sure"
tag = "rm"
script = "Latn"
name = "Toy"
endonym = "toi"
direction = "ltr"

[pack]
base_model = "{base}"
stages = [{stages}]
code = true
prompts = ["Co vai?"]

[settings.assess]
checks = ["multiple_choice"]

[[bounds]]
check = "ece"
on = "rm"
of = "change"
max = 0.05
clear = true

[[sources]]
id = "quiz"
kind = "jsonl"
uri = "data/quiz.jsonl"
licence = "CC0-1.0"
role = "questions"
asked = {{ format = "letters", answer_word = "Resposta:", split = "test" }}

[[sources]]
id = "lines"
kind = "text"
uri = "data/lines.txt"
licence = "CC0-1.0"
role = "text"
"""


def write_pack(folder: Path, base: Path) -> Path:
    draw = random.Random(0)
    words = ["lai", "flum", "munt", "val", "chasa", "prada", "uaul", "chaun", "giat", "vatga"]
    (folder / "data").mkdir(parents=True)
    (folder / "README.md").write_text("# Toy\n")
    (folder / "__init__.py").write_text(CODE)
    (folder / "data" / "lines.txt").write_text(
        "\n".join(f"Quai è la frasa {n} davart il {draw.choice(words)}." for n in range(40))
    )
    with (folder / "data" / "quiz.jsonl").open("w") as file:
        for number in range(120):
            asked = {
                "question": f"Tge pled è quai, numer {number}?",
                "choices": draw.sample(words, 4),
                "answer": draw.randrange(4),
            }
            file.write(json.dumps(asked) + "\n")
    return write_stages(folder, base, ["collect", "louder", "assess", "release"])


def write_stages(folder: Path, base: Path, stages: list[str]) -> Path:
    listed = ", ".join(f'"{stage}"' for stage in stages)
    (folder / "pack.toml").write_text(PACK.format(base=base, stages=listed))
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    home = tmp_path_factory.mktemp("sure")
    # A wide spread of first weights: an untrained head is sure of something already.
    base = save_tiny(home / "base", tie_word_embeddings=False, initializer_range=0.5)
    pack = write_pack(home / "toy_sure", base)
    env = {**os.environ, "LOCALE_TUNE_CACHE": str(home / "cache"), "LOCALE_TUNE_OFFLINE": "1"}
    env |= {"LOCALE_TUNE_CONFIG": str(home / "config"), "OMP_NUM_THREADS": "1"}
    paths = [str(ROOT), str(ROOT / "plugins"), os.environ.get("PYTHONPATH", "")]
    env["PYTHONPATH"] = os.pathsep.join(paths)

    def command(*args):
        return subprocess.run(
            [sys.executable, "-m", "locale_tune", *map(str, args)],
            capture_output=True,
            text=True,
            env=env,
            cwd=home,
            timeout=300,
        )

    command.pack, command.out, command.base = pack, home / "runs" / "toy-sure", base
    return command


def test_1_the_build_ends_with_1_and_names_the_bound(run):
    assert run("trust", run.pack, "--yes").returncode == 0
    done = run("build", run.pack)
    told = done.stdout + done.stderr
    assert done.returncode == 1, told
    told = " ".join(told.split())
    assert "Toy questions, calibration error (ECE, 15 bins) (ece on rm) changed by +" in told
    assert "the pack asks for a change of at most 0.05" in told
    assert (run.out / "release" / "model").is_dir(), "a broken bound still writes the release"


def test_2_accuracy_is_the_same_and_confidence_has_risen(run):
    found = read_json(next(run.out.glob("store/assess-*/findings.json")))
    findings = {finding["check"]: finding for finding in found["findings"]}
    assert findings["accuracy"]["change"] == 0.0
    for check in ("ece", "overconfidence", "brier"):
        assert findings[check]["verdict"] == "worse", check
    before, after = found["reliability"]
    assert before["accuracy"] == after["accuracy"]
    assert after["confidence"] > before["confidence"] + 0.1
    assert after["change_intervals"]["overconfidence"][0] > 0.05


def test_3_without_the_stage_the_same_bound_holds(run):
    write_stages(run.pack, run.base, ["collect", "assess", "release"])
    run("trust", run.pack, "--yes")
    done = run("build", run.pack)
    assert done.returncode == 0, done.stdout + done.stderr
