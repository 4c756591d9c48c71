"""Selectors on small pools whose right picks are plain to see."""

from __future__ import annotations

import numpy as np
import pytest

from locale_tune.api import Message, Pool, Record
from locale_tune_curation import SELECTORS
from locale_tune_curation.clusters import kmeans
from locale_tune_curation.ngrams import ngram_vectors
from locale_tune_curation.pool import labelled, pool_of
from locale_tune_curation.quality import heuristics, stated
from locale_tune_curation.quotas import Quotas
from locale_tune_curation.settings import SelectSettings


def lesson(identity, question, answer, **meta):
    turns = (Message(role="user", content=question), Message(role="assistant", content=answer))
    return Record(id=str(identity), source="s", messages=turns, meta=meta)


def pool(vectors, quality, labels=None, **settings):
    made = SelectSettings(**settings)
    records = [lesson(n, "?", "!") for n in range(len(vectors))]
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    own = labels or [[0] for _ in vectors]
    centres = np.eye(max(map(max, own)) + 1, dtype=np.float32)
    return Pool(
        records,
        lambda: unit.astype(np.float32),
        lambda: np.asarray(quality, np.float64),
        lambda: (own, centres),
        lambda budget: Quotas.free(len(records), budget),
        made,
    )


def blobs(sizes, seed=0):
    pick = np.random.default_rng(seed)
    centres = 10 * np.eye(len(sizes), 8)
    rows = [
        centre + 0.1 * pick.standard_normal((n, 8))
        for centre, n in zip(centres, sizes, strict=True)
    ]
    return np.concatenate(rows)


def test_mdaq_takes_the_best_then_what_is_not_yet_covered():
    vectors = blobs([20, 3, 3, 3])
    quality = (
        [1.0 - 0.01 * n for n in range(20)] + [0.5, 0.4, 0.3] + [0.2, 0.1, 0.05] + [0.6, 0.0, 0.0]
    )
    made = pool(vectors, quality, clusters=4)
    picked = SELECTORS["mdaq"][0](made, 9, 0)
    assert picked[:8] == list(range(8)), "six parts of seven: round(9 * 6 / 7) = 8 for quality"
    assert picked[8] == 26, "the best of the clusters that quality left out"
    made = pool(vectors, quality, clusters=4, mdaq_quality_share=0.5)
    assert SELECTORS["mdaq"][0](made, 8, 0)[4:] == [26, 20, 23, 4], "then a new round begins"


def test_kcenter_covers_every_blob_before_it_comes_back():
    vectors = blobs([5, 5, 5, 5, 5])
    picked = SELECTORS["kcenter"][0](pool(vectors, np.ones(25)), 5, 3)
    assert sorted(index // 5 for index in picked) == [0, 1, 2, 3, 4]
    assert sorted(SELECTORS["kcenter"][0](pool(vectors, np.ones(25)), 99, 3)) == list(range(25))


def test_mig_by_labels_takes_turns():
    made = pool(np.eye(5), [10, 9, 8, 9.5, 1], labels=[[0], [0], [0], [1], [1]])
    assert SELECTORS["mig"][0](made, 3, 0) == [0, 3, 1]


def test_novelselect_begins_where_the_seed_says_and_spreads():
    vectors = blobs([8, 8, 8])
    for seed in range(4):
        picked = SELECTORS["novelselect"][0](pool(vectors, np.ones(24)), 3, seed)
        assert sorted(index // 8 for index in picked) == [0, 1, 2]


def test_kmeans_finds_what_is_apart_and_repeats():
    vectors = blobs([30, 30, 30], 1).astype(np.float32)
    place, centres = kmeans(vectors, 3, 5)
    assert [len(set(place[start : start + 30])) for start in (0, 30, 60)] == [1, 1, 1]
    assert len(set(place)) == 3
    again, same = kmeans(vectors, 3, 5)
    assert (place == again).all()
    assert (centres == same).all()
    assert len(kmeans(vectors[:2], 9, 0)[1]) == 2


ROMANSH = [
    "Il vent sufla tras la val e la naiv crouda sin ils culms.",
    "La naiv crouda e il vent sufla sur ils culms da la val.",
    "La mumma cuschina ina suppa cun tartuffels e chaschiel.",
    "Ils tartuffels èn en la suppa che la mumma ha cuschinà.",
    "Il tren parta da Cuira a las otg e arriva a Samedan.",
    "A las otg parta il tren che arriva a Samedan da Cuira.",
]
ARABIC = [
    "الجو اليوم حار وايد والشمس قوية",
    "الشمس اليوم قوية والجو حار",
    "أمي طبخت مجبوس دجاج للغدا",
    "للغدا مجبوس دجاج طبخته أمي",
]


@pytest.mark.parametrize("texts", [ROMANSH, ARABIC])
def test_texts_of_the_same_words_are_neighbours(texts):
    vectors = ngram_vectors(texts)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    near = vectors @ vectors.T
    np.fill_diagonal(near, -1)
    assert [int(row.argmax()) for row in near] == [n ^ 1 for n in range(len(texts))]


def test_a_text_without_letters_has_no_vector():
    vectors = ngram_vectors(["!!!", "bun di", ""])
    assert (vectors[[0, 2]] == 0).all()


def test_quality_marks_short_repeated_and_wordless_answers_down():
    good = "Il rumantsch vegn discurrì en il chantun Grischun, oravant tut en las valladas."
    records = [
        lesson(n, "?", text) for n, text in enumerate([good, "Gea.", "na " * 60, "#$%! " * 20])
    ]
    scores = heuristics(records)
    assert scores[0] > 0.9
    assert scores[1:].max() < 0.5
    arabic = heuristics(
        [lesson(1, "?", "يتكلمون العربية الخليجية في الكويت والبحرين وقطر والإمارات")]
    )
    assert arabic[0] > 0.9


def test_quality_may_be_stated():
    from locale_tune.api import PluginError

    records = [lesson(1, "?", "!", quality="0.25"), lesson(2, "?", "!", quality="3")]
    assert stated(records).tolist() == [0.25, 3.0]
    with pytest.raises(PluginError, match="'3' of 's' states no number"):
        stated([*records, lesson(3, "?", "!")])


def test_tags_are_labels():
    records = [
        lesson(1, "?", "!", topic="food"),
        lesson(2, "?", "!"),
        lesson(3, "?", "!", topic="sea"),
    ]
    own, vectors = labelled(records, ("topic", "register"), np.eye(3, dtype=np.float32))
    assert own == [[0], [], [1]]
    assert vectors.tolist() == [[1, 0, 0], [0, 0, 1]]


def test_a_pool_finds_out_once():
    made = pool_of([lesson(n, f"Tge è {n}?", ROMANSH[n]) for n in range(6)], SelectSettings(), 0)
    assert made.vectors() is made.vectors()
    assert made.labels() is made.labels()
    assert len(made.quality()) == 6
