"""The check `collapse` on models that say what we tell them."""

from __future__ import annotations

import random

import pyarrow.parquet as pq
import pytest
from talking_support import Talker

from locale_tune_assess.collapse import collapse, figures
from locale_tune_assess.settings import AssessSettings

PROMPTS = tuple(f"Dumonda {index}?" for index in range(6))
WORDS = ["il", "lai", "grond", "è", "blau", "e", "profund", "ma", "la", "chasa", "sper", "riva"]


def lively(prompt: str, draw: int) -> str:
    return " ".join(random.Random(f"{prompt}{draw}").choices(WORDS, k=12))


def findings_of(make_context, before: Talker, after: Talker, **settings):
    context = make_context(before, after, AssessSettings(**settings), prompts=PROMPTS)
    return context, {finding.check: finding for finding in collapse(context)}


def test_one_answer_to_everything_is_a_collapse(make_context) -> None:
    stuck = Talker("after", lambda prompt, draw: "la la la la la la", nats=0.01)
    context, found = findings_of(make_context, Talker("before", lively, nats=3.0), stuck, draws=5)
    assert list(found) == ["entropy", "distinct_2", "self_bleu", "vendi"]
    assert {finding.on for finding in found.values()} == {"roh"}
    assert (found["entropy"].before, found["entropy"].after) == (3.0, 0.01)
    assert found["distinct_2"].after == pytest.approx(1 / 25)
    assert found["self_bleu"].after == pytest.approx(1.0)
    assert found["vendi"].after == pytest.approx(1.0)
    for check, lower in {"entropy": False, "distinct_2": False, "self_bleu": True}.items():
        change = found[check].after - found[check].before
        assert found[check].interval is not None
        assert (change > 0) == lower == found[check].lower_is_better
    assert {(finding.verdict, finding.p) for finding in found.values()} == {("measured", None)}
    rows = context.shown["collapse"]
    assert {row["over"] for row in rows} == {"per prompt", "across prompts"}
    across = {row["metric"]: row for row in rows if row["over"] == "across prompts"}
    assert across["vendi"]["after"] == pytest.approx(1.0)
    assert across["vendi"]["before"] > 2
    assert across["vendi"]["ratio"] == pytest.approx(1 / across["vendi"]["before"])


def test_a_model_against_itself_has_not_collapsed(make_context) -> None:
    _, found = findings_of(make_context, Talker("before", lively), Talker("after", lively))
    for finding in found.values():
        assert finding.change == 0.0


def test_long_answers_are_cut_to_one_length() -> None:
    short, long = " ".join(WORDS * 4), " ".join(WORDS * 40)
    assert figures([short, short]) == figures([long, long])


def test_letters_are_counted_where_no_spaces_part_words() -> None:
    # Four letters, four different pairs of five; as one "word" there would be no pair at all.
    assert figures(["東京東京東"])["distinct_2"] == pytest.approx(2 / 4)
    assert figures(["東京東京東"])["words"] == 5


def test_silence_is_no_diversity(make_context) -> None:
    _, found = findings_of(make_context, Talker("before", lively), Talker("after", lambda *_: ""))
    assert found["distinct_2"].after == 0.0
    assert found["vendi"].after == pytest.approx(1.0)


def test_answers_and_figures_are_kept(make_context) -> None:
    context, _ = findings_of(make_context, Talker("before", lively), Talker("after", lively))
    rows = pq.read_table(context.out / "items" / "collapse-roh.parquet").to_pylist()
    assert [row["prompt"] for row in rows] == list(PROMPTS)
    assert rows[0]["answers_before"][0] == lively(PROMPTS[0], 0)
    assert len(rows[0]["answers_after"]) == context.settings.draws


def test_without_prompts_nothing_is_drawn(make_context) -> None:
    assert list(collapse(make_context(Talker("before"), Talker("after")))) == []
