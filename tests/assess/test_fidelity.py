"""Answers in the sibling, in another variety, and answers that only look like the variety."""

from __future__ import annotations

import pyarrow.parquet as pq
import pytest
from language_support import (
    ENGLISH,
    GERMAN,
    ROMANSH,
    SURSILVAN,
    Speaker,
    languages_for,
    write_corpus,
)

from locale_tune.api import Locale, LocaleTuneError
from locale_tune_assess.fidelity import fidelity
from locale_tune_assess.fluency import guard_of
from locale_tune_assess.markers import Markers
from locale_tune_assess.settings import AssessSettings

LOCALE = Locale(
    id="rm",
    tag="roh",
    script="Latn",
    name="Romansh",
    endonym="rumantsch",
    direction="ltr",
    contrasts=("de", "it"),
)
LOOP = "la chasa la chasa la chasa la chasa da da da da da loop"
SETTINGS = AssessSettings(markers={"rm": ("Flur cotschna", "vitg"), "de": ("und", "kirche")})


@pytest.fixture
def context(make_context):
    def make(before, after, settings=SETTINGS, locale=LOCALE, bits=None):
        base = Speaker("before", before, bits or {"loop": 0.2})
        made = make_context(base, Speaker("after", after), settings=settings, locale=locale)
        write_corpus(made.corpus)
        made.languages = languages_for(made)
        return made

    return make


def found(context):
    return {finding.check: finding for finding in fidelity(context)}


def test_a_model_that_answers_in_the_sibling_is_caught(context):
    findings = found(context(ROMANSH, GERMAN))
    leakage = findings["leakage"]
    assert (leakage.before, leakage.after) == (0.0, 100.0)
    assert leakage.lower_is_better
    assert leakage.verdict == "worse"
    assert leakage.section == "language"
    assert findings["variety_fidelity"].after == 0.0
    assert findings["marker_share"].after == 0.0


def test_another_language_is_no_leakage_and_no_fidelity(context):
    findings = found(context(ROMANSH, ENGLISH))
    assert findings["leakage"].after == 0.0
    assert findings["variety_fidelity"].after == 0.0


def test_the_variety_asked_in_counts(context):
    made = context(ROMANSH, [ROMANSH, SURSILVAN])
    assert found(made)["variety_fidelity"].after == 50.0
    shown = made.shown["varieties"]
    assert shown["asked"] == ["rm-rumgr"]
    assert shown["labels"] == ["rm-rumgr", "rm-sursilv"]
    assert (shown["before"], shown["after"]) == ([[10, 0]], [[5, 5]])
    assert shown["native"] == {"rm-rumgr": 26}


def test_what_surprises_the_base_too_little_is_guarded_out_and_said(context):
    made = context(ROMANSH, [ROMANSH, LOOP])
    findings = found(made)
    assert findings["variety_fidelity"].after == 50.0
    assert (
        "0 answers before and 5 after were in it but outside" in findings["variety_fidelity"].note
    )
    assert made.shown["varieties"]["guarded_out"] == [0, 5]
    low, high = made.shown["varieties"]["range"]
    assert 1.99 < low < high < 2.1


def test_gibberish_is_guarded_out(context):
    made = context(ROMANSH, ROMANSH, bits={"zzz": 9.0})
    noise = "chasa da chasa da zzz zzz zzz zzz zzz"
    made.after.says = noise
    assert found(made)["variety_fidelity"].after == 0.0


def test_without_enough_native_text_there_is_no_guard(make_context, doc):
    made = make_context(
        Speaker("before", ROMANSH),
        Speaker("after", LOOP),
        locale=LOCALE,
        prompts=("Tge?",) * 6,
        text=[doc("a", ROMANSH)],
        contrast=[doc("d", GERMAN, "de")],
    )
    made.languages = languages_for(made)
    assert "no fluency guard" in found(made)["variety_fidelity"].note
    assert guard_of([1.0] * 19) is None


def test_markers_are_counted_and_tried_on_real_text(context):
    made = context([ROMANSH, SURSILVAN.replace("vitg", "liug").replace("flur", "rosa")], GERMAN)
    findings = found(made)
    assert findings["marker_share"].before == 50.0
    tried = made.shown["varieties"]["markers"]
    assert tried["rm"] == {"before": 50.0, "after": 0.0, "native": 100.0, "others": {"de": 0.0}}
    assert tried["de"]["others"] == {"de": 100.0}


def test_markers_of_a_label_that_means_nothing_are_named(context):
    settings = AssessSettings(markers={"rm-vallader": ("uossa",)})
    with pytest.raises(LocaleTuneError, match="markers of 'rm-vallader'"):
        found(context(ROMANSH, ROMANSH, settings=settings))


def test_without_contrasts_there_is_no_leakage(context):
    plain = LOCALE.model_copy(update={"contrasts": ()})
    settings = AssessSettings()
    assert set(found(context(ROMANSH, ROMANSH, settings, plain))) == {"variety_fidelity"}


def test_a_sibling_that_nobody_knows_is_no_proof(context):
    # The identifier has learnt German, not Italian: it could never find Italian in an answer.
    assert found(context(ROMANSH, ROMANSH))["leakage"].label == (
        "Answers in German instead of Romansh"
    )


def test_without_a_sibling_that_is_known_there_is_no_leakage(context):
    unknown = LOCALE.model_copy(update={"contrasts": ("it",)})
    made = context(ROMANSH, ROMANSH, AssessSettings(), unknown)
    assert set(found(made)) == {"variety_fidelity"}


def test_short_answers_are_shown_and_not_judged(context):
    made = context(ROMANSH, ["Gea.", ROMANSH])
    findings = found(made)
    assert findings["leakage"].after == 0.0
    assert "5 after can be judged" in findings["leakage"].note
    assert made.shown["varieties"]["labels"][-1] == "too short"
    assert made.shown["varieties"]["after"][0][-1] == 5


def test_silence_leaves_a_bound_without_a_number(context):
    assert found(context(ROMANSH, "")) == {}


def test_items_keep_every_answer_with_its_label(context):
    made = context(ROMANSH, [GERMAN, ""])
    list(fidelity(made))
    rows = pq.read_table(made.out / "items" / "fidelity-roh.parquet").to_pylist()
    assert [row["found_after"] for row in rows[:2]] == ["de", "too short"]
    assert rows[1]["bits_after"] is None
    assert rows[0]["asked"] == "rm-rumgr"


def test_markers_fold_little_and_may_be_phrases():
    markers = Markers({"a": ("Fitg bain", "d’ina")})
    assert markers.found("Fitg, bain! E d’ina.") == {"a": {"fitg bain", "d ina"}}
    assert not markers.says("fitg ed bain", ["a"])


def test_a_marker_that_the_prompt_holds_is_an_echo():
    markers = Markers({"a": ("tge", "quai")})
    assert markers.says("«Tge» is a word. Quai è bun.", ["a"], "Tge è quest?")
    assert not markers.says("«Tge» is a word.", ["a"], "Tge è quest?")
