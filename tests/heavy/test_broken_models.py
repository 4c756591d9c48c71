"""A build whose tuning broke the model ends with exit code 1 and names the bound.

The stage `drill` of a plugin made here trains on one text until the model knows nothing else.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from test_end_to_end import WORDS, sentences
from tiny import save_tiny

from locale_tune.api import read_json

ROOT = Path(__file__).parents[2]
ENGLISH = "the people of this valley speak and sing their own language every winter"
DRILL = '''\
import random
from pathlib import Path

from locale_tune.api import Settings, Stage, hookimpl


class DrillSettings(Settings):
    lines: str = ""
    lr: float = 1e-2


def drill(source, out, lines, lr=1e-2, steps=40):
    """Train a copy of a tiny model on lines, all of them in each step."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.manual_seed(0)
    torch.set_num_threads(1)
    tokenizer = AutoTokenizer.from_pretrained(source)
    model = AutoModelForCausalLM.from_pretrained(source)
    batch = tokenizer(lines, padding=True, return_tensors="pt")
    labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr)
    for _ in range(steps):
        model(**batch, labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)


def run(job):
    drill(job.inputs["model"].path, job.out, job.settings.lines.splitlines(), job.settings.lr)
    return {}


@hookimpl
def locale_tune_stages():
    yield Stage("drill", ("model",), "model", run, settings=DrillSettings, heavy=True)
'''
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
stages = ["collect", "drill", "assess", "release"]
prompts = ["La chasa da", "Il lai in", "Ella va", "Nus tuts", "In um che"]

[settings.drill]
lr = {lr}
lines = '''
{lines}
'''

[settings.assess]
checks = ["bits_per_byte", "collapse"]
draw_tokens = 24

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

[[bounds]]
check = "bits_per_byte"
on = "en"
of = "change"
max = 0.5

[[bounds]]
check = "distinct_2"
of = "ratio"
min = 0.5

[[bounds]]
check = "entropy"
of = "ratio"
min = 0.25
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory):
    """Make a base that knows both languages and a plugin that drills; return a builder."""
    home = tmp_path_factory.mktemp("world")
    site = home / "site"
    info = site / "drill-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: drill\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[locale_tune.plugins]\ndrill = drill_mod\n")
    (site / "drill_mod.py").write_text(DRILL)
    own, english = sentences(0, 30), sentences(1, 30, ENGLISH)
    known: dict[str, object] = {}
    exec(DRILL, known)
    known["drill"](save_tiny(home / "untaught"), home / "base", own + english, steps=90)
    paths = [str(ROOT), str(ROOT / "plugins"), str(site)]
    env = {
        **os.environ,
        "LOCALE_TUNE_CACHE": str(home / "cache"),
        "LOCALE_TUNE_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join(paths),
    }

    def build(
        name: str, lines: list[str], lr: float = 1e-2
    ) -> tuple[subprocess.CompletedProcess[str], list]:
        pack = home / name / "toy"
        (pack / "data").mkdir(parents=True)
        (pack / "README.md").write_text("# Toy\n")
        (pack / "pack.toml").write_text(
            PACK.format(base=home / "base", lr=lr, lines="\n".join(lines))
        )
        (pack / "data" / "lines.txt").write_text("\n".join(sentences(3, 80)) + "\n")
        (pack / "data" / "english.txt").write_text("\n".join(sentences(4, 40, ENGLISH)) + "\n")
        done = subprocess.run(
            [sys.executable, "-m", "locale_tune", "build", str(pack)],
            capture_output=True,
            text=True,
            env=env,
            cwd=home / name,
            timeout=280,
        )
        found = (home / name).glob("runs/toy/store/assess-*/findings.json")
        return done, read_json(next(found))["findings"] if done.returncode in (0, 1) else []

    return build


def test_a_model_that_says_one_word_is_caught(world) -> None:
    done, findings = world("collapsed", ["la la la la la la la la la la", "la la la la la la la"])
    assert done.returncode == 1, done.stdout + done.stderr
    assert "distinct_2 on rm" in done.stdout + done.stderr
    assert "entropy on rm" in done.stdout + done.stderr
    found = {finding["check"]: finding for finding in findings}
    assert found["vendi"]["after"] < 2 < found["vendi"]["before"]


def test_a_model_that_forgot_english_is_caught(world) -> None:
    done, _ = world("forgot", sentences(0, 30))
    assert done.returncode == 1, done.stdout + done.stderr
    told = done.stdout + done.stderr
    assert "bits_per_byte on en" in told
    assert "distinct_2" not in told, "it has words left, in one language"


def test_a_model_that_keeps_both_languages_is_let_through(world) -> None:
    done, _ = world("kept", sentences(0, 30, WORDS) + sentences(1, 30, ENGLISH), 1e-5)
    assert done.returncode == 0, done.stdout + done.stderr
