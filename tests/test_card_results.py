"""The card's results: data that the Hub's own reader gives back, and words that hide nothing."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from huggingface_hub import ModelCard, ModelCardData
from huggingface_hub.repocard_data import model_index_to_eval_results
from release_numbers import GULF, ROMANSH, curve, source
from release_support import Build, everything, example, said_of

from locale_tune.api import Locale
from locale_tune_release.card import model_card
from locale_tune_release.card_results import calibration, data_summary, eval_results, unmeasured
from locale_tune_release.view import finding_rows, grouped


@pytest.fixture
def said(tmp_path: Path) -> dict[str, Any]:
    return said_of(everything(tmp_path, GULF))


def section(card: str, heading: str) -> str:
    return card.split(f"\n## {heading}\n")[1].split("\n## ")[0]


@pytest.mark.parametrize("locale", [GULF, ROMANSH], ids=["ar-gulf", "rm"])
def test_the_hubs_reader_gives_every_result_back(tmp_path: Path, locale: Locale) -> None:
    said = said_of(everything(tmp_path, locale))
    written = eval_results(said)
    assert len(written) == len(said["findings"])
    card = ModelCard(model_card(said))  # raises for metadata that the Hub cannot read
    assert card.data.model_name == said["name"]
    read = [dataclasses.replace(result, verified=None) for result in card.data.eval_results]
    assert read == written


def test_the_model_index_is_valid_by_itself(said: dict[str, Any]) -> None:
    front = yaml.safe_load(model_card(said).split("---\n", 2)[1])
    name, results = model_index_to_eval_results(front["model-index"])
    assert (name, len(results)) == ("base-1.7b-ar-gulf", 7)
    again = ModelCardData(model_name=name, eval_results=results).to_dict()["model-index"]
    assert again == front["model-index"]


def test_a_result_says_base_interval_items_and_verdict(said: dict[str, Any]) -> None:
    (worse,) = [result for result in eval_results(said) if result.dataset_config == "arb"]
    assert (worse.metric_type, worse.metric_value) == ("knowledge", 48.1)
    assert worse.metric_args == {
        "items": 1000,
        "base": 49.8,
        "change": pytest.approx(-1.7),
        "interval": [-2.9, -0.5],
        "verdict": "worse",
        "unit": "%",
        "lower_is_better": False,
    }


def test_own_items_do_not_look_like_a_data_set_of_the_hub(said: dict[str, Any]) -> None:
    assert all(" " in result.dataset_type for result in eval_results(said))


def test_a_label_cannot_end_the_front_matter(said: dict[str, Any]) -> None:
    said["findings"][0] |= {"label": "a\n---\nlicense: mit", "unit": "b\n---", "on": "c\n---\n"}
    card = ModelCard(model_card(said))
    assert card.data.license == "cc-by-nc-4.0"
    assert card.data.eval_results[0].metric_name == "a --- license: mit"


def test_findings_without_a_number_are_left_out(tmp_path: Path) -> None:
    said = said_of(example(tmp_path))
    said["findings"][0]["after"] = None
    assert len(eval_results(said)) == 6


def test_a_card_of_a_build_that_measured_nothing_has_no_index(tmp_path: Path) -> None:
    build = example(tmp_path)
    build.findings, build.bounds = {"findings": []}, ()
    card = model_card(said_of(build))
    assert "model-index" not in card
    assert "Nothing was measured." in card
    assert "Honest confidence" not in card
    assert card.count("Not measured: how well it predicts and writes the language; what it") == 1


def test_what_was_not_measured_is_said(said: dict[str, Any]) -> None:
    open_parts = unmeasured(grouped(finding_rows(said)))
    assert open_parts == [
        "what it knows of the culture",
        "what it forgot of other languages",
        "its free answers: variety, copying, instructions",
    ]
    limits = section(model_card(said), "Limits")
    assert all(part in limits for part in open_parts)
    assert "Whether its answers are harmful or unfair was not tested." in limits
    assert "It may slip into related languages: arb." in limits


def test_results_stand_in_parts_with_their_verdicts(said: dict[str, Any]) -> None:
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in section(model_card(said), "What changed").splitlines()
        if line.startswith("| ") and not line.startswith("| Part")
    ]
    assert [row[0] for row in rows if row[0]] == [
        "Language",
        "Knowledge",
        "Honest confidence",
        "Tokenizer",
    ]
    assert len(rows) == 7
    assert {row[-1] for row in rows} == {"better", "worse", "no clear change", "measured"}


def test_the_rule_of_the_verdicts_is_the_one_that_was_used(tmp_path: Path) -> None:
    build = example(tmp_path)
    assert "leaves zero out" in model_card(said_of(build))
    for entry in build.findings["findings"]:
        entry |= {"p": 0.01, "p_holm": 0.07}
    (tmp_path / "again").mkdir()
    holm = model_card(said_of(dataclasses.replace(build, folder=tmp_path / "again")))
    assert "Holm's correction" in holm.replace("&#39;", "'")
    assert "leaves zero out" not in holm


def test_calibration_has_a_table_for_each_set_of_questions(said: dict[str, Any]) -> None:
    tables = calibration(said)
    assert [table["on"] for table in tables] == ["knowledge", "control"]
    rows = dict(tables[0]["rows"])
    assert rows["ECE"] == ["0.200 (0.170 to 0.230)", "0.067 (0.037 to 0.097)"]
    text = section(model_card(said), "Honest confidence")
    assert "| ECE | 0.200 (0.170 to 0.230) | 0.067 (0.037 to 0.097) |" in text
    assert re.search(r"\| knowledge \| Base \| Localized \|\n\|---\|---:\|---:\|\n\| share", text)


def test_calibration_of_one_side_has_one_column(tmp_path: Path) -> None:
    build = example(tmp_path)
    build.findings["reliability"] = [curve("only", "afb", "after", 0.1, 50)]
    text = section(model_card(said_of(build)), "Honest confidence")
    assert "| only | Localized |\n|---|---:|\n" in text


def test_the_data_is_summed_by_origin_and_language(tmp_path: Path) -> None:
    build: Build = example(tmp_path)
    build.sources = [
        source("a", "MIT", "text", 9, 9, 600, lang="afb"),
        source("b", "MIT", "lessons", 9, 9, 300, origin="synthetic"),
        source("c", "MIT", "replay", 9, 9, 100, lang="en"),
        source("d", "MIT", "questions", 9, 9, 999, lang="en"),
    ]
    assert [text.replace("\u00a0", " ") for text in data_summary(said_of(build))] == [
        "There were 1 kB of text to train on, from 3 sources.",
        "By origin: native 70 %, synthetic 30 %.",
        "By language: afb 90 %, en 10 %.",
    ]


def test_without_training_the_summary_says_so(tmp_path: Path) -> None:
    build = example(tmp_path)
    build.sources = []
    assert list(data_summary(said_of(build))) == ["Nothing was trained on."]
