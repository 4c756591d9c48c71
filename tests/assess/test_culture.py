"""Questions of culture by theme and language, and cloze questions."""

from __future__ import annotations

import pyarrow.parquet as pq

from locale_tune_assess.culture import culture
from locale_tune_assess.settings import AssessSettings


def test_accuracy_by_language_and_theme(make_context, fake, question):
    asked = [question(f"r{i}", culture="customs", date="2025-01", reference="x") for i in range(6)]
    asked += [question(f"f{i}", right="other one", culture="food") for i in range(2)]
    asked += [question(f"a{i}", "arb", culture="customs") for i in range(5)]
    asked += [question(f"p{i}") for i in range(5)]  # no tag: not of culture
    context = make_context(
        fake("before", likes="bad"), fake("after", likes="right"), questions=asked
    )
    findings = list(culture(context))
    assert [(f.check, f.on, f.n) for f in findings] == [
        ("culture", "roh", 8),
        ("culture", "arb", 5),
    ]
    assert (findings[0].before, findings[0].after) == (0.0, 75.0)
    assert findings[0].section == "culture"
    assert "guessing would give 25 %" in findings[0].note
    themes = {(row["on"], row["theme"]): row for row in context.shown["culture"]}
    assert themes["roh", "customs"]["after"] == 100.0
    assert themes["roh", "food"]["after"] == 0.0
    assert themes["roh", "food"]["n"] == 2
    row = pq.read_table(context.out / "items" / "culture-roh.parquet").to_pylist()[-1]
    assert {row["theme"], row["date"], row["reference"]} >= {""}
    rows = pq.read_table(context.out / "items" / "culture-roh.parquet").to_pylist()
    assert {(row["date"], row["reference"]) for row in rows if row["theme"] == "customs"} == {
        ("2025-01", "x")
    }


def test_cloze_is_a_finding_of_its_own(make_context, fake, question):
    asked = [question(f"c{i}", format="cloze") for i in range(6)]
    context = make_context(fake("before"), fake("after", likes="right"), questions=asked)
    [finding] = culture(context)
    assert (finding.check, finding.section, finding.after) == ("cloze", "language", 100.0)
    assert "culture" not in context.shown


def test_each_theme_is_drawn_by_itself(make_context, question):
    asked = [question(f"{theme}{i}", culture=theme) for theme in ("a", "b") for i in range(9)]
    context = make_context(settings=AssessSettings(max_questions=4), questions=asked)
    [finding] = culture(context)
    assert finding.n == 8
    assert [row["n"] for row in context.shown["culture"]] == [4, 4]


def test_both_halves_count(make_context, question):
    halves = [question(f"q{i}", culture="a", split="dev" if i % 2 else "test") for i in range(8)]
    [finding] = culture(make_context(questions=halves))
    assert finding.n == 8


def test_no_question_is_no_finding(make_context, question):
    assert list(culture(make_context(questions=[question("a")]))) == []
