"""The checks on models that are tables of numbers."""

from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq
import pytest

from locale_tune.api import Record
from locale_tune_assess.fertility import fertility, shown_text
from locale_tune_assess.held_out import bits_per_byte
from locale_tune_assess.samples import samples
from locale_tune_assess.settings import AssessSettings
from locale_tune_assess.translation import chosen_pairs, chrf, chrf_rows, tidy


def pair(name: str, text: str = "Il lai è blau.", lang: str = "roh", other: str = "en") -> Record:
    return Record(
        id=name,
        source="own",
        lang=lang,
        text=text,
        translation="The lake is blue.",
        meta={"translation_lang": other},
    )


def test_bits_per_byte_on_native_text_and_each_control(make_context, fake, doc) -> None:
    context = make_context(
        fake("before", bits=2.0),
        fake("after", bits=1.5),
        heldout=[doc(str(i), "è" * (i + 1)) for i in range(8)],
        control=[doc(f"{lang}{i}", "text", lang) for lang in ("en", "de") for i in range(6)],
    )
    findings = list(bits_per_byte(context))
    assert [finding.on for finding in findings] == ["roh", "de", "en"]
    assert findings[0].label == "Held-out Romansh text, bits per byte"
    assert findings[2].label == "English control text, bits per byte"
    for finding in findings:
        np.testing.assert_allclose((finding.before, finding.after), (2.0, 1.5))
        np.testing.assert_allclose(finding.interval, (-0.5, -0.5))
        assert finding.lower_is_better
        assert finding.verdict == "better"
    assert [finding.n for finding in findings] == [8, 6, 6]
    rows = pq.read_table(context.out / "items" / "bits_per_byte-roh.parquet").to_pylist()
    assert [row["bytes"] for row in rows] == [2 * (i + 1) for i in range(8)]


def test_each_model_is_visited_once_for_all_languages(make_context, fake, doc) -> None:
    before, after = fake("before"), fake("after")
    control = [doc("e", "text", "en"), doc("d", "text", "de")]
    list(bits_per_byte(make_context(before, after, heldout=[doc("a", "tgi")], control=control)))
    assert (before.calls, after.calls) == (["nll"], ["nll"])


def test_documents_of_one_group_count_as_one(make_context, doc) -> None:
    grouped = [doc(str(i), "text", group=f"book {i % 3}") for i in range(12)]
    (finding,) = bits_per_byte(make_context(heldout=grouped))
    assert finding.interval is None
    assert finding.verdict == "measured"
    assert "over 3 groups" in finding.note


def test_control_text_of_a_held_out_language_has_a_name_of_its_own(make_context, doc) -> None:
    context = make_context(heldout=[doc("a", "lai")], control=[doc("b", "um", "rm")])
    assert [finding.on for finding in bits_per_byte(context)] == ["roh", "roh-control"]


def test_texts_that_a_tokenizer_changes_are_told(make_context, doc) -> None:
    documents = [doc(str(i), "naiv ☃" if i < 2 else "naiv") for i in range(6)]
    (finding,) = bits_per_byte(make_context(heldout=documents))
    assert "2 of all 6 texts are changed by a tokenizer" in finding.note


def test_no_documents_are_no_finding(make_context, doc) -> None:
    context = make_context(heldout=[doc("a", "  \n")])
    assert list(bits_per_byte(context)) == []
    assert context.before.calls == []


def test_at_most_so_many_documents(make_context, doc) -> None:
    settings = AssessSettings(max_documents=6)
    context = make_context(settings=settings, heldout=[doc(str(i), f"text {i}") for i in range(20)])
    assert [finding.n for finding in bits_per_byte(context)] == [6]


def test_fertility_is_measured_not_judged(make_context, fake, doc) -> None:
    context = make_context(
        fake("before", step=2),
        fake("after", step=4),
        heldout=[doc(str(i), "ün grond lai blau") for i in range(6)],
        control=[doc("e", "a deep blue lake", "en")],
    )
    findings = {finding.check: finding for finding in fertility(context)}
    words = findings["tokens_per_word"]
    # 17 letters (18 bytes) are 9 tokens of 2 and 5 of 4, for 4 words.
    np.testing.assert_allclose((words.before, words.after), (9 / 4, 5 / 4))
    size = findings["bytes_per_token"]
    np.testing.assert_allclose((size.before, size.after), (18 / 9, 18 / 5))
    parity = findings["parity"]
    np.testing.assert_allclose((parity.before, parity.after), (9 / 8, 5 / 4))
    assert "English control" in parity.note
    assert {finding.verdict for finding in findings.values()} == {"measured"}
    assert (words.lower_is_better, size.lower_is_better) == (True, False)
    assert context.before.calls == []


def test_parity_prefers_sentences_of_the_same_content(make_context, fake, doc) -> None:
    context = make_context(
        fake("before", step=1),
        fake("after", step=1),
        heldout=[doc("a", "in lai")],
        control=[doc("e", "lake " * 50, "en")],
        parallel=[pair("p")],
    )
    parity = {finding.check: finding for finding in fertility(context)}["parity"]
    np.testing.assert_allclose(parity.after, len("Il lai è blau.") / len("The lake is blue."))
    assert "1 sentence pairs" in parity.note


def test_without_english_there_is_no_parity(make_context, doc) -> None:
    context = make_context(heldout=[doc("a", "in lai")])
    assert [finding.check for finding in fertility(context)] == [
        "tokens_per_word",
        "bytes_per_token",
    ]
    assert context.shown["tokenizer"]["parity_before"] is None


def test_the_report_shows_how_texts_are_cut(make_context, fake, doc) -> None:
    context = make_context(
        fake("before", step=2), fake("after", step=3), heldout=[doc("a", "\nin lai\nblau")]
    )
    list(fertility(context))
    (row,) = context.shown["tokenizer"]["rows"]
    assert (row["text"], row["lang"], row["direction"]) == ("in lai", "roh", "ltr")
    assert row["before"] == [(0, 2), (2, 4), (4, 6)]
    assert row["after"] == [(0, 3), (3, 6)]


def test_shown_texts_end_at_a_word() -> None:
    text = shown_text("pled " * 100)
    assert len(text) <= 160
    assert text.endswith("pled")


def test_shown_texts_without_spaces_end_at_a_whole_letter() -> None:
    for letter in ("ก็", "हि", "👩\u200d"):
        text = shown_text("ก" * 159 + letter + "ก" * 9)
        assert text.rstrip("ก") == "", letter
    assert shown_text("ก" * 200) == "ก" * 160


def test_chrf_sees_a_better_translation(make_context, fake) -> None:
    pairs = [pair(str(i)) for i in range(8)]
    after = fake("after", likes="Il lai è\n blau.")
    context = make_context(fake("before", likes="zzz"), after, parallel=pairs)
    finding, back = chrf(context)
    np.testing.assert_allclose(finding.after, 100.0)
    assert finding.before < 5
    assert finding.verdict == "better"
    assert (finding.on, finding.section) == ("roh", "language")
    assert finding.label == "Translation from English into Romansh, chrF++"
    assert (back.on, back.label) == ("en", "Translation from Romansh into English, chrF++")
    assert back.after < 50, "it answers in Romansh in both directions"
    assert "nw:2" in finding.note
    assert "version:" in finding.note


def test_chrf_of_sums_is_the_corpus_score_of_sacrebleu() -> None:
    from sacrebleu.metrics.chrf import CHRF

    hypotheses = ["Il lai blau.", "", "Ina chasa gronda e bella", "شلونك اليوم"]
    references = ["Il lai è blau.", "In um", "Ina chasa gronda", "شلونك اليوم يا خوي"]
    rows, statistic, signature = chrf_rows(hypotheses, references)
    score = CHRF(word_order=2).corpus_score(hypotheses, [references]).score
    np.testing.assert_allclose(statistic(rows.sum(axis=0, keepdims=True)), [score])
    assert rows.shape == (4, 24)
    assert signature.startswith("nrefs:1")


def test_translation_goes_from_english_if_it_can(make_context) -> None:
    german = [pair(f"d{i}", other="de") for i in range(9)]
    english = [pair("e0"), pair("e1", lang="en", other="roh"), pair("e2", text=" ")]
    chosen = chosen_pairs(make_context(parallel=[*german, *english]))
    assert sorted(one.id for one in chosen) == ["e0", "e1"]
    turned = next(one for one in chosen if one.id == "e1")
    assert (turned.source, turned.reference) == ("Il lai è blau.", "The lake is blue.")


def test_translation_from_another_language_when_there_is_no_english(make_context) -> None:
    context = make_context(parallel=[pair(str(i), other="de") for i in range(5)])
    finding, back = chrf(context)
    assert "from German" in finding.label
    assert back.on == "de"


def test_pairs_of_other_languages_are_not_ours(make_context) -> None:
    assert list(chrf(make_context(parallel=[pair("a", lang="en", other="de")]))) == []


def test_both_directions_are_asked_at_once_and_kept(make_context, fake) -> None:
    before, after = fake("before"), fake("after", likes="The lake is blue.")
    context = make_context(before, after, parallel=[pair(str(i)) for i in range(5)])
    into, back = chrf(context)
    assert (before.calls, after.calls) == (["generate"], ["generate"])
    np.testing.assert_allclose(back.after, 100.0)
    assert into.after < 50
    rows = pq.read_table(context.out / "items" / "chrf-en.parquet").to_pylist()
    assert {(row["source_lang"], row["source"], row["reference"]) for row in rows} == {
        ("roh", "Il lai è blau.", "The lake is blue.")
    }


@pytest.mark.parametrize(("step", "limit"), [(1, 16), (2, 10), (9, 4)])
def test_a_finer_tokenizer_gets_more_tokens(make_context, fake, step: int, limit: int) -> None:
    # The reference has 14 letters: 14, 7 or 2 tokens; at least 4 and at most 16 are granted.
    # Back into English it has 17: 17, 9 or 2 tokens.
    after = fake("after", step=step)
    settings = AssessSettings(max_new_tokens=4)
    list(chrf(make_context(fake("before"), after, settings, parallel=[pair("a")])))
    assert after.limits == [limit, {1: 16, 2: 13, 9: 4}[step]]


def test_a_translation_is_one_line() -> None:
    assert tidy(" a\n\n b\tc ") == "a b c"


def test_samples_are_the_packs_prompts_as_they_are(make_context, fake) -> None:
    context = make_context(
        fake("before", likes="Hello"), fake("after", likes="Allegra"), prompts=("Bun di!",)
    )
    assert list(samples(context)) == []
    assert context.shown["samples"] == [
        {
            "prompt": "Bun di!",
            "lang": "roh",
            "direction": "ltr",
            "before": "Hello",
            "after": "Allegra",
        }
    ]


def test_without_prompts_no_model_is_asked(make_context) -> None:
    context = make_context()
    assert list(samples(context)) == []
    assert context.before.calls == []
