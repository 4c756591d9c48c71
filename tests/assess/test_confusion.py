"""Language confusion: lines and words of answers in another language."""

from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq
import pytest
from language_support import ENGLISH, GERMAN, ROMANSH, Speaker, languages_for, write_corpus

from locale_tune_assess.asking import without_echo
from locale_tune_assess.confusion import confusion, native, read, usual_length

MIXED = f"{ROMANSH}\n{GERMAN}"
SLIP = "la chasa gronda e la flur cotschna dasper la kirche en il vitg da la val"
SHORT = "Gea, bun."


@pytest.fixture
def context(make_context):
    def make(before, after, **more):
        made = make_context(Speaker("before", before), Speaker("after", after), **more)
        write_corpus(made.corpus)
        made.languages = languages_for(made)
        return made

    return make


def found(context):
    return {finding.check: finding for finding in confusion(context)}


def test_one_wrong_line_fails_an_answer(context):
    findings = found(context([ROMANSH, MIXED], ROMANSH))
    lines = findings["line_pass_rate"]
    assert (lines.before, lines.after) == (50.0, 100.0)
    assert lines.on == "roh"
    assert lines.unit == "%"
    assert not lines.lower_is_better


def test_a_foreign_word_fails_an_answer_whose_lines_passed(context):
    findings = found(context([ROMANSH, SLIP], [GERMAN, ROMANSH]))
    words = findings["word_pass_rate"]
    assert words.before == 50.0
    assert words.after == 100.0, "of the answers whose lines passed only"
    assert "5 after can be judged" in words.note


def test_answers_too_short_to_test_are_never_passes(context):
    made = context([ROMANSH, SHORT], [GERMAN, SHORT])
    findings = found(made)
    np.testing.assert_allclose(findings["line_pass_rate"].before, 100.0)
    np.testing.assert_allclose(findings["line_pass_rate"].after, 0.0)
    assert made.shown["confusion"]["untested"] == [5, 5]
    assert "word_pass_rate" not in findings, "no answer's lines passed after tuning"


def test_a_line_that_repeats_the_prompt_is_not_tested(make_context, doc):
    made = make_context(
        Speaker("before", ROMANSH),
        Speaker("after", f"{ROMANSH}\n\n{GERMAN}"),
        prompts=(ROMANSH,) * 6,
        text=[doc("a", ROMANSH)],
        contrast=[doc("d", GERMAN, "de")],
    )
    made.languages = languages_for(made)
    list(confusion(made))
    assert made.shown["confusion"]["untested"] == [6, 0]
    assert made.shown["confusion"]["lines"] == {"de": [0, 6]}
    assert without_echo("Tge?\nGea, bun.", "Tge?") == "Gea, bun."


def test_a_model_that_says_nothing_has_no_rate(context):
    made = context(ROMANSH, "")
    assert found(made) == {}
    assert made.shown["confusion"]["untested"] == [0, 10]


def test_what_was_found_is_shown_and_kept(context):
    made = context([ROMANSH, MIXED], [ENGLISH, SLIP])
    list(confusion(made))
    shown = made.shown["confusion"]
    assert shown["lines"] == {"de": [5, 0], "en": [0, 5], "rm-rumgr": [10, 5]}
    assert shown["words"]["de"][1] == 5
    assert shown["native"] == {"texts": 26, "lines": 100.0, "words": 100.0}
    assert shown["accuracy"] == {"rm-rumgr": 1.0}
    rows = pq.read_table(made.out / "items" / "confusion-roh.parquet").to_pylist()
    assert rows[1]["lines_before"] == ["rm-rumgr", "de"]
    assert rows[1]["words_after"] == ["kirche"]


def test_without_prompts_or_an_identifier_nothing_is_measured(make_context):
    bare = make_context(Speaker("before", ROMANSH), Speaker("after", ROMANSH), prompts=("Tge?",))
    assert list(confusion(bare)) == []
    assert bare.shown == {}


def test_the_prompts_of_the_report_are_asked_where_a_pack_has_no_others(make_context, doc):
    made = make_context(
        Speaker("before", ROMANSH),
        Speaker("after", ROMANSH),
        prompts=("Co vai?", "Tge è?"),
        text=[doc("a", ROMANSH)],
        contrast=[doc("d", GERMAN, "de")],
    )
    made.languages = languages_for(made)
    list(confusion(made))
    assert made.before.asked == ["Co vai?", "Tge è?"]


def test_an_answer_reads_by_line(context):
    made = context("", "")
    reading = read(f"{SHORT}\n{ROMANSH}\n{GERMAN}", made.languages)
    assert reading.lines == ("rm-rumgr", "de")
    assert reading.line_pass is False
    assert reading.word_pass is None


def test_native_text_is_as_long_as_an_answer_in_every_script(make_context, doc):
    made = make_context(
        heldout=[doc("a", "东京是日本的首都" * 20, group="a"), doc("b", " \n", group="b")]
    )
    assert native(made, 10) == [("东京是日本的首都" * 2)[:10]]
    assert usual_length([["东京是日本的首都" * 2]]) == 16
