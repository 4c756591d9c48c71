"""`rate`: pages that do not tell which model is which, answers that come from anywhere, figures."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from finished_support import GULF, finished_run
from hypothesis import given
from hypothesis import strategies as st
from lxml import html
from release_page import text_of

from locale_tune.api import PlanError, read_json, write_json
from locale_tune_release.rate_answers import MOST_BYTES, BadAnswers, ratings, read_answers
from locale_tune_release.rate_command import make_pages, samples_of, take_in
from locale_tune_release.rate_figures import summary
from locale_tune_release.rate_items import FORMAT, key_of, to_judge
from locale_tune_release.rate_page import CHOICES
from locale_tune_release.rate_words import ENGLISH, words
from locale_tune_release.remake import RATINGS

PAIR = [{"prompt": "p", "lang": "rm", "direction": "ltr", "before": "b", "after": "a"}]
RTL = [
    {"prompt": "شلونك؟", "lang": "afb", "direction": "rtl", "before": "Fine.", "after": "زين"},
    {
        "prompt": "منو؟",
        "lang": "afb",
        "direction": "rtl",
        "before": "</p><script>alert(1)</script>",
        "after": "أنا \x07",
    },
]


def opened(path: Path) -> Any:
    from locale_tune.api import open_run

    return open_run(path)


@pytest.fixture
def run(tmp_path: Path) -> Any:
    return opened(finished_run(tmp_path / "run"))


def pages(run: Any, raters: int = 1) -> list[Any]:
    list(make_pages(run, raters))
    return [
        html.document_fromstring((run.path / "rate" / f"page-{number}.html").read_bytes().decode())
        for number in range(1, raters + 1)
    ]


def filled(run: Any, path: Path, number: int = 1, choice: str = "A", **more: Any) -> Path:
    """Write the answers that page `number` would save, with one choice for all items."""
    key = read_json(run.path / "rate" / "key.json")
    name = next(name for name, page in key["pages"].items() if page["rater"] == number)
    answers = [{"item": item, "choice": choice} for item in key["pages"][name]["items"]]
    write_json(path, {"format": FORMAT, "page": name, "rater": "", "answers": answers, **more})
    return path


def test_prompts_with_equal_answers_are_no_items() -> None:
    same = {**PAIR[0], "before": " a", "after": "a\n"}
    assert to_judge([*PAIR, same, *PAIR]) == [0, 2]


def test_order_is_balanced_between_the_raters_of_a_pair_and_not_always_the_same() -> None:
    key = key_of(PAIR * 40, "f" * 64, 0, 4)
    first, second, third, _ = (
        [item["A"] for item in page["items"].values()] for page in key["pages"].values()
    )
    assert all(a != b for a, b in zip(first, second, strict=True))
    assert 8 < first.count("after") < 32
    assert first != third


def test_the_key_depends_on_seed_and_findings_and_repeats() -> None:
    def key(findings: str, seed: int) -> Any:
        return key_of(PAIR * 20, findings, seed, 2)

    assert key("f", 0) == key("f", 0)
    assert not set(key("f", 0)["pages"]) & (set(key("f", 1)["pages"]) | set(key("g", 0)["pages"]))


def test_a_page_does_not_say_which_answer_is_whose(run: Any) -> None:
    [page] = pages(run)
    source = (run.path / "rate" / "page-1.html").read_text(encoding="utf-8")
    assert not re.search(r"\b(before|after|base(?!-uri)|localized)\b", source, re.IGNORECASE)
    assert run.newest("findings").fingerprint[:12] not in source
    assert len(page.xpath("//fieldset")) == 3  # one of four prompts got two equal answers


def test_pages_of_a_pair_show_the_same_answers_the_other_way_round(run: Any) -> None:
    first, second = ([text_of(a) for a in p.xpath("//*[@class='pair']/div")] for p in pages(run, 2))
    swapped = [text.replace("Answer A", "x").replace("Answer B", "Answer A") for text in second]
    swapped = [text.replace("x", "Answer B") for text in swapped]
    for left, right in zip(first[::2], swapped[1::2], strict=True):
        assert left == right


def test_it_works_as_a_form_on_paper_and_without_its_script(run: Any) -> None:
    [page] = pages(run)
    for fieldset in page.xpath("//fieldset"):
        radios = fieldset.xpath(".//input[@type='radio']")
        assert [radio.get("value") for radio in radios] == list(CHOICES)
        assert {radio.get("name") for radio in radios} == {fieldset.get("data-item")}
        assert all(text_of(radio.getparent()) for radio in radios)
        assert len(fieldset.xpath(".//textarea")) == 1
    assert page.xpath("//button[@id='save'][@hidden]")
    assert not page.xpath("//*[@required]")


def test_nothing_is_loaded_and_only_the_pages_own_script_may_run(run: Any) -> None:
    [page] = pages(run)
    assert not page.xpath("//@src|//@href|//@action|//iframe|//object|//link|//img|//*[@onclick]")
    [script] = page.xpath("//script")
    policy = page.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")[0]
    digest = base64.b64encode(hashlib.sha256(script.text.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy.partition("script-src")[2]


def test_hostile_answers_stay_text_and_have_their_direction(tmp_path: Path) -> None:
    run = opened(finished_run(tmp_path / "gulf", locale=GULF, samples=RTL))
    [page] = pages(run)
    assert len(page.xpath("//script")) == 1
    assert "</p><script>alert(1)</script>" in page.text_content()
    for text in page.xpath("//*[contains(@class, 'native')]"):
        assert text.get("lang")
        assert text.get("dir") in ("rtl", "ltr")
    prompts = page.xpath("//*[contains(@class, 'prompt')]")
    assert {(p.get("lang"), p.get("dir")) for p in prompts} == {("afb", "rtl")}
    answer = page.xpath("//*[contains(@class, 'native')][text()='Fine.']")[0]
    assert (answer.get("lang"), answer.get("dir")) == ("und", "ltr")


def test_the_page_speaks_the_packs_language_only_when_it_is_whole() -> None:
    full = {name: f"{name} بالعربي" for name in ENGLISH}
    assert words(full, GULF)[1:] == ("afb", "rtl")
    short = {name: text for name, text in full.items() if name != "rate-save"}
    assert words(short, GULF) == (ENGLISH, "en", "ltr")


def test_more_pages_leave_the_first_ones_as_they_were(run: Any) -> None:
    pages(run)
    first = (run.path / "rate" / "page-1.html").read_bytes()
    pages(run, 3)
    assert (run.path / "rate" / "page-1.html").read_bytes() == first
    list(make_pages(run, 1))
    assert len(read_json(run.path / "rate" / "key.json")["pages"]) == 3


def test_the_command_says_to_keep_the_key(run: Any) -> None:
    assert any("rate/key.json" in line and "alone" in line for line in make_pages(run, 1))


def test_nothing_to_compare_is_told(tmp_path: Path) -> None:
    equal = [{**PAIR[0], "after": "b"}]
    with pytest.raises(PlanError, match="nothing to compare"):
        list(make_pages(opened(finished_run(tmp_path / "r", samples=equal)), 1))


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


@pytest.mark.skipif(not shutil.which("chromium"), reason="no Chromium on this machine")
@pytest.mark.slow
def test_a_browser_runs_the_script_under_its_policy(run: Any) -> None:
    list(make_pages(run, 1))
    page = run.path / "rate" / "page-1.html"
    shown = subprocess.run(
        ["chromium", "--headless", "--no-sandbox", "--dump-dom", str(page)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert '<button id="save">' in shown  # the script has taken `hidden` away
