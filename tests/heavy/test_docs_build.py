"""The pack that docs/add-a-language.md shows passes `check` and builds, on a model of two layers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from docs_pages import page, write_files
from tiny import save_tiny

ROOT = Path(__file__).parents[2]


@pytest.fixture
def run(tmp_path):
    """Write the page's files and a tiny base; return how to call locale-tune beside them."""
    write_files(page("add-a-language.md"), tmp_path)
    save_tiny(tmp_path / "some-small-model")
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    env["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "plugins")])

    def call(*args):
        done = subprocess.run(
            [sys.executable, "-m", "locale_tune", *args],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode in (0, 1), done.stdout + done.stderr
        return done

    return call


def test_a_newcomers_pack_passes_check_and_builds(run, tmp_path):
    assert run("check", "./locale-tune-toy").returncode == 0
    small = ["--set", "inject.tokens=4000", "--set", "tune.tokens=2000"]
    small += ["--set", "inject.sequence=64", "--set", "tune.sequence=128"]
    done = run("build", "./locale-tune-toy", "--base", "./some-small-model", *small)
    assert "report: runs/toy/release/report.html" in done.stdout
    assert (tmp_path / "runs" / "toy" / "release" / "model" / "model.safetensors").exists()
