"""The report page of hostile, broken, empty and one-sided builds."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from release_numbers import GULF, curve, finding, source
from release_page import page_of, results, text_of
from release_support import example

from locale_tune.api import read_json
from locale_tune_release import run_release

HOSTILE = '</style></title><script>alert(1)</script><img src=x onerror="a()">&amp;{{ 7 * 7 }}\u202e'


def poisoned(value: Any, key: str = "") -> Any:
    """Return the value with the hostile text behind every free text in it."""
    if isinstance(value, dict):
        return {k: poisoned(v, k) for k, v in value.items()}
    if isinstance(value, list):
        return [poisoned(item, key) for item in value]
    fixed = ("verdict", "side", "role", "direction", "lang", "id", "on", "check", "sha256")
    return value + HOSTILE if isinstance(value, str) and key not in fixed else value


def test_hostile_texts_stay_text(tmp_path: Path) -> None:
    for name in ("plain", "hostile"):
        (tmp_path / name).mkdir()
    plain = page_of(example(tmp_path / "plain", GULF))
    build = example(tmp_path / "hostile", GULF)
    build.findings, build.sources = poisoned(build.findings), poisoned(build.sources)
    build.locale = GULF.model_copy(update={"name": HOSTILE, "endonym": HOSTILE})
    build.prompts, build.authors = (HOSTILE,), (HOSTILE,)
    build.facts = {"line": HOSTILE, HOSTILE: HOSTILE}
    page = page_of(build)
    tags = Counter(e.tag for e in page.iter() if isinstance(e.tag, str))
    assert not set(tags) - {e.tag for e in plain.iter() if isinstance(e.tag, str)}
    assert tags["style"] == tags["title"] - len(page.xpath("//svg")) == 1
    assert not page.xpath("//@onerror|//@src")
    assert page.text_content().count("{{ 7 * 7 }}") > 30


def test_numbers_that_are_none_and_broken_letters_do_not_stop_the_page(tmp_path: Path) -> None:
    build = example(tmp_path, GULF)
    build.findings["reliability"][0] |= {"brier": float("nan"), "ece_interval": None}
    build.findings["reliability"][1]["bins"] = []
    build.findings["samples"][0]["after"] = "a\x07b"
    job = build.job()
    path = job.inputs["findings"].path / "findings.json"
    half_a_letter = path.read_text(encoding="utf-8").replace("\\u0007", "\\ud800\\u0007")
    path.write_text(half_a_letter, encoding="utf-8")
    run_release(job)
    assert "a\ufffd\ufffdb" in (job.out / "report.html").read_text(encoding="utf-8")
    assert read_json(job.out / "report.json")["reliability"][0]["brier"] is None


def test_a_build_that_measured_nothing_says_so(tmp_path: Path) -> None:
    build = example(tmp_path, GULF)
    build.findings, build.sources = {"findings": []}, []
    build.prompts, build.bounds, build.authors = (), (), ()
    page = page_of(build)
    text = text_of(page.xpath("//body")[0])
    assert "Nothing was measured." in text
    assert "No check gave a number." in text
    assert "No questions with known answers were measured" in text
    assert "No source was trained on" in text
    assert "none set" in text


def test_without_extension_the_page_says_the_vocabulary_was_kept(tmp_path: Path) -> None:
    job = example(tmp_path, GULF).job()
    for name in ("extension.json", "certificate.json"):
        (job.inputs["model"].made_from["model"].path / name).unlink()
    run_release(job)
    assert "no token was added" in (job.out / "report.html").read_text(encoding="utf-8")


def test_settings_limit_how_much_is_shown_in_pack_order(tmp_path: Path) -> None:
    build = example(tmp_path, GULF)
    build.settings = build.settings.model_copy(update={"samples": 1, "sentences": 2})
    page = page_of(build)
    assert len(page.xpath("//article[@class='sample']")) == 1
    assert len(page.xpath("//figure")) == 2


def test_one_sided_groups_and_findings_are_shown(tmp_path: Path) -> None:
    build = example(tmp_path, GULF)
    build.findings["reliability"] = [curve("only", "afb", "after", 0.1, 50)]
    build.findings["findings"] = [finding("new", "afb", "New", None, 3.0, None, 9)]
    build.sources = [source("a", "MIT", "text", 3, 3, 9)]
    page = page_of(build)
    assert results(page)["New ↑ higher is better new on afb"][:4] == [
        "measured",
        "not measured",
        "3.00",
        "",
    ]
    assert len(page.xpath("//article[@class='diagram']//thead/tr[1]/th")) == 4


def test_text_without_conditions_forces_nothing(tmp_path: Path) -> None:
    build = example(tmp_path, GULF)
    build.sources = [source("a", "CC0-1.0", "text", 3, 3, 9)]
    section = text_of(page_of(build).xpath("//section[@id='data']")[0])
    assert "CC0-1.0 (no conditions): no source asks for more." in section
    assert "decides" not in section


def test_an_empty_answer_is_told_in_the_pages_own_language(tmp_path: Path) -> None:
    build = example(tmp_path, GULF)
    build.findings["samples"][0]["before"] = " \n"
    answer = page_of(build).xpath("//div[@class='answer before']")[0]
    assert text_of(answer) == "Base It ended without a word."
    assert not answer.xpath(".//@lang")


def test_a_note_stands_once_and_rows_point_to_it(tmp_path: Path) -> None:
    build = example(tmp_path, GULF)
    for entry in build.findings["findings"][:3]:
        entry["note"] = "windows of 1024 tokens"
    page = page_of(build)
    notes = [text_of(note) for note in page.xpath("//ol[@class='notes']/li")]
    assert notes == ["windows of 1024 tokens", "a property of the tokenizer, not a score"]
    links = page.xpath("//table[@class='results']//a/@href")
    assert links == ["#note-1", "#note-1", "#note-1", "#note-2"]
