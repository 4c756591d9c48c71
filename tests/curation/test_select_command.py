"""`locale-tune select` on files of several shapes."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from locale_tune_curation.command import NoLesson, command, lesson


def row(number):
    return {
        "instruction": f"Tge è la chapitala numer {number}?",
        "output": f"La chapitala numer {number} è {'abcdefgh'[number % 8] * 9} en la val.",
        "topic": "geo" if number % 4 else "food",
    }


@pytest.fixture
def run(tmp_path):
    def call(*words, lines=None):
        path = tmp_path / "lessons.jsonl"
        path.write_bytes(b"\n".join(lines or [json.dumps(row(n)).encode() for n in range(40)]))
        out = tmp_path / "chosen.jsonl"
        done = CliRunner().invoke(command, [str(path), "--out", str(out), *words])
        return done, out, path

    return call


@pytest.mark.parametrize("selector", ["mdaq", "novelselect", "mig", "kcenter", "random"])
def test_lines_are_chosen_and_stay_as_they_are(run, selector):
    done, out, path = run("--selector", selector, "--budget", "7")
    assert done.exit_code == 0, done.output
    chosen = out.read_bytes().splitlines()
    assert len(chosen) == 7
    assert set(chosen) <= set(path.read_bytes().splitlines())
    assert "7 of 40 lines" in done.output
    assert "vendi" in done.output


def test_bad_lines_are_told_and_the_others_chosen(run):
    good = [json.dumps(row(n)).encode() for n in range(3)]
    done, out, _ = run(
        "--share", "1", lines=[good[0], b"{", b"\xff", b"[]", b'{"a": 1}', *good[1:]]
    )
    assert done.exit_code == 0, done.output
    assert sorted(out.read_bytes().splitlines()) == sorted(good)
    assert "lessons.jsonl:2: not JSON in UTF-8" in done.output
    assert "lessons.jsonl:5: neither messages nor" in done.output


def test_shares_and_settings(run):
    words = ("--budget", "8", "--set", 'least={"topic": {"food": 0.5}}', "--set", "clusters=3")
    done, out, _ = run(*words)
    assert done.exit_code == 0, done.output
    topics = [json.loads(line)["topic"] for line in out.read_bytes().splitlines()]
    assert topics.count("food") >= 4


def test_mistakes_are_sentences(run):
    done, out, _ = run("--set", "budgt=3")
    assert "did you mean 'budget'" in str(done.exception)
    out.write_text("")
    done, _, _ = run()
    assert "is there already" in str(done.exception)
    out.unlink()
    done, _, _ = run(lines=[b"{"])
    assert "no lesson in these files" in str(done.exception)


@pytest.mark.parametrize(
    ("value", "roles"),
    [
        ({"messages": [{"role": "user", "content": "a"}]}, ["user"]),
        (
            {"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]},
            ["user", "assistant"],
        ),
        ({"text": "a"}, ["assistant"]),
        ({"prompt": "a", "completion": "b"}, ["user", "assistant"]),
        ({"instruction": "a", "input": "c", "output": "b"}, ["user", "assistant"]),
    ],
)
def test_shapes_of_lessons(value, roles):
    assert [message.role for message in lesson(value, "f:1").messages] == roles


@pytest.mark.parametrize("value", [[], {}, {"text": " "}, {"messages": [1]}, {"messages": [{}]}])
def test_what_is_no_lesson_says_so(value):
    with pytest.raises(NoLesson):
        lesson(value, "f:1")
