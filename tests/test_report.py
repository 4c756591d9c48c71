"""The report page: one file, nothing from outside, every native text marked, nothing by colour."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from lxml import html
from release_numbers import GULF, ROMANSH, TEXTS, byte_level, curve, finding
from release_page import marked, page_of, released, results, text_nodes, text_of
from release_support import example

from locale_tune.api import Bound, Locale
from locale_tune_release.script import is_script

SCOPES = ("col", "row", "colgroup", "rowgroup")


@pytest.fixture(scope="module", params=[GULF, ROMANSH], ids=["ar-gulf", "rm"])
def locale(request: pytest.FixtureRequest) -> Locale:
    return request.param


@pytest.fixture(scope="module")
def page(locale: Locale, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return page_of(example(tmp_path_factory.mktemp(locale.id), locale))


def test_nothing_runs_and_nothing_comes_from_outside(page: Any) -> None:
    assert not page.xpath("//script|//iframe|//object|//embed|//link|//base|//form|//img|//image")
    for element in page.iter():
        for name, value in element.attrib.items():
            assert not name.startswith("on"), name
            assert name not in ("src", "srcset", "action")
            assert name != "style" or re.fullmatch(r"width: [\d.]+%", value)
            if name.endswith("href"):
                assert value.startswith("#")
                assert page.xpath(f"//*[@id='{value[1:]}']")
    style = page.xpath("//style")[0].text
    assert "url(" not in style
    assert "@import" not in style
    assert page.xpath("//meta[@http-equiv='Content-Security-Policy']/@content") == [
        "default-src 'none'; style-src 'unsafe-inline'"
    ]


def test_page_language_is_the_reports_and_ids_are_unique(page: Any) -> None:
    assert page.get("lang") == "en"
    ids = page.xpath("//@id")
    assert len(ids) == len(set(ids))


def test_every_arabic_letter_stands_under_language_and_direction(tmp_path: Path) -> None:
    build = example(tmp_path, GULF)
    native = "كلام الناس"
    build.findings["findings"][0] |= {"label": f"Quiz {native} 2", "note": native, "unit": native}
    build.sources[0] |= {"credit": f"by {native}, 2025", "uri": f"https://x.example/{native}"}
    build.sources[1]["rejected"] = {native: 3}
    build.sources[4]["problem"] = f"gone: {native}"
    build.authors = (native, "Somebody")
    build.facts = {"line": native, native: [native, "x"]}
    build.bounds = (Bound(check=f"x {native}", max=1),)
    found = [(e, t) for e, t in text_nodes(page_of(build)) if any(is_script(c, "Arab") for c in t)]
    assert len(found) > 60
    for element, text in found:
        assert marked(element) == ("afb", "rtl"), text


def test_romansh_texts_carry_their_language(tmp_path: Path) -> None:
    page = page_of(example(tmp_path, ROMANSH))
    for text in (*TEXTS["rm"], "Co fan ins capuns?", "rumantsch"):
        holders = [e for e in page.iter("p", "bdi") if e.text_content().strip() == text]
        assert holders, text
        assert {(e.get("lang"), e.get("dir")) for e in holders} == {("rm", "ltr")}


def test_an_answer_in_another_script_is_not_called_the_packs_language(tmp_path: Path) -> None:
    page = page_of(example(tmp_path, GULF))
    (answer,) = [e for e in page.iter("p") if text_of(e) == "I am sorry, I do not understand."]
    assert (answer.get("lang"), answer.get("dir")) == ("und", "ltr")


def test_pieces_spell_the_sentence_and_the_count_is_printed(page: Any, locale: Locale) -> None:
    lines = page.xpath("//figure/p[contains(@class, 'pieces')]")
    texts = TEXTS[locale.id]
    assert [line.text_content() for line in lines] == [t for text in texts for t in (text, text)]
    counts = [text_of(b) for b in page.xpath("//figure//div[@class='count']/b")]
    assert counts[0] == str(len(byte_level(texts[0])))
    assert page.xpath("//figure//span[@class='a']")


def test_tables_have_captions_and_scoped_headers(page: Any) -> None:
    tables = page.xpath("//table")
    assert len(tables) > 8
    for table in tables:
        assert text_of(table.find("caption"))
        assert table.xpath(".//th")
        assert all(th.get("scope") in SCOPES for th in table.xpath(".//th"))
        assert not any(th.text_content().strip() == "" for th in table.xpath(".//th"))


def test_wide_tables_scroll_with_the_keyboard_too(page: Any) -> None:
    for table in page.xpath("//table[@class='results' or @class='sources']"):
        holder = table.getparent()
        assert holder.get("class") == "scroll"
        assert (holder.get("tabindex"), holder.get("role")) == ("0", "region")
        assert holder.get("aria-label")


def test_pictures_have_title_description_and_role(page: Any) -> None:
    pictures = page.xpath("//svg")
    assert len(pictures) >= 8
    for picture in pictures:
        assert picture.get("role") == "img"
        title, description = picture.xpath("./title")[0], picture.xpath("./desc")[0]
        assert text_of(title)
        assert text_of(description)
        named = picture.get("aria-labelledby").split()
        assert named == [title.get("id"), description.get("id")]


def test_every_point_of_a_diagram_stands_in_its_table(page: Any) -> None:
    articles = page.xpath("//article[@class='diagram']")
    assert len(articles) == 2
    for article, gap in zip(articles, (0.24, 0.07), strict=True):
        cells = {text_of(cell) for cell in article.xpath(".//td")}
        for side, bend in (("before", gap), ("after", gap / 3)):
            entry = curve("", "", side, bend, 842)
            points = [b for b in entry["bins"] if b[0]]
            marks = article.xpath(f".//svg//*[contains(@class, 'mark {side}')]")
            assert len(marks) == len(points) + 1, "one mark a bin, and one in the legend"
            for count, confidence, share, _, _ in points:
                assert {str(count), f"{confidence:.3f}", f"{share:.3f}"} <= cells


def test_both_sides_have_intervals_in_the_diagram(page: Any) -> None:
    chart = page.xpath("//svg[@class='chart']")[0]
    points = len([b for b in curve("", "", "before", 0.24, 842)["bins"] if b[0]])
    for side in ("before", "after"):
        assert len(chart.xpath(f"./path[@class='whisker {side}']")) == points


def test_lines_differ_in_dashes_and_markers_not_only_in_colour(page: Any) -> None:
    style = page.xpath("//style")[0].text
    assert re.search(r"\.line\.before \{[^}]*stroke-dasharray", style)
    assert not re.search(r"\.line\.after \{[^}]*stroke-dasharray", style)
    chart = page.xpath("//svg[@class='chart']")[0]
    assert {e.tag for e in chart.xpath(".//*[@class='mark before']")} == {"circle"}
    assert {e.tag for e in chart.xpath(".//*[@class='mark after']")} == {"rect"}


def test_results_say_verdict_numbers_and_direction_in_words(tmp_path: Path) -> None:
    rows = results(page_of(example(tmp_path, GULF)))
    worse = next(cells for label, cells in rows.items() if label.startswith("Standard Arabic"))
    assert worse[:4] == ["worse", "49.8", "48.1", "−1.7 −2.9 to −0.5"]
    lower = next(label for label in rows if label.startswith("Held-out Gulf Arabic text ↓"))
    assert "↓ lower is better, in bits per UTF-8 byte" in lower
    english = next(cells for label, cells in rows.items() if label.startswith("English"))
    assert english[0] == "no clear change bound kept: change of at least −2"
    words = {cells[0].split(" bound")[0] for cells in rows.values()}
    assert words == {"better", "worse", "no clear change", "measured"}


def test_better_is_to_the_right_whatever_the_direction_of_the_measure(tmp_path: Path) -> None:
    build = example(tmp_path, GULF)
    page = page_of(build)
    for row in page.xpath("//table[@class='results']/tbody/tr[not(@class)]"):
        for dot in row.xpath(".//rect[contains(@class, 'dot better')]"):
            assert float(dot.get("x")) > 84
        for dot in row.xpath(".//path[contains(@class, 'dot worse')]"):
            assert float(re.match(r"M([\d.]+)", dot.get("d"))[1]) < 84


def test_what_align_changed_is_not_said_of_the_base(tmp_path: Path) -> None:
    build = example(tmp_path, GULF)
    more = {"section": "align", "lower_is_better": True}
    guard = finding(
        "align.ece",
        "afb",
        "ECE, since align",
        0.1,
        0.2,
        (0.05, 0.15),
        60,
        **more,
    )
    build.findings["findings"].append(guard)
    page = page_of(build)
    (row,) = page.xpath("//tr[th[contains(., 'since align')]]")
    assert row.xpath("td/@data-label")[0] == "Before"
    (heading,) = row.xpath("../tr[@class='group']")
    assert "compared with the model before it" in text_of(heading)
    # Nobody set a bound on it, and a build with align has one all the same.
    assert text_of(row.xpath(".//span[@class='bound kept']")[0]).startswith("bound kept: change")


def test_what_got_worse_is_repeated_in_a_sentence(tmp_path: Path) -> None:
    page = page_of(example(tmp_path, GULF))
    (callout,) = page.xpath("//div[@class='callout worse']")
    assert "Standard Arabic: 49.8 to 48.1" in text_of(callout)
    assert "English" not in text_of(callout)


def test_broken_bounds_open_the_page(tmp_path: Path) -> None:
    build = example(tmp_path, GULF)
    build.bounds = (
        Bound(check="knowledge", on="arb", of="change", min=-1),
        Bound(check="silence", max=1),
    )
    page = page_of(build)
    (alarm,) = page.xpath("//header//div[@class='alarm']")
    assert "Broken bounds: 2." in text_of(alarm)
    assert "'silence'" in text_of(alarm)
    assert "2 of 2 broken" in text_of(page.xpath("//ul[@class='tiles']")[0])
    (bound,) = page.xpath("//table[@class='results']//span[@class='bound broken']")
    assert text_of(bound) == "bound broken: change of at least −1"


def test_data_shows_counts_reasons_licences_and_what_was_missing(tmp_path: Path) -> None:
    page = page_of(example(tmp_path, GULF))
    table = text_of(page.xpath("//table[@class='sources']")[0])
    assert "412,000 of 1,100,000" in table
    assert "516,000 another language (47\u00a0%)" in table.replace("(47 %)", "(47\u00a0%)")
    assert "tweets" not in table
    section = text_of(page.xpath("//section[@id='data']")[0])
    assert "CC-BY-NC-4.0 (no commercial use): 1 source forces it" in section
    assert "Without it: CC-BY-SA-4.0" in section
    assert "tweets : the file was not found on this machine" in section


def test_the_price_of_each_milder_licence_is_shown(tmp_path: Path) -> None:
    page = page_of(example(tmp_path, GULF))
    rows = [
        [text_of(cell).replace("\u00a0", " ") for cell in row]
        for row in page.xpath("//table[@class='prices']/tbody/tr")
    ]
    assert rows == [
        ["CC-BY-NC-4.0", "stories (1.4 MB)", "1.4 MB", "0.6 %", "CC-BY-SA-4.0 share alike"],
        ["CC-BY-SA-4.0", "english (60 MB)", "61.4 MB", "25 %", "CC-BY-4.0 attribution"],
    ]


def test_training_lists_every_step_oldest_first(tmp_path: Path) -> None:
    page = page_of(example(tmp_path, GULF))
    names = [text_of(h).split(" makes")[0] for h in page.xpath("//ol[@class='steps']//h3")]
    assert names == ["collect", "base", "extend", "inject", "assess"]
    inject = text_of(page.xpath("//ol[@class='steps']/li")[3])
    assert "loss 3.412 -> 2.204" in inject
    assert "61,000,000" in inject


def test_raw_json_on_the_page_is_report_json(tmp_path: Path) -> None:
    out = released(example(tmp_path, GULF))
    page = html.document_fromstring((out / "report.html").read_bytes().decode())
    raw = page.xpath("//section[@id='raw']//pre")[0].text_content()
    assert raw.strip() == (out / "report.json").read_text(encoding="utf-8").strip()
