"""A fresh process answers, or its last words are passed on."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from locale_tune_tokenizer.checks import children
from locale_tune_tokenizer.checks.children import ChildFailed, ask

pytestmark = pytest.mark.slow

ECHO = """
import os, sys
from locale_tune_tokenizer.checks.children import serve

def answer(request):
    return {"got": request, "offline": os.environ["HF_HUB_OFFLINE"], "pid": os.getpid(),
            "cwd_first": os.getcwd() in sys.path[:1]}

serve(answer)
"""


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that writes a module where only this process's search path finds it."""
    folder = tmp_path / "modules"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))

    def write(name: str, code: str) -> str:
        (folder / f"{name}.py").write_text(code, encoding="utf-8")
        return name

    return write


def test_a_fresh_process_gets_the_request_and_answers(child, tmp_path: Path):
    text = "chasa \u200d مدرسة \U0001f3fd\x00"
    found = ask(child("echo_child", ECHO), {"text": text}, tmp_path)
    assert found["got"] == {"text": text}
    assert found["pid"] != os.getpid()


def test_it_is_offline_and_not_misled_by_the_current_folder(
    child, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "json.py").write_text("raise SystemExit('the wrong json')")
    found = ask(child("echo_child", ECHO), {}, tmp_path)
    assert found["offline"] == "1"
    assert found["cwd_first"] is False


def test_it_leaves_no_files(child, tmp_path: Path):
    work = tmp_path / "work"
    work.mkdir()
    ask(child("echo_child", ECHO), {}, work)
    assert list(work.iterdir()) == []


def test_its_last_words_are_passed_on(child, tmp_path: Path):
    with pytest.raises(ChildFailed, match="ValueError: no such piece"):
        ask(child("sad_child", "raise ValueError('no such piece')"), {}, tmp_path)


def test_an_abort_is_not_ours(child, tmp_path: Path):
    with pytest.raises(ChildFailed, match="ended with -6 and no word"):
        ask(child("dead_child", "import os; os.abort()"), {}, tmp_path)


def test_no_answer_is_a_failure(child, tmp_path: Path):
    with pytest.raises(ChildFailed, match="ended with 0"):
        ask(child("silent_child", ""), {}, tmp_path)


def test_it_is_not_waited_for_without_end(child, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(children, "SECONDS", 1)
    with pytest.raises(ChildFailed, match="no answer within 1 seconds"):
        ask(child("slow_child", "import time; time.sleep(60)"), {}, tmp_path)


def test_the_child_finds_what_we_find():
    assert children._search_path().split(os.pathsep) == [path for path in sys.path if path]
