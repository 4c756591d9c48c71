"""Near languages and varieties, told apart on real texts: run with -s to see every figure."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from corpus_support import GULF
from variety_texts import (
    MARKERS,
    Row,
    lessons,
    of_pack,
    romansh,
    school_books,
    swiss_german,
    tweets,
)

from locale_tune.api import Record
from locale_tune_corpus.fold import fold
from locale_tune_corpus.identify import Identifier, identifier
from locale_tune_corpus.language_id import JUDGED, language_id

pytestmark = [
    pytest.mark.mirror,
    pytest.mark.slow,
    pytest.mark.skipif(
        not os.environ.get("LOCALE_TUNE_MIRROR"),
        reason="LOCALE_TUNE_MIRROR is not set: real texts are not read",
    ),
]
ARABIC = GULF.model_copy(update={"contrasts": ("arb", "arz", "apc"), "variety_of": "ar"})


def shown(facts: Any) -> None:
    labels = facts["confusion"]["labels"]
    for name, counts in zip(labels, facts["confusion"]["counts"], strict=True):
        print(f"{name:12}", counts, facts["accuracy"][name])


def elsewhere(known: Identifier, pairs: Iterable[tuple[str, str]]) -> dict[str, float]:
    """Return the share named right of texts from another kind of source, by label."""
    seen: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for name, text in sorted(set(pairs)):
        if len(fold(text)) >= JUDGED:
            chances = known.chances(text)
            seen[name] += 1
            right[name] += max(chances, key=lambda label: chances[label]) == name
    shares = {name: round(right[name] / seen[name], 3) for name in sorted(seen)}
    print("other texts:", shares, dict(seen))
    return shares


@pytest.mark.parametrize(
    ("own", "texts", "least"),
    [
        ("rm", lambda: of_pack("rm"), {"rm": 0.99, "de": 0.99, "it": 0.99}),
        ("ar-gulf", lambda: of_pack("ar-gulf"), {"ar-gulf": 0.92, "arb": 0.94, "arz": 0.84}),
        ("gsw", swiss_german, {"gsw": 0.97, "de": 0.97}),
    ],
)
def test_near_languages(
    own: str, texts: Callable[[], Iterable[Row]], least: dict[str, float]
) -> None:
    known = identifier(own, texts)
    shown(known.facts)
    assert all(known.facts["accuracy"][name] >= share for name, share in least.items())


def test_the_idioms_of_romansh() -> None:
    known = identifier("rm", romansh, varieties=True)
    shown(known.facts)
    accuracy = known.facts["accuracy"]
    assert all(accuracy[name] > 0.9 for name in ("rm-rumgr", "rm-sursilv", "rm-vallader"))
    # Of these three there is the declaration of human rights alone, 1,800 words each.
    assert all(accuracy[name] > 0.7 for name in ("rm-puter", "rm-surmiran", "rm-sutsilv"))
    shares = elsewhere(known, school_books())
    assert shares["rm-sursilv"] > 0.8
    assert shares["rm-vallader"] > 0.75


def test_swiss_german_of_other_texts() -> None:
    shares = elsewhere(identifier("gsw", swiss_german), lessons())
    assert shares["gsw"] > 0.9
    assert shares["de"] > 0.85


def test_markers_help_with_tweets_and_decide_alone_without_any_text() -> None:
    pairs = sorted(set(tweets()))
    dropped: dict[str, Counter[str]] = {}
    seen = Counter(name for name, _ in pairs)
    for way, settings in (
        ("classifier", {"texts": lambda: of_pack("ar-gulf")}),
        ("both", {"texts": lambda: of_pack("ar-gulf"), "markers": MARKERS}),
        ("markers", {"markers": MARKERS}),
    ):
        facts: dict[str, Any] = {}
        fits = language_id(ARABIC, {**settings, "facts": facts})
        dropped[way] = Counter(
            name for name, text in pairs if fits(Record(id="1", source="s", text=text))
        )
        shares = {name: round(dropped[way][name] / seen[name], 3) for name in sorted(seen)}
        print(way, "drops", shares, dict(seen), "decided by", facts.get("decided", "classifier"))
    for name in ("arb", "arz", "apc"):
        assert dropped["both"][name] > dropped["classifier"][name]
        assert dropped["markers"][name] > 0.4 * seen[name]
    assert dropped["both"]["ar-gulf"] <= dropped["classifier"]["ar-gulf"]
    assert dropped["markers"]["ar-gulf"] < 0.1 * seen["ar-gulf"]
