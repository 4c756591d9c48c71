"""The Gulf Arabic pack against the public suite, and what is particular to it."""

from __future__ import annotations

from pathlib import Path

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
