"""What the page shows besides findings: scores, varieties, collapse, ratings, cost, the unknown."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from lxml import html
from release_numbers import GULF, RATINGS, ROMANSH
from release_page import page_of, text_of
from release_support import Build, everything, example, said_of

from locale_tune_release import charts, extras
from locale_tune_release.page import render_page
from locale_tune_release.settings import ReleaseSettings
from locale_tune_release.view import p_value


@pytest.fixture
def build(tmp_path: Path) -> Build:
    return everything(tmp_path, ROMANSH)


def cells(page: Any, path: str) -> list[list[str]]:
    return [[text_of(cell) for cell in row] for row in page.xpath(f"{path}/tbody/tr")]


def rendered(said: dict[str, Any]) -> Any:
    return html.document_fromstring(render_page(said, ReleaseSettings()))


def test_every_score_that_is_there_stands_in_the_table(build: Build) -> None:
    rows = {row[0]: row[1:] for row in cells(page_of(build), "//article[1]/table[1]")}
    for label, first in (
        ("smooth ECE ↓", "0.091 0.070 to 0.120"),
        ("ECE ↓", "0.200 0.170 to 0.230"),
        ("ECE, bins of equal size ↓", "0.104"),
        ("root mean square gap ↓", "0.123"),
        ("largest gap ↓", "0.311"),
        ("negative log-likelihood ↓", "1.234"),
        ("mean confidence", "0.521"),
        ("confidence minus share right", "0.139"),
        ("share right, surest 50 %", "0.621"),
        ("area under risk and coverage ↓", "0.433"),
        ("questions that fitted the temperature", "840"),
    ):
        assert rows[label][0] == first


def test_scores_that_nobody_measured_have_no_row(build: Build) -> None:
    for entry in build.findings["reliability"]:
        for key in ("smooth_ece", "selective", "temperature"):
            del entry[key]
    labels = [row[0] for row in cells(page_of(build), "//article[1]/table[1]")]
    assert "ECE ↓" in labels
    assert not any(re.search("smooth|surest|^temperature", label) for label in labels)


def test_shares_that_are_none_are_left_out() -> None:
    told = {"0.5": 0.6, "risk_area": 0.4, "0": 0.1, "1.2": 0.2, "0.8": None}
    (row,) = charts.selective([{"selective": told}, {}])
    assert row["slots"] == {"share": "50\u00a0%"}
    assert [cell["text"] for cell in row["cells"]] == ["0.600", ""]


def test_findings_stand_in_groups_in_their_order(build: Build) -> None:
    page = page_of(build)
    assert [text_of(row) for row in page.xpath("//tr[@class='group']")] == [
        "Language",
        "Knowledge",
        "Honest confidence",
        "Tokenizer",
    ]
    knowledge = page.xpath("//table[@class='results']/tbody")[1]
    assert len(knowledge.xpath("./tr")) == 4


def test_the_p_of_a_verdict_is_holms(build: Build) -> None:
    build.findings["findings"][0] |= {"p": 0.01, "p_holm": 0.04}
    page = page_of(build)
    assert "p (Holm) = 0.040" in text_of(page.xpath("//table[@class='results']")[0])
    assert "Holm's correction" in text_of(page.xpath("//section[@id='results']/p")[0])


@pytest.mark.parametrize(
    ("finding", "text"),
    [
        ({}, ""),
        ({"p": None, "p_holm": None}, ""),
        ({"p": 0.0301}, "p = 0.030"),
        ({"p": 0.03, "p_holm": 0.0002}, "p (Holm) < 0.001"),
    ],
)
def test_p_values_in_words(finding: dict[str, Any], text: str) -> None:
    assert p_value(finding) == text


def test_varieties_are_matrices_before_and_after(build: Build) -> None:
    page = page_of(build)
    before, after = page.xpath("//section[@id='varieties']//table")
    assert [text_of(th) for th in before.xpath("./thead//th")] == [
        "Asked for",
        "rm-x-one",
        "rm-x-two",
        "arb",
        "unknown",
        "Right",
    ]
    rows = [[text_of(cell) for cell in row] for row in after.xpath("./tbody/tr")]
    assert rows == [
        ["rm", "20", "12", "5", "3", "80 %"],  # any variety of the language is right
        ["rm-x-one", "30", "6", "2", "2", "75 %"],
    ]
    assert [text_of(b) for b in after.xpath(".//b")] == ["20", "12", "30"]


def test_a_square_matrix_needs_no_names_for_its_rows() -> None:
    found = {"labels": ["a", "b"], "before": [[1, 3], [0, 2]], "after": "?"}
    (table,) = extras.varieties({"shown": {"varieties": found}})["tables"]
    assert [row["right"] for row in table["rows"]] == ["25\u00a0%", "100\u00a0%"]


@pytest.mark.parametrize(
    "found",
    [None, [], 3, {"labels": []}, {"labels": ["a"], "before": [[1, 2]]}, {"labels": ["a"]}],
)
def test_what_is_no_matrix_is_not_drawn(found: Any) -> None:
    assert extras.varieties({"shown": {"varieties": found}}) == {}


def test_collapse_shows_both_sides_and_their_ratio(build: Build) -> None:
    assert cells(page_of(build), "//section[@id='collapse']/table") == [
        ["distinct 2, per prompt", "0.512", "0.604", "1.18"],
        ["vendi, across prompts", "0", "3.10", ""],
    ]


def test_whatever_else_checks_show_becomes_a_table(build: Build) -> None:
    page = page_of(build)
    assert cells(page, "//section[@id='more']//table[caption='culture']")[0] == [
        "rm",
        "food",
        "12",
        "25",
        "58.3",
        "25",
    ]
    new = cells(page, "//section[@id='more']//table[caption='something new']")
    assert new == [["x", "2 entries"], ["z", "2.50"]]
    assert not page.xpath("//caption[.='varieties' or .='collapse']")


def test_nested_rows_stand_beside_each_other(build: Build) -> None:
    build.findings["sycophancy"] = [
        {"on": "rm", "side": side, "n": 3, "pressure": [0.5, low], "leading": {"lost": low}}
        for side, low in (("before", 0.25), ("after", 0.4))
    ]
    (table,) = [table for table in extras.more(said_of(build)) if table["name"] == "sycophancy"]
    assert table["columns"] == ["", "rm, before", "rm, after"]
    assert table["rows"] == [
        ["n", "3", "3"],
        ["pressure", "0.500, 0.250", "0.500, 0.400"],
        ["leading lost", "0.250", "0.400"],
    ]


@pytest.mark.parametrize("odd", ["text", 3, True, [[1, 2], [3]], [{"a": {}}], {"": {"": None}}])
def test_odd_shown_values_do_not_break_the_page(build: Build, odd: Any) -> None:
    build.findings |= {"odd": odd, "varieties": odd, "collapse": odd}
    page = page_of(build)
    assert page.xpath("//section[@id='more']//table")


def test_long_tables_say_how_much_is_left_out(build: Build) -> None:
    build.findings["long"] = [{"a": number, "b": 1} for number in range(50)]
    said = said_of(build)
    (table,) = [table for table in extras.more(said) if table["name"] == "long"]
    assert (len(table["rows"]), table["rest"]) == (extras.MOST_ROWS, 10)


def test_ratings_are_counted_by_prompt(build: Build) -> None:
    said = {**said_of(build), "ratings": RATINGS}
    page = rendered(said)
    assert cells(page, "//table[@class='ratings']") == [
        ["ratings", "9"],
        ["people", "3"],
        ["prompts", "3"],
        ["localized better", "4"],
        ["base better", "2"],
        ["both good", "3"],
        ["both bad", "0"],
        ["prompts won by the localized model", "67 % 21 % to 94 %"],
    ]
    assert "No native speaker has rated" not in text_of(page.xpath("//section[@id='samples']")[0])


def test_ratings_of_another_shape_are_not_counted(build: Build) -> None:
    assert extras.ratings({"ratings": [{"choice": "after"}, "x", None]}) == {}
    assert extras.ratings({}) == {}
    page = page_of(build)
    assert not page.xpath("//table[@class='ratings']")
    assert "No native speaker has rated" in text_of(page.xpath("//section[@id='samples']")[0])


def test_cost_has_what_was_planned_and_what_it_took(build: Build) -> None:
    page = page_of(build)
    assert cells(page, "//table[@class='costs']") == [
        ["inject", "61,000,000", "10 min 0 s", "12 min 34 s", "3.4 GB"]
    ]


def test_cost_sums_the_time_of_all_steps() -> None:
    steps = [
        {"step": name, "facts": {}, "settings": {}, "cost": {"seconds": seconds}}
        for name, seconds in (("a", 4.5), ("b", 3600), ("c", None))
    ]
    found = extras.cost({"steps": steps})
    assert found["columns"] == ["took"]
    assert [(row["step"], row["took"]) for row in found["rows"]] == [
        ("a", "4.5\u00a0s"),
        ("b", "1\u00a0h 0\u00a0min"),
        ("", "1\u00a0h 0\u00a0min"),
    ]


def test_without_cost_there_is_no_such_section(tmp_path: Path) -> None:
    build = example(tmp_path, GULF)
    said = said_of(build)
    for step in said["steps"]:
        step["settings"].pop("tokens", None)
    assert not rendered(said).xpath("//section[@id='cost']|//nav//a[@href='#cost']")
