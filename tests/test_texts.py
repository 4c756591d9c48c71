"""What is read of a corpus: draws by hash, and replay text in two disjoint parts."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

from locale_tune.api import Record, write_records
from locale_tune_tokenizer.texts import (
    LINE_CHARS,
    draw,
    is_english,
    lines_of,
    samples,
    training_text,
)


def put(corpus: Path, split: str, texts: list[str], lang: str = "rm", **more: object) -> None:
    write_records(
        corpus / split,
        (Record(id=str(n), source="s", lang=lang, text=t, **more) for n, t in enumerate(texts)),
    )


def numbered(kind: str, count: int) -> list[str]:
    return [f"{kind} line {number}" for number in range(count)]


def test_a_draw_depends_on_the_lines_and_the_seed_alone():
    lines = numbered("a", 200)
    shuffled = random.Random(1).sample(lines, len(lines))
    assert draw(lines, 20, seed=0) == draw(shuffled + lines, 20, seed=0)
    assert draw(lines, 20, seed=0) != draw(lines, 20, seed=1)
    assert len(set(draw(lines, 20, seed=0))) == 20


def test_a_smaller_draw_is_the_head_of_a_larger_one():
    lines = numbered("a", 50)
    assert draw(lines, 30, seed=3)[:10] == draw(lines, 10, seed=3)
    assert draw(lines, 0, seed=3) == []
    assert sorted(draw(lines, 99, seed=3)) == sorted(lines)


def test_a_share_of_the_text_is_drawn_by_hash(tmp_path: Path):
    put(tmp_path, "text", numbered("a", 400))
    some = list(training_text(tmp_path, 0.25, seed=1))
    assert 60 < len(some) < 140
    assert some == list(training_text(tmp_path, 0.25, seed=1))
    assert some != list(training_text(tmp_path, 0.25, seed=2))
    assert list(training_text(tmp_path, 1.0)) == numbered("a", 400)


def test_lines_are_cut_and_empty_ones_dropped():
    records = [Record(id="1", source="s", text="a\n\n  \nb" + "x" * 2 * LINE_CHARS)]
    assert [len(line) for line in lines_of(records)] == [1, LINE_CHARS]


def test_replay_is_protected_or_measured_never_both(tmp_path: Path):
    put(tmp_path, "replay", numbered("replay", 90), "en")
    put(tmp_path, "control", numbered("control", 5), "en")
    drawn = samples(tmp_path, protected_lines=4000, seed=0)
    assert len(drawn.protected) == 60
    assert len(drawn.replay) == 30
    assert not set(drawn.protected) & set(drawn.replay)
    assert not set(drawn.control) & set(drawn.protected)
    few = samples(tmp_path, protected_lines=10, seed=0)
    assert (len(few.protected), len(few.replay)) == (10, 80)


def test_the_target_is_held_out_text_where_there_is_some(tmp_path: Path):
    put(tmp_path, "text", ["text"])
    assert samples(tmp_path, 10, 0).target == ["text"]
    assert samples(tmp_path, 10, 0).target_from == "text"
    put(tmp_path, "heldout", [""])
    assert samples(tmp_path, 10, 0).target_from == "text"
    shutil.rmtree(tmp_path / "heldout")
    put(tmp_path, "heldout", ["held out"])
    assert samples(tmp_path, 10, 0).target == ["held out"]
    assert list(training_text(tmp_path)) == ["text"]


def test_english_comes_from_pairs_before_control(tmp_path: Path):
    put(tmp_path, "control", ["control"], "en-GB")
    drawn = samples(tmp_path, 10, 0)
    assert (drawn.english, drawn.beside) == (["control"], [])
    put(
        tmp_path,
        "parallel",
        ["bun di"],
        translation="good day",
        meta={"translation_lang": "en"},
    )
    drawn = samples(tmp_path, 10, 0)
    assert (drawn.english, drawn.beside) == (["good day"], ["bun di"])


def test_other_languages_are_not_english(tmp_path: Path):
    put(tmp_path, "control", ["guten Tag"], "de")
    assert samples(tmp_path, 10, 0).english == []
    assert [is_english(tag) for tag in ("en", "en_US", "eng", "enm", "de", "")] == [
        True,
        True,
        True,
        False,
        False,
        False,
    ]
