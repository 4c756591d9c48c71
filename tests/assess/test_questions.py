"""The check `multiple_choice` on two models of made-up numbers."""

from __future__ import annotations

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from locale_tune.api import Locale
from locale_tune_assess.questions import in_order, multiple_choice
from locale_tune_assess.settings import AssessSettings


def test_accuracy_ece_and_brier_per_language(make_context, fake, question) -> None:
    context = make_context(
        fake("before", likes="wrong one"),
        fake("after", likes="right one"),
        questions=[question(f"{lang}{i}", lang) for lang in ("en", "roh") for i in range(8)],
    )
    findings = {(finding.check, finding.on): finding for finding in multiple_choice(context)}
    assert list(findings) == [
        (check, on)
        for on in ("roh", "en")
        for check in ("accuracy", "ece", "brier", "overconfidence")
    ]
    accuracy = findings["accuracy", "roh"]
    assert (accuracy.before, accuracy.after, accuracy.unit) == (0.0, 100.0, "%")
    assert (accuracy.interval, accuracy.verdict, accuracy.n) == ((100.0, 100.0), "better", 8)
    assert accuracy.label == "Romansh questions, accuracy"
    assert "per character" in accuracy.note
    ece = findings["ece", "en"]
    assert ece.label == "English questions, calibration error (ECE, 15 bins)"
    assert (ece.before > 0.9, ece.after < 0.1, ece.verdict) == (True, True, "better")
    assert "smooth ECE" in ece.note
    brier = findings["brier", "en"]
    assert brier.before is not None
    assert brier.before > 1.5
    assert brier.after < 0.1
    surer = findings["overconfidence", "en"]
    assert surer.before is not None
    assert (surer.before > 0.9, surer.after, surer.lower_is_better) == (True, 0.0, True)


def test_equal_models_change_nothing(make_context, question) -> None:
    context = make_context(questions=[question(str(i)) for i in range(8)])
    for finding in multiple_choice(context):
        assert (finding.change, finding.interval) == (0.0, (0.0, 0.0))
        assert finding.verdict == "no clear change"


def test_dev_questions_fit_the_temperature_and_nothing_else(make_context, fake, question) -> None:
    dev = [question(f"d{i}", right="right one" if i % 3 else "odd", split="dev") for i in range(12)]
    test = [question(f"t{i}", split="test") for i in range(7)]
    after = fake("after", likes="right one")
    context = make_context(fake("before", likes="wrong"), after, questions=dev + test)
    findings = list(multiple_choice(context))
    assert {finding.n for finding in findings} == {7}
    rows = context.shown["reliability"]
    assert [(row["side"], row["n"], row["accuracy"]) for row in rows] == [
        ("before", 7, 0.0),
        ("after", 7, 1.0),
    ]
    assert rows[0]["temperature"] > 1 > rows[0]["ece_scaled"]
    items = pq.read_table(context.out / "items" / "multiple_choice-roh.parquet").to_pylist()
    assert [row["split"] for row in items].count("dev") == 12


def test_too_few_dev_questions_fit_no_temperature(make_context, question) -> None:
    records = [question(f"d{i}", split="dev") for i in range(9)] + [question("t")]
    context = make_context(questions=records)
    list(multiple_choice(context))
    assert context.shown["reliability"][0]["temperature"] is None
    assert context.shown["reliability"][0]["ece_scaled"] is None


def test_only_dev_questions_are_no_finding(make_context, question) -> None:
    context = make_context(questions=[question("d", split="dev")])
    assert list(multiple_choice(context)) == []


@pytest.mark.parametrize(
    ("normalise", "words"),
    [("character", "per character"), ("token", "per token"), ("none", "short options")],
)
def test_normalisation_is_a_setting_and_the_note_says_which(
    make_context, question, normalise, words
) -> None:
    context = make_context(
        settings=AssessSettings(resamples=200, normalise=normalise),
        questions=[question(str(i)) for i in range(8)],
    )
    assert all(words in finding.note for finding in multiple_choice(context))
    assert context.shown["reliability"][0]["normalise"] == normalise


def test_a_source_without_halves_is_parted_by_group_and_the_row_says_so(
    make_context, question
) -> None:
    records = [question(str(i), split="", group=f"g{i // 2}") for i in range(60)]
    context = make_context(questions=records)
    findings = list(multiple_choice(context))
    row = context.shown["reliability"][0]
    assert row["halves"] == "drawn by group"
    assert all("halves drawn by group" in finding.note for finding in findings)
    assert row["n"] + row["dev"] == 60
    assert {finding.n for finding in findings} == {row["n"]}


def test_items_carry_the_tags_of_their_question(make_context, question) -> None:
    record = question("a", cultural_sensitivity_label="CS", group="g", where="f:1")
    context = make_context(questions=[record])
    list(multiple_choice(context))
    [row] = pq.read_table(context.out / "items" / "multiple_choice-roh.parquet").to_pylist()
    assert json.loads(row["tags"]) == {"cultural_sensitivity_label": "CS"}


def test_languages_come_own_first_then_siblings_and_english_last() -> None:
    locale = Locale(
        id="ar-gulf",
        tag="afb",
        script="Arab",
        name="Gulf Arabic",
        endonym="x",
        direction="rtl",
        variety_of="ar",
        contrasts=("arz", "arb"),
    )
    tags = ["en", "arb", "afb", "zu", "arz", "fr", "afb"]
    assert in_order(tags, locale) == ["afb", "arb", "arz", "fr", "zu", "en"]


def test_the_finding_and_the_diagram_agree(make_context, fake, question) -> None:
    records = [question(str(i), right="right one" if i % 3 else "odd") for i in range(30)]
    context = make_context(after=fake("after", likes="right one"), questions=records)
    findings = {finding.check: finding for finding in multiple_choice(context)}
    row = context.shown["reliability"][1]
    np.testing.assert_allclose(row["ece"], findings["ece"].after)
    np.testing.assert_allclose(100 * row["accuracy"], findings["accuracy"].after)
    np.testing.assert_allclose(row["brier"], findings["brier"].after)
    np.testing.assert_allclose(max(row["overconfidence"], 0), findings["overconfidence"].after)
    np.testing.assert_allclose(row["change_intervals"]["ece"], findings["ece"].interval, atol=1e-12)
    sections = {name: finding.section for name, finding in findings.items()}
    assert sections.pop("accuracy") == "knowledge"
    assert set(sections.values()) == {"calibration"}
    low, high = row["ece_interval"]
    assert 0 <= low <= high <= 1


def test_the_order_of_questions_does_not_matter(make_context, fake, question, tmp_path) -> None:
    records = [question(str(i), right="right one" if i % 3 else "odd") for i in range(12)]
    context = make_context(after=fake("after", likes="right"), questions=records, control=[])
    straight = list(multiple_choice(context))
    for file in (tmp_path / "corpus" / "questions").iterdir():
        file.unlink()
    from locale_tune.api import write_records

    (tmp_path / "corpus" / "questions").rmdir()
    write_records(tmp_path / "corpus" / "questions", records[::-1])
    for one, other in zip(straight, multiple_choice(context), strict=True):
        np.testing.assert_allclose(one.after, other.after)
        np.testing.assert_allclose(one.interval, other.interval, atol=1e-12)


def test_at_most_so_many_questions_of_each_split(make_context, question) -> None:
    records = [question(f"{split}{i}", split=split) for split in ("dev", "test") for i in range(30)]
    context = make_context(settings=AssessSettings(max_questions=12), questions=records)
    assert {finding.n for finding in multiple_choice(context)} == {12}
