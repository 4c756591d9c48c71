"""The audit takes any extension, names what is wrong with it, and passes a right one."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from broken_tokenizers import (
    added_words,
    continued,
    fresh_and_appended,
    merges_first,
    over_special_ids,
    without_pre_tokenizer,
    written,
)
from tokenizer_support import ARABIC, ENGLISH, ROMANSH, sentences, toy_spec
from trim_support import piece_spec

from locale_tune.api import StageFailed
from locale_tune_tokenizer.checks.audit import Text, audit, failed
from locale_tune_tokenizer.checks.certificate import CHECKS
from locale_tune_tokenizer.checks.llamacpp import not_run

pytestmark = pytest.mark.slow

# Words that the toy SentencePiece style has not seen, in letters that it has.
MORE = ("mintgin", "sulegl", "paisser", "dumengia", "gianter", "viadi", "stgira", "nivels", "tgaun")
NATIVE = sentences(ROMANSH, 120) + sentences(ARABIC, 120) + sentences(MORE, 120)
TEXT = Text(native=NATIVE[::6], protected=ENGLISH[:1], others=ENGLISH[1:])


@pytest.fixture(autouse=True)
def without_other_processes(monkeypatch: pytest.MonkeyPatch):
    """Leave transformers and llama.cpp out; their checks have tests of their own."""
    monkeypatch.setattr(
        "locale_tune_tokenizer.checks.llamacpp.PACKAGES", {"no_such_package": "llama"}
    )
    monkeypatch.setattr(
        "locale_tune_tokenizer.checks.audit._reload", lambda *args: not_run("a test")
    )


def judged(tmp_path: Path, base: dict, extended: dict) -> dict:
    return audit(written(tmp_path / "base", base), written(tmp_path / "new", extended), TEXT)


@pytest.mark.parametrize(
    "spec",
    [toy_spec(), toy_spec(high=True), toy_spec(ignore_merges=True), piece_spec()],
    ids=["byte-level", "high special ids", "ignore merges", "sentencepiece"],
)
def test_a_right_extension_fails_nothing(tmp_path: Path, spec: dict):
    entries = judged(tmp_path, spec, continued(spec, NATIVE, protected=ENGLISH[:1]).spec)
    assert failed(entries) == {}
    assert set(CHECKS) <= set(entries)
    assert entries["reachability"]["tokens"] > 20
    assert entries["coarsening"]["lines"] > 60
    assert entries["merge order"]["new_merges"] >= entries["id stability"]["new_tokens"]


def test_a_tokenizer_that_was_left_alone_passes(tmp_path: Path):
    assert failed(judged(tmp_path, toy_spec(), toy_spec())) == {}


def test_added_words_are_refused_and_said_to_cut(tmp_path: Path):
    wrong = failed(judged(tmp_path, toy_spec(), added_words(toy_spec(), ["chas", "nter", "la"])))
    assert "'chas' and 2 more came as added tokens" in wrong["added tokens"]
    assert "an old token is cut" in wrong["coarsening"]
    assert "id stability" not in wrong


def test_tokens_of_a_second_tokenizer_cannot_be_reached(tmp_path: Path):
    wrong = failed(
        judged(tmp_path, toy_spec(), fresh_and_appended(toy_spec(), [*ENGLISH, *NATIVE]))
    )
    assert "forms as" in wrong["reachability"]


def test_ids_over_special_tokens_move_them(tmp_path: Path):
    spec = toy_spec(high=True)
    wrong = failed(judged(tmp_path, spec, over_special_ids(spec, NATIVE)))
    assert "'<|endoftext|>' moved from 330 to" in wrong["id stability"]
    assert "3 tokens moved" in wrong["id stability"]


def test_new_merges_above_the_old_cut_old_tokens(tmp_path: Path):
    wrong = failed(judged(tmp_path, toy_spec(), merges_first(toy_spec(), NATIVE)))
    assert "merge 0 was" in wrong["merge order"]
    assert "fuzz" in wrong or "coarsening" in wrong


def test_a_token_across_words_is_always_cut(tmp_path: Path):
    wrong = failed(judged(tmp_path, toy_spec(), without_pre_tokenizer(toy_spec(), "sün e")))
    assert "the pre-tokenizer always cuts" in wrong["reachability"]


def nfc(spec: dict) -> None:
    spec["normalizer"] = {"type": "NFC"}


def other_regex(spec: dict) -> None:
    spec["pre_tokenizer"]["use_regex"] = False


def bypassed_merges(spec: dict) -> None:
    spec["model"]["ignore_merges"] = True


def a_lost_merge(spec: dict) -> None:
    del spec["model"]["merges"][3]


def greedy_special(spec: dict) -> None:
    spec["added_tokens"][0]["lstrip"] = True


@pytest.mark.parametrize(
    ("spoil", "check", "says"),
    [
        (nfc, "options", "normalizer was None"),
        (nfc, "round trip", "decodes to"),
        (other_regex, "options", "pre_tokenizer was"),
        (bypassed_merges, "options", "ignore_merges was None and is True"),
        (a_lost_merge, "merge order", "merge 3 was"),
        (greedy_special, "added tokens", "<|endoftext|>"),
    ],
)
def test_what_else_may_change_by_accident(
    tmp_path: Path, spoil: Callable[[dict], None], check: str, says: str
):
    spec = copy.deepcopy(continued(toy_spec(), NATIVE).spec)
    spoil(spec)
    assert says in failed(judged(tmp_path, toy_spec(), spec))[check]


def test_what_cannot_be_opened_says_so(tmp_path: Path):
    spec = toy_spec()
    spec["model"]["merges"].append(["nowhere", "to be found"])
    assert "nowhere" in failed(judged(tmp_path, toy_spec(), spec))["opens"]


def test_unigram_is_not_judged(tmp_path: Path):
    unigram = {"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0.0], ["a", -1.0]]}
    spec = {**toy_spec(), "model": unigram, "added_tokens": []}
    assert failed(judged(tmp_path, spec, spec))["opens"] == "the base tokenizer is Unigram, not BPE"


def test_files_will_do_and_what_did_not_run_is_not_passed(tmp_path: Path):
    base = tmp_path / "toy_tokenizer.json"
    base.write_text(json.dumps(toy_spec()))
    entries = audit(base, base, TEXT)
    for name in ("template", "reload", "GGUF ids", "rows"):
        assert entries[name]["passed"] is None, name
        assert entries[name]["why"].startswith("not run: "), name
    assert failed(entries) == {}


def test_an_audit_of_files_needs_no_heavy_library(tmp_path: Path):
    base = written(tmp_path, toy_spec()) / "tokenizer.json"
    code = (
        "import sys; from pathlib import Path; import locale_tune_tokenizer.checks.audit as a;"
        "a._reload = lambda *args: a.not_run('a test');"
        "a.audit(Path(sys.argv[1]), Path(sys.argv[1]));"
        "print({'torch', 'transformers'} & set(sys.modules))"
    )
    path = os.pathsep.join(filter(None, sys.path))
    found = subprocess.run(
        [sys.executable, "-c", code, str(base)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == "set()"


def test_a_folder_without_tokenizer_is_said_to_be_one(tmp_path: Path):
    with pytest.raises(StageFailed, match=r"holds no tokenizer\.json") as failure:
        audit(tmp_path, tmp_path, TEXT)
    assert failure.value.remedy == "name a tokenizer.json or its folder"
