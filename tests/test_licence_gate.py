"""D5: thirty expressions, as they may stand in a pack, through the licence gate; exact answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locale_tune.licences import RANK_WORDS, Rank, normalise, permits, problem_of, rank

LISTS: dict[str, tuple[str, ...]] = {
    "K": (),  # all that are known
    "F": ("no-conditions",),
    "A": ("attribution",),
    "S": ("share-alike",),
    "N": ("non-commercial",),
    "M": ("MIT", "NOASSERTION"),
    "G": ("GPL-2.0-only", "LicenseRef-Acme"),
}
# Expression, rank, and the lists above that admit it.
TABLE = [
    ("CC0-1.0", Rank.FREE, "KFASN"),
    ("CC-PDM-1.0", Rank.FREE, "KFASN"),
    ("0BSD", Rank.FREE, "KFASN"),
    ("LicenseRef-Public-Domain", Rank.FREE, "KFASN"),
    ("MIT", Rank.ATTRIBUTION, "KASNM"),
    ("mit", Rank.ATTRIBUTION, "KASNM"),
    ("Apache-2.0", Rank.ATTRIBUTION, "KASN"),
    ("CC-BY-4.0", Rank.ATTRIBUTION, "KASN"),
    ("CC-BY-3.0-IGO", Rank.ATTRIBUTION, "KASN"),
    ("Unicode-3.0", Rank.ATTRIBUTION, "KASN"),
    ("CC-BY-SA-4.0", Rank.SHARE_ALIKE, "KSN"),
    ("CC-BY-SA-3.0-DE", Rank.SHARE_ALIKE, "KSN"),
    ("GPL-2.0-only", Rank.SHARE_ALIKE, "KSNG"),
    ("GPL-2.0+", Rank.SHARE_ALIKE, "KSN"),
    ("ODbL-1.0", Rank.SHARE_ALIKE, "KSN"),
    ("GPL-2.0-only WITH Classpath-exception-2.0", Rank.SHARE_ALIKE, "KSNG"),
    ("CC-BY-NC-4.0", Rank.NON_COMMERCIAL, "KN"),
    ("CC-BY-NC-SA-3.0-IGO", Rank.NON_COMMERCIAL, "KN"),
    ("CC-BY-ND-4.0", Rank.RESEARCH_ONLY, "K"),
    ("CC-BY-NC-ND-4.0", Rank.RESEARCH_ONLY, "K"),
    ("LicenseRef-Research-Only", Rank.RESEARCH_ONLY, "K"),
    ("MIT OR CC-BY-NC-4.0", Rank.ATTRIBUTION, "KASNM"),
    ("MIT AND CC-BY-NC-4.0", Rank.NON_COMMERCIAL, "KN"),
    ("MIT AND GPL-2.0-only", Rank.SHARE_ALIKE, "KSN"),
    ("Apache-2.0 AND (MIT OR CC-BY-NC-4.0)", Rank.ATTRIBUTION, "KASN"),
    ("MIT OR LicenseRef-Acme", Rank.ATTRIBUTION, "KASNMG"),
    ("MIT AND LicenseRef-Acme", Rank.UNKNOWN, ""),
    ("LicenseRef-Acme", Rank.UNKNOWN, "G"),
    ("NOASSERTION", Rank.UNKNOWN, "M"),
    ("", Rank.UNKNOWN, "M"),
    ("all rights reserved", Rank.UNKNOWN, "M"),
    ("MIT AND", Rank.UNKNOWN, "M"),
]


@pytest.mark.parametrize(("written", "asks", "lists"), TABLE)
def test_the_table_is_exact(written: str, asks: Rank, lists: str) -> None:
    assert rank(normalise(written)) is asks
    assert "".join(name for name, allowed in LISTS.items() if permits(allowed, written)) == lists


def test_the_table_has_every_rank_and_operator() -> None:
    assert len(TABLE) >= 30
    assert {asks for _, asks, _ in TABLE} == set(Rank)
    for word in ("OR", "AND", "WITH", "(", "LicenseRef", "-NC", "-ND"):
        assert any(word in written for written, _, _ in TABLE)


IDS = st.sampled_from(["CC0-1.0", "MIT", "CC-BY-SA-4.0", "CC-BY-NC-4.0", "LicenseRef-Acme"])


@given(IDS, IDS, st.sampled_from([(), *((word,) for word in RANK_WORDS)]))
def test_or_needs_one_side_and_and_both(a: str, b: str, allowed: tuple[str, ...]) -> None:
    one, other = permits(allowed, a), permits(allowed, b)
    assert permits(allowed, f"{a} OR {b}") == (one or other)
    assert permits(allowed, f"{a} AND {b}") == (one and other)
    assert permits(allowed, f"({a} AND {b}) OR {b}") == other


@given(IDS, st.lists(IDS, min_size=1, max_size=3))
def test_a_list_of_ids_admits_those_and_no_other(licence: str, allowed: list[str]) -> None:
    assert permits(allowed, licence) == (licence in allowed)


@pytest.mark.parametrize("word", ["attribution", "MIT", "cc-by-4.0", "NOASSERTION", "MIT OR ISC"])
def test_an_entry_of_a_list_that_works(word: str) -> None:
    assert problem_of(word) == ""


def test_a_misspelt_entry_is_told() -> None:
    assert problem_of("atribution").startswith("'atribution' is no SPDX licence and none of no-co")
