"""Fates: the first copy stays, whatever the rest of the corpus and however it is cut."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from corpus_support import source

from locale_tune.api import Message, Record, Source
from locale_tune_corpus.choose import Chooser, Fate
from locale_tune_corpus.fold import fold
from locale_tune_corpus.keys import KeyWriter
from locale_tune_corpus.parts import Part
from locale_tune_corpus.sketch import bands, similar, sketches

LONG = (
    "Il rumantsch grischun è ina lingua da scrittira che è vegnida stgaffida per incumbensa "
    "da la Lia Rumantscha, e vegn duvrada oravant tut en documents uffizials dal chantun."
)
Choose = Callable[..., list[list[str]]]


def record(text: str = "", **more: object) -> Record:
    return Record.model_validate({"id": text, "source": "s", "text": text, **more})


@pytest.fixture
def choose(tmp_path: Path) -> Choose:
    """Return the fates, by source, of {source: records}, read in parts of `cut` records."""

    def run(
        given: dict[Source, list[Record]], near: float = 0.8, cut: int = 10**6
    ) -> list[list[str]]:
        parts, folders, owners = [], [], []
        for place, (made, records) in enumerate(given.items()):
            for start in range(0, len(records), cut):
                name = f"{len(list(tmp_path.iterdir()))}-{made.id}"
                folder = tmp_path / name
                folder.mkdir()
                with KeyWriter(folder, 0, made.role == "text" and near > 0) as keys:
                    for item in records[start : start + cut]:
                        keys.add(item)
                parts.append(Part(made, folder, name, 1))
                folders.append(folder)
                owners.append(place)
        chooser = Chooser(parts, folders, near)
        chooser.drop_copies()
        chooser.drop_disputed()
        fates: list[list[str]] = [[] for _ in given]
        for number, owner in enumerate(owners):
            fates[owner] += [Fate(fate).name for fate in chooser.of(number)]
        return fates

    return run


def test_the_same_words_are_a_copy(choose: Choose) -> None:
    records = [record("Bun di a tuts!"), record("bun di, a TUTS"), record("Bun di.")]
    assert choose({source(): records}) == [["KEEP", "COPY", "KEEP"]]


def test_roles_do_not_mix(choose: Choose) -> None:
    given = {source("c", role="contrast"): [record(LONG)], source("t"): [record(LONG)]}
    assert choose(given) == [["KEEP"], ["KEEP"]]


def test_a_small_change_is_a_near_copy_and_another_text_is_not(choose: Choose) -> None:
    records = [record(LONG), record(LONG.replace("oravant tut", "surtut")), record(LONG[::-1])]
    assert choose({source(): records}) == [["KEEP", "NEAR", "KEEP"]]


def test_near_copies_can_stay(choose: Choose) -> None:
    assert choose({source(): [record(LONG), record(LONG + " Gea.")]}, near=0) == [["KEEP", "KEEP"]]


def test_lessons_from_one_template_are_no_near_copies(choose: Choose) -> None:
    def lesson(word: str) -> Record:
        turns = (Message(role="user", content=f"{LONG} Tge munta «{word}»?"),)
        return record(messages=turns)

    lessons = [lesson("chasa"), lesson("chaste")]
    assert choose({source(role="lessons"): lessons}) == [["KEEP", "KEEP"]]


def test_words_that_differ_in_case_alone_stay_in_a_lexicon(choose: Choose) -> None:
    assert choose({source(role="lexicon"): [record("Weg"), record("weg")]}) == [["KEEP", "KEEP"]]


def test_a_copy_of_a_near_copy_is_left_out_too(choose: Choose) -> None:
    near = LONG.replace("oravant tut", "surtut")
    fates = choose({source("a"): [record(LONG), record(near)], source("b"): [record(near)]})
    assert fates == [["KEEP", "NEAR"], ["NEAR"]]


def test_a_question_with_two_answers_is_disputed(choose: Choose) -> None:
    first = record(question="Tge?", choices=("gea", "na"), answer=0)
    other = record(question="tge", choices=("na", "gea"), answer=0)
    sure = record(question="Nua?", choices=("qua", "là"), answer=1)
    quiz = source(role="questions")
    assert choose({quiz: [first, first, sure]}) == [["KEEP", "COPY", "KEEP"]]
    assert choose({quiz: [first, sure, other, first]}) == [["DISPUTED", "KEEP", "COPY", "COPY"]]


@pytest.mark.parametrize("near", [0.0, 0.8])
def test_a_text_dropped_for_the_cap_takes_no_copy_with_it(choose: Choose, near: float) -> None:
    texts = [f"Il vent sufla tras la val {word}, e la naiv crouda. " * 3 for word in "abc"]
    texts = [text.replace("vent", word * 9) for text, word in zip(texts, "xyz", strict=True)]
    capped = [record(text) for text in texts]
    given = {source("a", cap=1): capped, source("b"): capped, source("c"): capped[:1]}
    first, again, third = choose(given, near)
    assert sorted(first) == ["KEEP", "OVER_CAP", "OVER_CAP"]
    assert [fate == "KEEP" for fate in again] == [fate == "OVER_CAP" for fate in first]
    assert third == ["COPY"], "and the one that stays is remembered"


def jaccard(one: str, other: str) -> float:
    grams = [{f[i : i + 5] for i in range(len(f) - 4)} for f in (fold(one), fold(other))]
    return len(grams[0] & grams[1]) / len(grams[0] | grams[1])


def changed(text: str, share: float, pick: random.Random) -> str:
    words = text.split()
    return " ".join(pick.choice(words) if pick.random() < share else word for word in words)


def variants(count: int) -> list[str]:
    pick = random.Random(0)
    words = LONG.split()
    texts = [" ".join(pick.sample(words, len(words))) for _ in range(count // 4)]
    return [changed(pick.choice(texts), pick.choice([0, 0.02, 0.1]), pick) for _ in range(count)]


@pytest.mark.parametrize("cut", [1, 7, 50])
def test_the_parts_change_nothing(choose: Choose, cut: int) -> None:
    texts = [record(text, id=str(number)) for number, text in enumerate(variants(120))]
    given = {source("a", cap=30): texts[:60], source("b"): texts[60:]}
    whole = choose(given)
    assert choose(given, cut=cut) == whole
    assert {fate for fates in whole for fate in fates} == {"KEEP", "COPY", "NEAR", "OVER_CAP"}


def test_the_fates_are_those_of_comparing_each_with_all_that_stay(choose: Choose) -> None:
    """Without bands: the same sketches, every pair of them."""
    texts = variants(150)
    made = sketches([fold(text) for text in texts])
    kept: list[int] = []
    for row in range(len(texts)):
        if not kept or (similar(made[row], made[kept]) < 0.8).all():
            kept.append(row)
    (fates,) = choose({source(): [record(text, id=str(n)) for n, text in enumerate(texts)]})
    assert [row for row, fate in enumerate(fates) if fate == "KEEP"] == kept
    assert len(kept) < 100


def test_sketches_estimate_the_jaccard_similarity() -> None:
    pick = random.Random(1)
    pairs = [(LONG * 3, changed(LONG * 3, share, pick)) for share in (0, 0.02, 0.1, 0.5) * 25]
    made = [sketches([fold(text) for text in pair]) for pair in pairs]
    off = [similar(s[0], s[1:])[0] - jaccard(*p) for s, p in zip(made, pairs, strict=True)]
    # 120 minima: a standard deviation of at most 0.046
    assert abs(sum(off) / len(off)) < 0.02
    assert max(map(abs, off)) < 0.2


def test_sketches_agree_with_another_library() -> None:
    datasketch: Any = pytest.importorskip("datasketch")
    pick = random.Random(2)
    ours, theirs = [], []
    for share in (0, 0.02, 0.05, 0.1, 0.3) * 20:
        pair = [fold(LONG * 2), fold(changed(LONG * 2, share, pick))]
        made = sketches(pair)
        ours.append(similar(made[0], made[1:])[0])
        hashed = [datasketch.MinHash(num_perm=120, seed=1) for _ in pair]
        for sketch, text in zip(hashed, pair, strict=True):
            sketch.update_batch({text[i : i + 5].encode() for i in range(len(text) - 4)})
        theirs.append(hashed[0].jaccard(hashed[1]))
    assert abs(sum(ours) - sum(theirs)) / 100 < 0.02
    assert max(abs(a - b) for a, b in zip(ours, theirs, strict=True)) < 0.25


def test_similar_texts_share_a_band_and_others_rarely_do() -> None:
    pick = random.Random(3)
    near = missed = 0
    for _ in range(200):
        pair = [LONG * 3, changed(LONG * 3, 0.03, pick)]
        hashed = bands(sketches([fold(text) for text in pair]))
        if jaccard(*pair) >= 0.8:
            near += 1
            missed += not (hashed[0] == hashed[1]).any()
    assert near > 50
    assert missed == 0
    strangers = bands(sketches([fold(text) for text in (LONG, LONG[::-1], "bun di")]))
    assert not (strangers[0] == strangers[1]).any()
    assert not (strangers[0] == strangers[2]).any()
