"""Pairs of held-out text and translation."""

from __future__ import annotations

from corpus_support import source

from locale_tune.api import Record
from locale_tune_corpus.pairs import pairs


def record(where: str, item: str, siblings: int = 1) -> Record:
    meta = {"item": item, "siblings": str(siblings)}
    return Record(id=f"{where}:{item}", source=where, lang=where, text=f"{where} {item}", meta=meta)


OWN = [record("rm", "1"), record("rm", "2.1", 2), record("rm", "2.2", 2), record("rm", "3.1", 2)]
ENGLISH = [*(record("en", r.meta["item"], int(r.meta["siblings"])) for r in OWN[:3])]
ENGLISH.append(record("en", "3.1", 3))
SOURCES = [source("rm", options={"pair_with": "en"}), source("en")]


def made(most: int = 9) -> list[Record]:
    tables = {"rm": OWN, "en": ENGLISH}
    return pairs(SOURCES, tables.__getitem__, tables.__getitem__, most, 0)


def test_the_same_item_is_paired_where_both_have_as_many_pieces() -> None:
    assert [(r.text, r.translation, r.meta["translation_lang"]) for r in made()] == [
        ("rm 1", "en 1", "en"),
        ("rm 2.1", "en 2.1", "en"),
        ("rm 2.2", "en 2.2", "en"),
    ]


def test_at_most_so_many() -> None:
    assert len(made(2)) == 2
    assert made(2) == made(2)


def test_no_source_that_names_another_makes_no_pair() -> None:
    assert pairs([source("rm")], lambda name: OWN, lambda name: ENGLISH, 9, 0) == []
