"""`rate`: pages that do not tell which model is which, on paper and on a screen."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from finished_support import GULF, finished_run
from rate_support import PAIR, opened, pages
from release_page import text_of

from locale_tune.api import PlanError, read_json
from locale_tune_release.rate_command import make_pages
from locale_tune_release.rate_items import key_of, to_judge
from locale_tune_release.rate_page import CHOICES
from locale_tune_release.rate_words import ENGLISH, words

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


@pytest.fixture
def run(tmp_path: Path) -> Any:
    return opened(finished_run(tmp_path / "run"))


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
