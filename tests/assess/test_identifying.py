"""Labels of texts, from the chances that a filter gives."""

from __future__ import annotations

import pytest
from language_support import (
    ENGLISH,
    FILTER,
    GERMAN,
    ROMANSH,
    SURSILVAN,
    languages_for,
    write_corpus,
)

from locale_tune.api import Filter, LocaleTuneError
from locale_tune_assess.identifying import SCRIPT, SHORT, UNKNOWN


@pytest.fixture
def context(make_context):
    made = make_context()
    write_corpus(made.corpus)
    return made


@pytest.mark.parametrize(
    ("text", "label"),
    [
        (ROMANSH, "rm-rumgr"),
        (SURSILVAN, "rm-sursilv"),
        (GERMAN, "de"),
        (ENGLISH, "en"),
        ("Bun di a tuts", SHORT),
        ("", SHORT),
        ("这 是 一个 大 房子 在 那里 的 村 庄 里", SCRIPT),
    ],
)
def test_a_text_is_a_variety_another_language_or_unclear(context, text, label):
    assert languages_for(context).label(text) == label


def test_varieties_stand_together_against_another_language(context):
    mixed = f"{ROMANSH} {SURSILVAN} haus der und die"  # 4 German words, 3 and 2 Romansh ones
    assert languages_for(context).label(mixed) == "rm-rumgr"


def test_an_unsure_label_is_unknown(context):
    vague = Filter(
        "vague",
        make=FILTER.make,
        chances=lambda locale, settings: lambda text: dict.fromkeys(("de", "it", "en", "fr"), 0.25),
    )
    known = languages_for(context, filters={"vague": vague}, name="vague")
    assert known.label(ROMANSH) == UNKNOWN


def test_without_a_filter_that_can_or_other_languages_nothing_is_known(make_context, doc):
    context = make_context(text=[doc("a", ROMANSH)])
    assert not languages_for(context).known
    assert not languages_for(context, filters={}).known


def test_a_filter_that_cannot_tell_is_named(context):
    other = Filter("length", make=FILTER.make)
    known = languages_for(context, filters={"variety-id": FILTER, "length": other}, name="length")
    with pytest.raises(LocaleTuneError, match="'length' cannot say") as caught:
        _ = known.known
    assert "variety-id" in caught.value.remedy
