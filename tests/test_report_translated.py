"""The page in the pack's language: its labels, its direction, and English marked as English."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from lxml import html
from markupsafe import Markup
from release_numbers import GULF, RATINGS, ROMANSH
from release_page import page_of, text_nodes, text_of
from release_support import Build, everything, labels_of, said_of

from locale_tune.api import Locale
from locale_tune_release.page import render_page
from locale_tune_release.script import is_script
from locale_tune_release.settings import ReleaseSettings
from locale_tune_release.wording import LRI, PDI, RLI, Wording

# Names and units that stand as they are in any language.
SAME = re.compile(r"^(?:[\W\d_]|float32|JSON|ECE|kB|MB|GB|min|locale-tune|report|json)*$")


def translated(folder: Path, locale: Locale, **ui: str) -> Build:
    build = everything(folder, locale)
    build.ui = {**labels_of(locale), **ui}
    return build


@pytest.fixture(scope="module", params=[GULF, ROMANSH], ids=["ar-gulf", "rm"])
def locale(request: pytest.FixtureRequest) -> Locale:
    return request.param


@pytest.fixture(scope="module")
def page(locale: Locale, tmp_path_factory: pytest.TempPathFactory) -> Any:
    said = said_of(translated(tmp_path_factory.mktemp(locale.id), locale))
    rated = render_page({**said, "ratings": RATINGS}, ReleaseSettings())
    return html.document_fromstring(rated)


def speaks(element: Any) -> tuple[str, str]:
    """Return the language and direction that hold for an element's text."""
    lang = direction = ""
    while element is not None:
        lang = lang or element.get("lang", "")
        direction = direction or element.get("dir", "")
        element = element.getparent()
    return lang, direction or "ltr"


def visible(page: Any) -> Iterator[tuple[Any, str]]:
    for element, text in text_nodes(page):
        if text.strip() and element.tag not in ("style", "code", "pre"):
            yield element, text


def test_language_and_direction_of_the_page_are_the_packs(page: Any, locale: Locale) -> None:
    assert page.get("lang") == locale.tag
    assert (page.get("dir") or "ltr") == locale.direction


def test_headings_and_columns_are_translated(page: Any, locale: Locale) -> None:
    ui = labels_of(locale)
    headings = [text_of(heading) for heading in page.xpath("//section/h2")]
    shown = ["results", "reliability", "tokenizer", "varieties", "samples", "collapse", "more"]
    assert headings == [ui[name] for name in [*shown, "data", "cost", "training", "raw"]]
    assert [text_of(link) for link in page.xpath("//nav//a")] == headings
    columns = page.xpath("//table[@class='results']/thead//th")
    names = ("what", "read-as", "base", "localized", "change")
    assert [text_of(column) for column in columns[:5]] == [ui[name] for name in names]
    assert {text_of(e) for e in page.xpath("//td/span[starts-with(@class, 'verdict')]")} >= {
        ui["better"],
        ui["worse"],
        ui["unclear"],
        ui["measured"],
    }


def test_latin_words_on_an_arabic_page_are_marked(tmp_path: Path) -> None:
    page = page_of(translated(tmp_path, GULF))
    for element, text in visible(page):
        lang, direction = speaks(element)
        words = re.sub(r"[\u2066-\u2069\ufffd]", "", text)
        native = element.xpath("ancestor-or-self::*[contains(@class, 'native')]")
        if re.search("[A-Za-z]{2}", words) and not (native or SAME.match(words.strip())):
            ours = any(is_script(char, "Arab") for char in words)
            assert ours or (lang != "afb" or direction == "ltr"), text
        if any(is_script(char, "Arab") for char in words):
            assert (lang, direction) == ("afb", "rtl"), text


def test_what_stays_english_says_so(page: Any) -> None:
    for text in ("a property of the tokenizer, not a score", "How many new tokens pay", "passed"):
        holders = [e for e, t in visible(page) if t.strip() == text]
        assert holders, text
        assert {speaks(holder) for holder in holders} == {("en", "ltr")}


def test_a_label_that_is_missing_is_english_and_marked(tmp_path: Path) -> None:
    build = translated(tmp_path, GULF)
    del build.ui["results"]
    heading = page_of(build).xpath("//section[@id='results']/h2")[0]
    assert text_of(heading) == "Before and after"
    (mark,) = heading
    assert (mark.tag, mark.get("lang"), mark.get("dir")) == ("bdi", "en", "ltr")


def test_numbers_are_isolated_on_right_to_left_pages(tmp_path: Path) -> None:
    """A minus sign would stand behind its number otherwise."""
    page = page_of(translated(tmp_path, GULF))
    for element, text in visible(page):
        if re.search(r"[−+]\d", text) and not element.xpath("ancestor::svg"):
            assert speaks(element)[1] == "ltr", text
            assert element.tag in ("bdi", "code", "text") or element.get("dir"), text


def test_pictures_read_from_the_left_and_their_words_are_isolated(tmp_path: Path) -> None:
    page = page_of(translated(tmp_path, GULF))
    assert re.search(r"svg \{[^}]*direction: ltr", page.xpath("//style")[0].text)
    words = [text_of(e) for e in page.xpath("//svg[@class='chart']/text")]
    arabic = [text for text in words if any(is_script(char, "Arab") for char in text)]
    assert len(arabic) >= 8
    assert all(text.startswith(RLI) and text.endswith(PDI) for text in arabic)
    legend = next(text for text in arabic if "ECE" in text)
    assert re.search(f"{LRI}ECE 0\\.\\d+{PDI}", legend)


def test_the_plot_of_changes_has_worse_to_the_left_on_every_page(page: Any) -> None:
    (head,) = page.xpath("//th[contains(@class, 'mid')]")
    assert head.get("dir") == "ltr"


def test_hostile_labels_stay_text(tmp_path: Path) -> None:
    hostile = "<b>{n}</b> & {setting}"
    page = page_of(translated(tmp_path, ROMANSH, **{"bounds-kept": "<b>{n}</b> &"}))
    assert "<b>3</b> &" in text_of(page.xpath("//ul[@class='tiles']")[0])
    said = Wording(ROMANSH, (("note", hostile),)).text("note", n="<i>", setting=Markup("<u>1</u>"))
    assert said == "&lt;b&gt;&lt;i&gt;&lt;/b&gt; &amp; <u>1</u>"


def test_without_labels_the_page_is_english(tmp_path: Path) -> None:
    page = page_of(everything(tmp_path, GULF))
    assert (page.get("lang"), page.get("dir")) == ("en", None)
    assert not page.xpath("//bdi[@lang='en']")


def test_a_setting_keeps_the_page_english(tmp_path: Path) -> None:
    build = translated(tmp_path, GULF)
    build.settings = build.settings.model_copy(update={"page_language": "en"})
    assert page_of(build).get("lang") == "en"


def test_headings_go_down_by_one(page: Any) -> None:
    levels = [int(e.tag[1]) for e in page.iter("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(deeper - level <= 1 for level, deeper in pairwise(levels))


def test_landmarks_are_there_once(page: Any) -> None:
    for landmark in ("header", "main", "footer", "nav"):
        assert len(page.xpath(f"//body//{landmark}")) == 1
    labels = [e.get("aria-label") for e in page.xpath("//*[@role='region']|//nav")]
    assert all(labels)
    assert len(set(labels)) == len(labels)


def test_no_verdict_is_told_by_colour_alone(page: Any) -> None:
    marks = page.xpath("//*[contains(@class, 'verdict')]")
    assert len(marks) > 8
    assert all(text_of(mark) for mark in marks)
    shapes = {
        verdict: {e.tag for e in page.xpath(f"//svg/*[@class='dot {verdict}']")}
        for verdict in ("better", "worse", "unclear")
    }
    assert shapes == {"better": {"rect"}, "worse": {"path"}, "unclear": {"circle"}}


def test_the_numbers_of_a_small_plot_stand_in_its_row(page: Any) -> None:
    for picture in page.xpath("//svg[@class='spark']"):
        (row,) = picture.xpath("ancestor::tr")
        told = re.sub(f"[{RLI}{LRI}{PDI}]", "", text_of(picture.xpath("./desc")[0]))
        numbers = re.findall(r"[−+]?\d[\d.,]*\d", told)
        assert len(numbers) == 3
        assert all(number in text_of(row) for number in numbers)
