"""The Romansh pack against the public suite, and what is particular to it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from locale_tune.api import read_pack
from locale_tune.testing import LanguageSuite

ROOT = Path(__file__).parents[1] / "locale_tune_rm"
VARIETIES = {"rm-rumgr", "rm-sursilv", "rm-sutsilv", "rm-surmiran", "rm-puter", "rm-vallader"}


class TestRm(LanguageSuite):
    """Every rule of a language pack."""

    language = "rm"


def test_every_variety_has_text_that_needs_no_open_web() -> None:
    texts = [s for s in read_pack(ROOT).sources if s.role == "text" and s.uri.startswith("npm:")]
    assert {source.variety for source in texts} == VARIETIES


def test_word_tables_reserved_for_their_program_are_not_used() -> None:
    uris = [source.uri for source in read_pack(ROOT).sources]
    assert not [uri for uri in uris if "rm-vallader.json" in uri or "rm-puter.json" in uri]


@pytest.mark.parametrize("role", ["control", "questions"])
def test_english_is_measured_beside_romansh(role: str) -> None:
    assert [s for s in read_pack(ROOT).sources if s.role == role and s.lang == "en"]


def test_what_the_project_wrote_is_called_synthetic() -> None:
    own = [s for s in read_pack(ROOT).sources if "locale-tune authors" in s.credit]
    assert own
    assert {source.origin for source in own} == {"synthetic"}


def test_every_question_of_culture_is_dated_and_has_a_reference() -> None:
    rows = rows_of("culture")
    assert len(rows) >= 40
    assert len({row["question"] for row in rows}) == len(rows)
    for row in rows:
        assert len(set(row["choices"])) == 4, row["question"]
        assert row["answer"] == 0, "the pack shuffles"
        assert row["reference"].startswith("https://")
        assert row["date"]


def test_the_prompts_to_measure_with_are_not_those_of_the_report() -> None:
    asked = [row["prompt"] for row in rows_of("prompts")]
    assert len(set(asked)) == 30
    assert not set(asked) & set(read_pack(ROOT).prompts)


def rows_of(name: str) -> list[dict[str, Any]]:
    text = (ROOT / "data" / f"{name}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]
