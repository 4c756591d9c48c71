"""`rate --add`: answers that come from anywhere become figures, or are refused whole."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from finished_support import finished_run
from hypothesis import given
from hypothesis import strategies as st
from rate_support import PAIR, filled, opened, pages
from release_page import text_of

from locale_tune.api import PlanError, read_json, write_json
from locale_tune_release.rate_answers import MOST_BYTES, BadAnswers, ratings, read_answers
from locale_tune_release.rate_command import make_pages, samples_of, take_in
from locale_tune_release.rate_figures import summary
from locale_tune_release.rate_items import key_of
from locale_tune_release.remake import RATINGS


@pytest.fixture
def run(tmp_path: Path) -> Any:
    return opened(finished_run(tmp_path / "run"))


def test_answers_become_ratings_by_the_key(run: Any, tmp_path: Path) -> None:
    list(make_pages(run, 2))
    key = read_json(run.path / "rate" / "key.json")
    files = (
        filled(run, tmp_path / "1.json", 1, "A", rater="Anna"),
        filled(run, tmp_path / "2.json", 2, "both bad"),
    )
    lines = list(take_in(run, files))
    found = read_json(run.path / RATINGS)
    page = next(page for page in key["pages"].values() if page["rater"] == 1)
    samples = samples_of(run)
    assert [(one["prompt"], one["choice"], one["rater"]) for one in found[:3]] == [
        (samples[place["prompt"]]["prompt"], place["A"], "Anna") for place in page["items"].values()
    ]
    assert {one["choice"] for one in found[3:]} == {"both bad"}
    assert {one["rater"] for one in found[3:]} == {"rater 2"}
    assert set(found[0]) == {"prompt", "choice", "rater", "comment"}
    assert lines[0] == "2 raters, 3 prompts"


def test_added_one_by_one_or_together_and_twice_is_the_same(run: Any, tmp_path: Path) -> None:
    list(make_pages(run, 2))
    one, two = (filled(run, tmp_path / f"{n}.json", n) for n in (1, 2))
    list(take_in(run, (one, two)))
    together = (run.path / RATINGS).read_bytes()
    (run.path / RATINGS).unlink()
    shutil.rmtree(run.path / "rate" / "answers")
    list(take_in(run, (two,)))
    list(take_in(run, (one, one)))
    assert (run.path / RATINGS).read_bytes() == together


def changed(**more: Any) -> Any:
    return lambda value: {**value, **more}


def first_answer(**more: Any) -> Any:
    return lambda value: {
        **value,
        "answers": [{**value["answers"][0], **more}, *value["answers"][1:]],
    }


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda value: [], "holds no answers"),
        (changed(format="locale-tune rate 2"), "holds no answers"),
        (changed(page="0" * 12), "another run"),
        (changed(page=["x"]), "another run"),
        (changed(page=None), "another run"),
        (changed(answers=[]), "nothing is answered"),
        (changed(answers="A"), "nothing is answered"),
        (changed(answers=[None]), "not on its page"),
        (first_answer(item="0" * 12), "not on its page"),
        (first_answer(item={"a": 1}), "not on its page"),
        (first_answer(choice="before"), "does not offer"),
        (first_answer(choice=["A"]), "does not offer"),
        (first_answer(choice=""), "does not offer"),
        (first_answer(comment="x" * 2001), "comment"),
        (first_answer(comment=7), "comment"),
        (changed(rater="x" * 101), "rater"),
        (changed(rater={"name": "x"}), "rater"),
        (lambda value: {**value, "answers": [value["answers"][0]] * 2}, "twice"),
    ],
)
def test_answers_that_cannot_be_taken_are_refused(
    run: Any, tmp_path: Path, change, problem
) -> None:
    list(make_pages(run, 1))
    good = filled(run, tmp_path / "good.json")
    bad = tmp_path / "bad.json"
    bad.write_text(json.dumps(change(read_json(good))), encoding="utf-8")
    with pytest.raises(BadAnswers, match=problem):
        list(take_in(run, (good, bad)))
    assert not (run.path / RATINGS).exists()  # not the good one either
    assert not (run.path / "rate" / "answers").exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe{",
        b"{" * 50_000,
        b"[" * 50_000,
        b'{"format": 1, "format": 2}',
        b" " * (MOST_BYTES + 1),
        b"NaN",
    ],
)
def test_files_that_are_no_answers_are_refused(run: Any, tmp_path: Path, content: bytes) -> None:
    list(make_pages(run, 1))
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(BadAnswers):
        list(take_in(run, (path,)))
    with pytest.raises(BadAnswers, match="cannot be read"):
        list(take_in(run, (tmp_path / "none.json",)))


def test_text_of_people_is_cleaned_and_joiners_stay(run: Any, tmp_path: Path) -> None:
    list(make_pages(run, 1))
    comment = "a\x1b[2J\u202eb\u2066 می\u200cخواهم\u200f e\u0301 \ud800"
    path = filled(run, tmp_path / "x.json", rater=" An\u202ena \n B. ")
    path.write_text(json.dumps(first_answer(comment=comment)(read_json(path))), encoding="utf-8")
    list(take_in(run, (path,)))
    found = read_json(run.path / RATINGS)[0]
    assert found["comment"] == "a[2Jb می\u200cخواهم\u200f é"
    assert found["rater"] == "Anna B."


def test_one_page_is_one_person_and_one_person_one_page(run: Any, tmp_path: Path) -> None:
    list(make_pages(run, 2))
    list(take_in(run, (filled(run, tmp_path / "1.json", 1, "A", rater="Anna"),)))
    with pytest.raises(BadAnswers, match="other answers already"):
        list(take_in(run, (filled(run, tmp_path / "b.json", 1, "B", rater="Beat"),)))
    with pytest.raises(BadAnswers, match="answered another page"):
        list(take_in(run, (filled(run, tmp_path / "2.json", 2, "A", rater="ANNA"),)))
    assert len(read_json(run.path / RATINGS)) == 3


def test_a_run_built_anew_starts_anew_and_keeps_what_was_rated(tmp_path: Path) -> None:
    old = opened(finished_run(tmp_path / "run"))
    list(make_pages(old, 1))
    answers = filled(old, tmp_path / "a.json")
    list(take_in(old, (answers,)))
    new = opened(finished_run(tmp_path / "run", seed=5))
    with pytest.raises(PlanError, match="as it is now"):
        list(take_in(new, (answers,)))
    list(make_pages(new, 1))
    [aside] = tmp_path.glob("run/rate-*")
    assert (aside / RATINGS).exists()
    assert not (new.path / RATINGS).exists()
    with pytest.raises(BadAnswers, match="another run"):
        list(take_in(new, (answers,)))


def test_a_run_that_goes_back_to_an_earlier_build_takes_up_its_ratings(tmp_path: Path) -> None:
    answers = filled_pages(opened(finished_run(tmp_path / "run")), tmp_path / "a.json")
    for seed in (5, 0, 5, 0):
        run = opened(finished_run(tmp_path / "run", seed=seed))
        list(make_pages(run, 1))
        assert (run.path / RATINGS).exists() == (seed == 0)
    list(take_in(run, (answers,)))
    assert len(read_json(run.path / "rate" / "key.json")["pages"]) == 2


def filled_pages(run: Any, path: Path) -> Path:
    list(make_pages(run, 2))
    answers = filled(run, path)
    list(take_in(run, (answers,)))
    return answers


@pytest.mark.parametrize(
    "key",
    [
        [],
        {"findings": "../../../tmp/elsewhere", "pages": {"a": {"rater": 1, "items": {}}}},
        {"findings": 5, "pages": {}},
        {"findings": "0" * 64, "pages": [1]},
        {"findings": "0" * 64, "pages": {"a": {"rater": 1, "items": {"x": {"prompt": 1}}}}},
    ],
)
def test_a_key_that_is_none_leads_nowhere_and_is_written_anew(run: Any, key: Any) -> None:
    list(make_pages(run, 1))
    good = read_json(run.path / "rate" / "key.json")
    write_json(run.path / "rate" / "key.json", key)
    list(make_pages(run, 1))
    assert read_json(run.path / "rate" / "key.json") == good
    assert not list(run.path.glob("rate-*"))


@pytest.mark.parametrize(
    "content",
    ["{", "[]", '{"samples": "abc"}', '{"samples": [null]}', '{"samples": [{"prompt": "p"}]}'],
)
def test_answers_of_the_models_that_cannot_be_read_are_told(run: Any, content: str) -> None:
    path = run.newest("findings").path / "findings.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(PlanError, match="damaged, or of another version"):
        list(make_pages(run, 1))


def test_halves_of_letters_break_no_page_and_no_ratings(tmp_path: Path) -> None:
    run = opened(finished_run(tmp_path / "run"))
    path = run.newest("findings").path / "findings.json"
    told = json.dumps({"samples": [{**PAIR[0], "prompt": "\ud800p", "before": "\x00b\udfff"}]})
    path.write_text(told, encoding="utf-8")
    plan = read_json(tmp_path / "run" / "plan.json")
    plan["pack"]["locale"]["endonym"] = "\ud800x"
    (tmp_path / "run" / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    run = opened(tmp_path / "run")
    [page] = pages(run, 1)
    assert "\ufffdp" in text_of(page)
    list(take_in(run, (filled(run, tmp_path / "a.json"),)))
    assert read_json(run.path / RATINGS)[0]["prompt"] == "\ufffdp"


def test_without_pages_there_is_nothing_to_add_to(run: Any, tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {})
    with pytest.raises(PlanError, match="no page was made"):
        list(take_in(run, (tmp_path / "x.json",)))


def test_the_command_line_needs_add_for_answers(run: Any, tmp_path: Path) -> None:
    from locale_tune_release.rate_command import command

    for arguments in ([str(run.path), "x.json"], [str(run.path), "--add"]):
        done = CliRunner().invoke(command, arguments)
        assert done.exit_code == 2
        assert "give --add" in done.output


def test_a_run_without_a_release_keeps_its_ratings_and_says_where(tmp_path: Path) -> None:
    from locale_tune_release.rate_command import command

    run = opened(finished_run(tmp_path / "run", without=["release"]))
    pages(run)
    answers = filled(run, tmp_path / "a.json")
    done = CliRunner().invoke(command, [str(run.path), "--add", str(answers)])
    assert done.exit_code == 0, done.output
    assert (run.path / RATINGS).exists()
    assert RATINGS in done.output.splitlines()[-1]


@given(st.binary(max_size=300))
def test_no_bytes_get_through_or_crash(tmp_path_factory: pytest.TempPathFactory, content) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.json"
    path.write_bytes(content)
    with pytest.raises(BadAnswers):
        read_answers(path, key_of(PAIR, "f", 0, 1))


def test_ratings_of_nobody_are_none() -> None:
    assert ratings([], key_of(PAIR, "f", 0, 1), PAIR) == []
    assert summary([])["interval"] is None
