"""The Gulf Arabic pack against the public suite, and what is particular to it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from locale_tune.api import read_pack
from locale_tune.testing import LanguageSuite

ROOT = Path(__file__).parents[1] / "locale_tune_ar_gulf"


class TestArGulf(LanguageSuite):
    """Every rule of a language pack."""

    language = "ar-gulf"


def test_standard_arabic_is_never_labelled_gulf() -> None:
    by_lang = {(source.lang, source.role) for source in read_pack(ROOT).sources}
    assert ("arb", "contrast") in by_lang
    assert not {("arb", "text"), ("arb", "lessons")} & by_lang


def test_research_only_text_is_off_by_default() -> None:
    closed = [s for s in read_pack(ROOT).sources if "research-only" in s.licence]
    assert closed
    assert not any(source.on for source in closed)


def test_the_card_names_every_source() -> None:
    card = (ROOT.parent / "README.md").read_text(encoding="utf-8")
    for source in read_pack(ROOT).sources:
        stem = source.id.partition("-")[0]
        assert f"`{source.id}`" in card or f"`{stem}-" in card, source.id


def test_right_to_left_is_said() -> None:
    assert read_pack(ROOT).locale.direction == "rtl"


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
