"""The page's tables of languages told apart and of what a choice of lessons cost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lxml import html
from release_page import text_of
from release_support import example

from locale_tune_release.gather import gather
from locale_tune_release.page import render_page
from locale_tune_release.settings import ReleaseSettings

CONFUSION = {"labels": ["arz", "ar-gulf"], "counts": [[90, 10], [4, 1196]]}
WEIGHTS = {"parameters": 4, "dtypes": ["F32"], "bytes": 93, "left_out": []}
FACTS = {
    "filters": {"language-id": {"confusion": CONFUSION, "accuracy": {"arz": 0.9}}},
    "diversity": {
        "before": {"lessons": 100.0, "vendi": 12.5, "distinct_1": 0.2},
        "after": {"lessons": 20.0, "vendi": 15.25, "distinct_1": 0.41},
    },
    "kept": {"culture": {"food": [40, 9], "كرم": [60, 11]}, "lang": {"afb": [100, 20]}},
    "licence": {"spdx": "MIT", "prices": [{"licence": "never among the facts"}]},
}


def said_of(folder: Path) -> dict[str, Any]:
    return gather(example(folder).job(), WEIGHTS)


@pytest.fixture
def page(tmp_path: Path) -> Any:
    said = said_of(tmp_path)
    said["steps"][0]["facts"] |= FACTS
    return html.fromstring(render_page(said, ReleaseSettings()))


def table(page: Any, words: str) -> list[list[str]]:
    (found,) = [t for t in page.iter("table") if words in text_of(t.find("caption"))]
    return [[text_of(cell) for cell in row] for row in found.iter("tr")]


def test_who_was_taken_for_whom_is_a_table(page: Any) -> None:
    assert table(page, "Languages told apart") == [
        ["Text in", "arz", "ar-gulf", "Right"],
        ["arz", "90", "10", "90.0 %"],
        ["ar-gulf", "4", "1,196", "99.7 %"],
    ]


def test_a_choice_of_lessons_is_a_table(page: Any) -> None:
    rows = table(page, "The lessons before and after")
    assert rows[1:3] == [["lessons", "100", "20"], ["vendi", "12.5", "15.2"]]
    assert ["culture food", "9 of 40"] in rows
    assert not any(row[0].startswith("lang") for row in rows), "one language is no news"
    native = [e for e in page.iter("bdi") if e.text_content() == "كرم"]
    assert {(e.get("lang"), e.get("dir")) for e in native} == {("afb", "rtl")}


def test_what_stands_in_tables_is_not_among_the_facts_of_a_step(page: Any) -> None:
    (training,) = page.xpath("//section[@id='training']") or [page]
    text = text_of(training)
    assert "never among the facts" not in text
    assert "counts" not in text


@pytest.mark.parametrize(
    "facts",
    [
        {"filters": {"f": {"confusion": 3}}, "diversity": []},
        {"filters": {"f": {"confusion": {"labels": ["a"], "counts": [["x"]]}}}},
        {
            "filters": {"f": 1},
            "diversity": {"before": {"lessons": "many"}, "after": {"lessons": 1}},
        },
        {"kept": {"a": {"b": 1, "c": [1]}}, "diversity": {"before": {"a": 1}, "after": {"a": 2}}},
    ],
)
def test_facts_of_another_shape_break_nothing(tmp_path: Path, facts: dict[str, Any]) -> None:
    said = said_of(tmp_path)
    said["steps"][0]["facts"] |= facts
    assert "<html" in render_page(said, ReleaseSettings())
