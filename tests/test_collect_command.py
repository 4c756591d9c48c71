"""`locale-tune collect`: the corpus alone, without a base model, and its figures on the screen."""

from __future__ import annotations

import re

import pytest
from click.testing import CliRunner
from tests_support import PACK

from locale_tune.build import Options, build, needed, preview, upto
from locale_tune.cli import app
from locale_tune.cli.collect_ import corpus_lines
from locale_tune.files import read_json

ROWS = [
    {
        "id": "forum",
        "role": "text",
        "licence": "MIT",
        "seen": 1200,
        "kept": 1000,
        "bytes": 50_000,
        "rejected": {"copy": 150, "near copy": 50},
        "problem": "",
    },
    {
        "id": "stories",
        "role": "text",
        "licence": "CC-BY-NC-4.0",
        "seen": 10,
        "kept": 10,
        "bytes": 500,
        "rejected": {},
        "problem": "",
    },
    {
        "id": "tweets",
        "role": "text",
        "licence": "CC0-1.0",
        "seen": 0,
        "kept": 0,
        "bytes": 0,
        "rejected": {},
        "problem": "the file was not found on this machine",
    },
]
MATRIX = {"labels": ["rm", "de", "it"], "counts": [[97, 2, 1], [0, 50, 0], [1, 0, 9]]}
FACTS = {
    "splits": {"heldout": 40, "text": 970},
    "rejected": {"copy": 150, "near copy": 50},
    "heldout_bytes": 2000,
    "heldout_groups": 38,
    "filters": {
        "length": {"seen": 3},
        "language-id": {"confusion": MATRIX},
    },
}


def test_what_the_screen_says_of_a_corpus():
    lines = [line.rstrip() for line in corpus_lines(FACTS, ROWS)]
    text = "\n".join(lines)
    assert re.search(r"^forum +text +1,200 +1,000 +50,000  MIT$", text, re.MULTILINE)
    assert "left out: 150 copy, 50 near copy" in text
    assert re.search(r"^tweets +text +not read: the file was not found", text, re.MULTILINE)
    assert "kept      970 text, 40 heldout" in lines
    assert "left out  150 copy, 50 near copy" in lines
    assert "held out  2,000 bytes of text, 38 groups" in lines
    assert "licence   CC-BY-NC-4.0 (no commercial use), forced by stories" in lines
    assert "          without stories: MIT, 500 bytes less" in lines
    matrix = lines[
        lines.index("language-id: rows are what a text is, columns what it was taken for") :
    ]
    assert [line.split() for line in matrix[1:5]] == [
        ["rm", "de", "it"],
        ["rm", "97", "2", "1"],
        ["de", "0", "50", "0"],
        ["it", "1", "0", "9"],
    ]


def test_a_corpus_of_another_plugin_may_say_little():
    assert "kept      nothing" in list(corpus_lines({}, []))


def test_only_what_the_corpus_is_made_from_is_run(write_pack):
    root = write_pack(PACK.replace('["collect"]', '["collect", "select"]'))
    options = Options(base="package:pydoc_data/topics.py")
    plan = preview(str(root), options, lambda text: None)
    assert [step.name for step in upto(plan, "collect")] == ["base", "collect"]
    assert [step.name for step in needed(upto(plan, "collect"))] == ["collect"]
    assert [step.name for step in needed(upto(plan, "select"))] == ["base", "collect", "select"]


@pytest.mark.slow
def test_it_needs_no_base_model_and_a_build_goes_on_from_it(write_pack, tmp_path):
    root = write_pack(PACK, lines=tuple(f"Il numer {n} è qua, char ami." for n in range(60)))
    out = tmp_path / "run"
    done = CliRunner().invoke(app, ["collect", str(root), "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert re.search(r"^lines +text ", done.output, re.MULTILINE)
    assert "rejects.jsonl" in done.output
    assert [path.name.partition("-")[0] for path in (out / "store").glob("[a-z]*")] == ["collect"]
    again = build(str(root), Options(out=out, until="collect", only=True))
    assert again.reused == ("base", "collect")
    plan = read_json(out / "plan.json")
    assert plan["base"] == "base"


def test_a_pack_without_that_step_is_told(write_pack, tmp_path):
    root = write_pack(PACK.replace('["collect"]', '["collect@corpus"]'))
    done = CliRunner().invoke(app, ["collect", str(root), "--out", str(tmp_path / "run")])
    assert "'collect'" in str(done.exception)
    assert not (tmp_path / "run" / "store").exists()
