"""A whole build whose training steps run in two processes, by each launcher that is offered."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file
from test_end_to_end import sentences
from tiny import save_tiny

from locale_tune.api import verified

ROOT = Path(__file__).parents[2]
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
stages = ["collect", "inject"]
filters = ["length"]
prompts = ["Co vai?"]

[settings.inject]
tokens = 1500
sequence = 64
rows_per_step = 3
lr = 3e-3
dtype = "float32"
shard = {shard}

[[sources]]
id = "lines"
kind = "text"
uri = "data/lines.txt"
licence = "CC0-1.0"
role = "text"
options = {{ mode = "lines" }}
"""
# Every process of a launcher leaves its mark: a launcher that starts one would pass otherwise.
NOTE_RANK = """\
import os, pathlib
if "RANK" in os.environ:
    pathlib.Path(os.environ["SEEN"], "rank-" + os.environ["RANK"]).touch()
"""


@pytest.fixture
def world(tmp_path):
    """Return a function that builds the toy pack with a launcher and gives its inject folder."""
    base = save_tiny(tmp_path / "base")
    paths = [str(ROOT), str(ROOT / "plugins"), str(tmp_path / "site")]
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(NOTE_RANK)
    env = {**os.environ, "LOCALE_TUNE_CACHE": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"}
    env |= {"LOCALE_TUNE_PROCESSES": "2"}
    paths += [path for path in [os.environ.get("PYTHONPATH")] if path]  # "" would be this folder
    env |= {"PYTHONPATH": os.pathsep.join(paths)}

    def build(launcher, shard="false"):
        pack = tmp_path / f"{launcher}-{shard}" / "toy"
        (pack / "data").mkdir(parents=True)
        (pack / "README.md").write_text("# Toy\n")
        (pack / "pack.toml").write_text(PACK.format(base=base, shard=shard))
        for name in ("torch.py", "accelerate.py"):  # must not be taken for the libraries
            (pack.parent / name).write_text("raise SystemExit('shadowed')\n")
        (pack / "data" / "lines.txt").write_text("\n".join(sentences(0, 120)) + "\n")
        env["SEEN"] = str(pack.parent)
        words = [sys.executable, "-m", "locale_tune", "build", str(pack), "--on", launcher]
        done = subprocess.run(
            words, capture_output=True, text=True, env=env, cwd=pack.parent, timeout=250
        )
        assert done.returncode == 0, done.stdout + done.stderr
        ranks = sorted(path.name for path in pack.parent.glob("rank-*"))
        assert ranks == ([] if launcher == "local" else ["rank-0", "rank-1"])
        (made,) = (pack.parent / "runs" / "toy" / "store").glob("inject-*")
        assert not list((pack.parent / "runs" / "toy" / "work").glob(".process-*"))
        return made

    return build


@pytest.mark.slow
def test_two_processes_build_what_one_builds(world):
    one = world("local")
    same_run(one, world("torchrun"))
    same_run(one, world("accelerate"))
    same_weights(one, world("accelerate", "true"))


def same_run(one, two):
    """Assert equal steps, losses and weights."""
    facts = [verified(made)["facts"] for made in (one, two)]
    assert facts[0]["steps"] == facts[1]["steps"]
    losses = [
        [json.loads(line)["loss"] for line in (made / "metrics.jsonl").read_text().splitlines()]
        for made in (one, two)
    ]
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)
    same_weights(one, two)


def same_weights(one, two):
    """Assert weights that differ by rounding only."""
    weights = [load_file(made / "model.safetensors") for made in (one, two)]
    for name, tensor in weights[0].items():
        assert (tensor - weights[1][name]).abs().max() < 5e-6
