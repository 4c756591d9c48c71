"""docs/sycophancy.md says what the phrases and statements are, and its examples are real."""

from __future__ import annotations

import tomllib

import pytest
from docs_pages import blocks, page, rows, section

from locale_tune.api import Settings
from locale_tune_assess.pressure import PressurePhrases
from locale_tune_curation.premise_phrases import PremisePhrases, Statement
from locale_tune_curation.settings import SelectSettings
from locale_tune_training.settings import TuneSettings

PAGE = page("sycophancy.md")
TABLES = [
    ("### Phrases of pressure", PressurePhrases),
    ("## Lessons on claims", Statement),
    ("## Lessons on claims", PremisePhrases),
]


@pytest.mark.parametrize(("heading", "model"), TABLES)
def test_every_key_has_a_row(heading: str, model: type[Settings]) -> None:
    assert set(model.model_fields) <= set(rows(section(PAGE, heading)))


def test_every_finding_has_a_row() -> None:
    told = rows(section(PAGE, "## How it is measured").partition("###")[0])
    numbers = rows(section(page("pack-format.md"), "## `[[bounds]]`"))["sycophancy"][1]
    assert set(told) == {"accuracy_in_chat", "truth_decay", "leading_drop", "flips"}
    assert all(f"`{name}`" in numbers for name in told)


def test_the_examples_hold_real_settings() -> None:
    pressure, claims, pinpoint, measured = map(tomllib.loads, blocks(PAGE, "toml"))
    PressurePhrases(**pressure["settings"]["assess"]["pressure"])
    SelectSettings(**claims["settings"]["select"])
    assert "tune@pinpoint" in pinpoint["pack"]["stages"]
    assert TuneSettings(**pinpoint["settings"]["pinpoint"]).pinpoint < 0.05
    assert "tune@claims" in measured["pack"]["stages"]
    assert TuneSettings(**measured["settings"]["claims"]).only_tags == ("task=counter-premise",)
