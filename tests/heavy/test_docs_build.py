"""The pack of docs/add-a-language.md, built as the page says, on a model of two layers."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from docs_pages import ROOT, page, section, write_files
from tiny import save_tiny

from locale_tune.api import read_json, read_records

TOY = page("add-a-language.md")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Write the files of the page, build them once, and return how it went."""
    home = tmp_path_factory.mktemp("newcomer")
    write_files(TOY, home)
    save_tiny(home / "some-small-model")
    path = os.pathsep.join([str(ROOT), str(ROOT / "plugins")])
    env = {**os.environ, "LOCALE_TUNE_CACHE": str(home / "cache"), "LOCALE_TUNE_OFFLINE": "1"}

    def run(*args):
        return subprocess.run(
            [sys.executable, "-m", "locale_tune", *args],
            capture_output=True,
            text=True,
            env={**env, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
            cwd=home,
            timeout=280,
        )

    words = re.search(r"^locale-tune (build \./locale-tune-toy.*)$", TOY, re.MULTILINE)[1].split()
    run.done, run.home = run(*words, "--base", "./some-small-model"), home
    return run


def test_the_build_ends_with_the_two_paths_of_the_page(built):
    assert built.done.returncode == 0, built.done.stdout + built.done.stderr
    paths = re.findall(r"^(?:model|report): .*$", section(TOY, "## Build it"), re.MULTILINE)
    assert len(paths) == 2
    for line in paths:
        assert line in built.done.stdout
        assert (built.home / line.split()[1]).exists()


def test_text_is_held_out_and_questions_are_made_of_it(built):
    corpus = next(built.home.glob("runs/toy/store/collect-*"))
    kept = [r.text for r in read_records(corpus / "text")]
    held = [r.text for r in read_records(corpus / "heldout")]
    lines = (built.home / "locale-tune-toy/locale_tune_toy/data/lines.txt").read_text("utf-8")
    assert sorted(kept + held) == sorted(lines.splitlines())
    assert list(read_records(corpus / "questions"))


def test_the_language_is_measured_before_and_after_with_english_beside_it(built):
    findings = read_json(next(built.home.glob("runs/toy/store/assess-*/findings.json")))["findings"]
    bits = {f["on"]: f for f in findings if f["check"] == "bits_per_byte"}
    assert bits["eo"]["after"] < bits["eo"]["before"]
    assert set(bits) == {"eo", "en"}


def test_chat_asks_what_the_page_asks(built):
    question = re.search(r'chat runs/toy --ask "(.+)"', TOY)[1]
    done = built("chat", "runs/toy", "--ask", question, "--max-new-tokens", "4")
    assert done.returncode == 0, done.stderr
    assert question in done.stdout
    assert "localized:" in done.stdout
