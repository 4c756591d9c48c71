"""The classifier the build trains tells near languages apart, and says so honestly."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from corpus_support import ROMANSH as ROMANSH_ALONE

import locale_tune_corpus
from locale_tune.api import PackError, Record, verified
from locale_tune_corpus.identify import identifier
from locale_tune_corpus.language_id import Verdict, language_id, variety_id

pytestmark = pytest.mark.slow
ROMANSH = ROMANSH_ALONE.model_copy(update={"contrasts": ("de",)})

# Two made-up languages with their own endings: no one's text, and easy to make.
STEMS = "bur cand del fost gran lind mot pels rint sav tolk und vest zaln".split()  # noqa: SIM905 (a list of words reads better so)


def sentence(endings: tuple[str, ...], seed: int) -> str:
    pick = random.Random(seed)
    return " ".join(pick.choice(STEMS) + pick.choice(endings) for _ in range(12))


OWN, OTHER = ("ads", "inas", "ez"), ("ung", "heit", "lich")


Row = tuple[str, str, str]
OWN_TOO = ("iala", "euls", "ow")


def texts(count: int = 300) -> Iterator[Row]:
    for seed in range(count):
        yield "rm", "", sentence(OWN, seed)
        yield "de", "", sentence(OTHER, seed)


def idioms() -> Iterator[Row]:
    for seed in range(200):
        yield "rm", "rm-north", sentence(OWN, seed)
        yield "rm", "rm-south", sentence(OWN_TOO, seed)
        yield "de", "", sentence(OTHER, seed)
    for seed in range(30):  # too few to be told apart: they count for the language
        yield "rm", "rm-east", sentence(OWN, 3000 + seed)


def keep(settings: dict[str, object]) -> Verdict:
    return language_id(ROMANSH, {"seed": 0, **settings})


def judged(filter_: Verdict, text: str, variety: str = "") -> str:
    return filter_(Record(id="1", source="s", text=text, variety=variety))


def test_another_language_is_left_out_and_the_own_kept() -> None:
    facts: dict[str, object] = {}
    fits = keep({"texts": texts, "facts": facts})
    assert facts["accuracy"] == pytest.approx({"de": 1.0, "rm": 1.0}, abs=0.02)
    assert facts["texts"] == {"de": 300, "rm": 300}
    assert all(judged(fits, sentence(OWN, 1000 + n)) == "" for n in range(50))
    assert all(judged(fits, sentence(OTHER, 1000 + n)) == "rather de than rm" for n in range(50))


def test_a_mislabelled_text_cannot_vouch_for_itself() -> None:
    def mixed() -> Iterator[Row]:
        yield from texts()
        for seed in range(10):
            yield "rm", "", sentence(OTHER, 5000 + seed)

    fits = keep({"texts": mixed, "facts": {}})
    assert all(judged(fits, sentence(OTHER, 5000 + seed)) for seed in range(10))


def test_the_same_texts_give_the_same_verdicts() -> None:
    first, second = ({}, {})  # type: dict[str, object], dict[str, object]
    keep({"texts": texts, "facts": first})
    keep({"texts": texts, "facts": second})
    assert first == second


def test_nothing_is_dropped_without_contrast_texts_and_it_is_said() -> None:
    facts: dict[str, object] = {}
    fits = keep(
        {"texts": lambda: iter([("rm", "", sentence(OWN, n)) for n in range(99)]), "facts": facts}
    )
    assert "none to compare with" in str(facts["skipped"])
    assert judged(fits, sentence(OTHER, 1)) == ""


def test_a_greeting_is_not_judged() -> None:
    fits = keep({"texts": texts, "facts": {}})
    assert judged(fits, "undheit lindung") == ""


def test_the_confusion_matrix_counts_every_snippet_once() -> None:
    facts: dict[str, Any] = {}
    keep({"texts": texts, "facts": facts})
    assert facts["confusion"]["labels"] == ["de", "rm"]
    counts = facts["confusion"]["counts"]
    assert [sum(row) for row in counts] == [300, 300]
    assert counts[0][0] / 300 == pytest.approx(facts["accuracy"]["de"], abs=1e-4)


def test_what_was_trained_is_loaded_by_the_next(tmp_path: Path) -> None:
    def never() -> Iterator[Row]:
        raise AssertionError("the texts were read again")

    first, second = ({}, {})  # type: dict[str, Any], dict[str, Any]
    one = keep({"texts": texts, "facts": first, "work": tmp_path})
    other = keep({"texts": never, "facts": second, "work": tmp_path})
    assert first == second
    for seed in range(50):
        text = sentence((*OWN, *OTHER), 7000 + seed)
        assert judged(one, text) == judged(other, text)


def test_a_damaged_model_is_trained_again(tmp_path: Path) -> None:
    keep({"texts": texts, "work": tmp_path})
    model = next(tmp_path.glob("*/half-0.bin"))
    model.write_bytes(model.read_bytes()[:1000])
    facts: dict[str, Any] = {}
    keep({"texts": texts, "facts": facts, "work": tmp_path})
    assert facts["texts"] == {"de": 300, "rm": 300}
    assert verified(model.parent)


def facts_of(work: Path) -> dict[str, Any]:
    return dict(identifier("rm", texts, work=work).facts)


def test_of_two_processes_at_once_one_trains_and_both_know_the_same(tmp_path: Path) -> None:
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        one, other = pool.map(facts_of, [tmp_path, tmp_path])
    assert one == other == facts_of(tmp_path)


def test_too_little_text_is_remembered_too(tmp_path: Path) -> None:
    for _ in range(2):
        known = identifier("rm", lambda: texts(10), work=tmp_path)
        assert not known.models
        assert "skipped" in known.facts


def test_varieties_are_told_apart_and_all_belong_to_the_language() -> None:
    facts: dict[str, Any] = {}
    fits = variety_id(ROMANSH, {"texts": idioms, "facts": facts})
    assert facts["confusion"]["labels"] == ["de", "rm-north", "rm-south"]
    assert min(facts["accuracy"].values()) > 0.95
    for seed in range(20):
        assert judged(fits, sentence(OWN_TOO, 1000 + seed), "rm-north") == ""
        assert judged(fits, sentence(OTHER, 1000 + seed), "rm-north") == "rather de than rm"


def test_a_small_variety_counts_for_the_language() -> None:
    def small() -> Iterator[Row]:
        yield from ((name, variety and "rm-x", text) for name, variety, text in idioms())
        for seed in range(70):
            yield "rm", ("rm-a", "rm-b")[seed % 2], sentence(OWN_TOO, 4000 + seed)

    known = identifier("rm", small, varieties=True)
    assert known.facts["texts"] == {"de": 200, "rm": 70, "rm-x": 430}
    assert known.own == {"rm", "rm-x"}


def test_a_text_of_another_variety_than_stated_can_be_left_out() -> None:
    fits = variety_id(ROMANSH, {"texts": idioms, "own": "stated"})
    wrong = Record(id="1", source="s", text=sentence(OWN_TOO, 1), variety="rm-north")
    assert fits(wrong) == "rather rm-south than rm-north"
    right = wrong.model_copy(update={"variety": "rm-south"})
    assert fits(right) == ""


MARKERS = {"rm": ["chasa", "bun di"], "de": ["haus", "guten tag"]}


def test_markers_decide_where_there_is_no_text_to_learn_from() -> None:
    facts: dict[str, Any] = {}
    fits = keep({"facts": facts, "markers": MARKERS})
    assert judged(fits, "Guten Tag, Ihr Haus!") == "rather de than rm"
    assert judged(fits, "Bun di, tia chasa!") == ""
    assert judged(fits, "Haus, chasa") == ""
    assert judged(fits, "Nothing of it in here, whatever one may say of it") == ""
    assert facts["decided"] == {"markers": 3}


def test_markers_and_the_classifier_decide_together() -> None:
    facts: dict[str, Any] = {}
    fits = keep({"texts": texts, "facts": facts, "markers": {"de": ["haus", "tag", "weg"]}})
    assert judged(fits, sentence(OTHER, 1)) == "rather de than rm"
    assert judged(fits, sentence(OTHER, 1) + " haus") == "rather de than rm"
    assert judged(fits, sentence(OWN, 1)[:60] + " haus") == ""
    assert judged(fits, "haus und weg") == "rather de than rm"
    assert facts["decided"] == {"classifier": 1, "both": 2, "markers": 1}


def test_a_marker_of_the_language_speaks_for_all_its_varieties() -> None:
    fits = variety_id(ROMANSH, {"texts": idioms, "markers": {"rm": ["chasa", "bun"]}})
    mixed = " ".join((sentence(OTHER, 3)[:30], sentence(OWN_TOO, 4)[:30]))
    assert judged(fits, mixed + " chasa bun") == ""


def test_a_marker_list_of_an_unknown_variety_is_a_mistake() -> None:
    with pytest.raises(PackError, match="name 'dee'"):
        keep({"texts": texts, "markers": {"dee": ["haus"]}})


def test_an_option_that_means_nothing_is_a_mistake() -> None:
    with pytest.raises(PackError, match="own is 'state'"):
        keep({"own": "state"})


def test_a_filter_that_knows_languages_says_how_likely_each_is() -> None:
    offered = {each.name: each for each in locale_tune_corpus.locale_tune_filters()}
    facts: dict[str, Any] = {}
    given = {"seed": 0, "texts": idioms, "facts": facts}
    chances = offered["variety-id"].chances(ROMANSH, given)
    found = chances(sentence(OWN_TOO, 9001))
    assert set(found) == {"rm-north", "rm-south", "de"}
    assert max(found, key=lambda label: found[label]) == "rm-south"
    np.testing.assert_allclose(sum(found.values()), 1.0, rtol=1e-5)
    assert facts["accuracy"]["rm-north"] > 0.9
    assert chances("Bun di") == {}
    together = offered["language-id"].chances(ROMANSH, {"seed": 0, "texts": idioms})
    assert set(together(sentence(OWN, 9002))) == {"rm", "de"}
    assert offered["length"].chances is None
