"""The classifier the build trains tells near languages apart, and says so honestly."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from corpus_support import ROMANSH

from locale_tune.api import Record
from locale_tune_corpus.language_id import language_id

pytestmark = pytest.mark.slow

# Two made-up languages with their own endings: no one's text, and easy to make.
STEMS = "bur cand del fost gran lind mot pels rint sav tolk und vest zaln".split()  # noqa: SIM905 (a list of words reads better so)


def sentence(endings: tuple[str, ...], seed: int) -> str:
    pick = random.Random(seed)
    return " ".join(pick.choice(STEMS) + pick.choice(endings) for _ in range(12))


OWN, OTHER = ("ads", "inas", "ez"), ("ung", "heit", "lich")


def texts(count: int = 300) -> Iterator[tuple[str, str]]:
    for seed in range(count):
        yield "rm", sentence(OWN, seed)
        yield "de", sentence(OTHER, seed)


def keep(settings: dict[str, object]) -> object:
    return language_id(ROMANSH, {"seed": 0, **settings})


def judged(filter_: object, text: str) -> str:
    return filter_(Record(id="1", source="s", text=text))  # type: ignore[operator]


def test_another_language_is_left_out_and_the_own_kept() -> None:
    facts: dict[str, object] = {}
    fits = keep({"texts": texts, "facts": facts})
    assert facts["accuracy"] == pytest.approx({"de": 1.0, "rm": 1.0}, abs=0.02)
    assert facts["texts"] == {"de": 300, "rm": 300}
    assert all(judged(fits, sentence(OWN, 1000 + n)) == "" for n in range(50))
    assert all(judged(fits, sentence(OTHER, 1000 + n)) == "rather de than rm" for n in range(50))


def test_a_mislabelled_text_cannot_vouch_for_itself() -> None:
    def mixed() -> Iterator[tuple[str, str]]:
        yield from texts()
        for seed in range(10):
            yield "rm", sentence(OTHER, 5000 + seed)

    fits = keep({"texts": mixed, "facts": {}})
    assert all(judged(fits, sentence(OTHER, 5000 + seed)) for seed in range(10))


@pytest.mark.slow
def test_the_same_texts_give_the_same_verdicts() -> None:
    first, second = ({}, {})  # type: dict[str, object], dict[str, object]
    keep({"texts": texts, "facts": first})
    keep({"texts": texts, "facts": second})
    assert first == second


def test_nothing_is_dropped_without_contrast_texts_and_it_is_said() -> None:
    facts: dict[str, object] = {}
    fits = keep(
        {"texts": lambda: iter([("rm", sentence(OWN, n)) for n in range(99)]), "facts": facts}
    )
    assert "none to compare with" in str(facts["skipped"])
    assert judged(fits, sentence(OTHER, 1)) == ""


def test_a_greeting_is_not_judged() -> None:
    fits = keep({"texts": texts, "facts": {}})
    assert judged(fits, "undheit lindung") == ""
