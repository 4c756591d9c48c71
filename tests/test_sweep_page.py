"""The page of a sweep: every number drawn also stands in the table, and nothing is loaded."""

from __future__ import annotations

from typing import Any

import pytest
from lxml import html
from sweep_support import sweep_of, trials

from locale_tune.curves import Axis, Sweep, Trial
from locale_tune_release.sweep_page import chart, each_trial, render_sweep, table

SMOOTHING = Axis(setting="tune.label_smoothing", values=("0", "0.1"))
OVER = Axis(setting="tune.smooth_over", values=("vocabulary", "language"))
POINTS = {
    ("0", "vocabulary"): [(50.0, 0.30), (52.0, 0.32)],
    ("0", "language"): [(50.0, 0.30), (52.0, 0.32)],
    ("0.1", "vocabulary"): [(50.0, 0.20), (50.0, 0.22)],
    ("0.1", "language"): [(51.0, 0.21), (51.0, 0.25)],
}


def grid() -> Sweep:
    return sweep_of([SMOOTHING, OVER], trials(POINTS))


def page(sweep: Sweep) -> Any:
    return html.document_fromstring(render_sweep(sweep))


def test_a_line_is_a_combination_of_the_other_settings() -> None:
    drawn = chart(grid(), "afb", "ece")
    names = [line["name"] for line in drawn["lines"]]
    assert names == ["smooth_over vocabulary", "smooth_over language"]
    assert [len(line["points"]) for line in drawn["lines"]] == [2, 2]
    assert [line["style"] for line in drawn["lines"]] == ["after", "before"]
    assert drawn["lines"][0]["points"][0] == drawn["lines"][1]["points"][0]


def test_places_lie_inside_and_whiskers_reach_one_deviation() -> None:
    drawn = chart(grid(), "afb", "ece")
    points = [point for line in drawn["lines"] for point in line["points"]]
    assert all(0 <= point[name] <= 1 for point in points for name in ("x", "y", "low", "high"))
    assert all(p["y"] - p["low"] == pytest.approx(p["high"] - p["y"]) for p in points)
    assert [place for place, _ in drawn["xticks"]] == [0.25, 0.75]
    higher, lower = drawn["lines"][0]["points"]
    assert higher["y"] > lower["y"]
    scale = float(drawn["yticks"][-1][1]) - float(drawn["yticks"][0][1])
    assert (higher["y"] - lower["y"]) * scale == pytest.approx(0.1)


def test_one_setting_and_one_seed_make_one_line_without_whiskers() -> None:
    found = sweep_of([SMOOTHING], trials({("0",): [(50.0, 0.3)], ("0.1",): [(50.0, 0.3)]}))
    drawn = chart(found, "afb", "ece")
    assert [line["name"] for line in drawn["lines"]] == ["localized"]
    assert all(p["low"] == p["y"] == p["high"] for p in drawn["lines"][0]["points"])
    assert 0 <= drawn["lines"][0]["points"][0]["y"] <= 1


def test_the_table_holds_every_mean_the_base_and_the_choice() -> None:
    rows = table(grid())
    assert rows[0]["texts"] == ["0.300", "25.0", "0.300", "25.0"]
    assert rows[1]["texts"][:2] == ["0.310 \u00b1 0.014", "51.0 \u00b1 1.4"]
    assert [row["name"] for row in rows if row["picked"]] == [
        "label_smoothing 0.1, smooth_over vocabulary"
    ]


def test_every_trial_stands_with_its_seed() -> None:
    rows = each_trial(grid())
    assert len(rows) == 8
    assert (rows[1]["seed"], rows[1]["texts"][:2]) == (1, ["0.320", "52.0"])


def test_each_picture_has_a_title_and_a_description_with_its_numbers() -> None:
    pictures = page(grid()).xpath("//svg")
    assert len(pictures) == 4
    for picture in pictures:
        ids = picture.get("aria-labelledby").split()
        assert [child.get("id") for child in picture[:2]] == ids
        assert [child.tag for child in picture[:2]] == ["title", "desc"]
    assert "label_smoothing 0.1, smooth_over language: 0.230 \u00b1 0.028" in pictures[0][1].text


def test_nothing_is_loaded_and_nothing_runs() -> None:
    found = page(grid())
    assert not found.xpath("//script | //link | //img | //iframe | //@href | //@src")
    assert "://" not in render_sweep(grid())


def test_the_language_is_named_in_its_own_script() -> None:
    (own,) = page(grid()).xpath("//h1/bdi")
    assert (own.get("lang"), own.get("dir")) == ("afb", "rtl")


def test_what_went_wrong_stands_at_the_top() -> None:
    made = trials({("0",): [(50.0, 0.3)]})
    made[0] = made[0].model_copy(update={"broken": ("ECE <is> 0.3; at most 0.25",)})
    made.append(Trial(values=("0.1",), seed=0, failed="the loss is NaN"))
    found = page(sweep_of([SMOOTHING], made))
    told = [item.text_content() for item in found.xpath("//div[@class='alarm']//li")]
    assert told == ["0, seed 0: ECE <is> 0.3; at most 0.25", "0.1, seed 0: the loss is NaN"]
    assert "no result" in found.xpath("string(//section[@id='numbers'])")


def test_without_questions_the_page_says_so() -> None:
    found = page(sweep_of([SMOOTHING], [Trial(values=("0",), seed=0)]))
    assert "Nothing to recommend by" in found.text_content()
    assert not found.xpath("//svg")
