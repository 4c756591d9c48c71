"""Word tables become lessons: a steady sample, read entry by entry."""

from __future__ import annotations

import json
from typing import Any

from corpus_support import Read

from locale_tune.api import Bad

GLOSS = {"about": "gloss", "ask": "Tge munta «{form}»?", "say": "{gloss}."}
WORD = {"about": "word", "ask": "Co din ins «{gloss}»?", "say": "{form}."}
BASE = {"about": "base", "ask": "La basa da «{form}»?", "say": "{lemma}."}


def entry(lemma: str, *glosses: str) -> dict[str, Any]:
    return {"lemma": [lemma] * len(glosses), "unimorph": [None], "DStichwort": list(glosses)}


TABLE = {
    "chasa": entry("chasa", "Haus"),
    "chasas": entry("chasa", "Haus"),
    "pled": entry("pled", "Wort", "Vokabel", "Ausdruck", "Wort", "Term"),
    "vin": {"lemma": ["vin", "vegnir"], "DStichwort": ["Wein", "kommen"]},
    "euro": entry("euro", "Euro"),
    "il": {"lemma": None, "DStichwort": None},
    "4x4": entry("4x4", "Geländewagen"),
}


def said(items: list[Any]) -> list[tuple[str, str]]:
    return [(item.messages[0].content, item.messages[1].content) for item in items]


def test_each_template_asks_the_words_that_suit_it(read: Read) -> None:
    items = read("lexicon", json.dumps(TABLE), role="lessons", templates=[GLOSS, WORD, BASE])
    assert sorted(said(items)) == [
        ("Co din ins «Haus»?", "chasa."),
        ("La basa da «chasas»?", "chasa."),
        ("Tge munta «chasa»?", "Haus."),
        ("Tge munta «pled»?", "Wort, Vokabel, Ausdruck."),
    ]


def test_the_sample_depends_on_no_order(read: Read) -> None:
    table = {f"pled{chr(97 + n % 26)}{chr(97 + n // 26)}": entry("x", "y") for n in range(300)}
    table = {form: entry(form, "Sache") for form in table}
    backwards = dict(reversed(table.items()))
    one = read("lexicon", json.dumps(table), role="lessons", templates=[GLOSS], each=20)
    two = read("lexicon", json.dumps(backwards), role="lessons", templates=[GLOSS], each=20)
    assert len(one) == 20
    assert one == two


def test_a_large_table_is_read_across_its_chunks(read: Read) -> None:
    table = {f"f{'abcdefghij'[n % 10]}{'x' * (n % 97)}{'é' * (n // 97)}": n for n in range(5000)}
    rows = {form: entry(form, f"Gloss {'g' * 200}") for form in table}
    assert len(json.dumps(rows, indent=1, ensure_ascii=False)) > 1 << 20
    text = json.dumps(rows, indent=1, ensure_ascii=False)
    items = read("lexicon", text, role="lessons", templates=[GLOSS], each=9000)
    assert {item.meta["where"].partition(":")[2] for item in items} == set(rows)


def test_a_table_that_breaks_off_keeps_what_was_read(read: Read) -> None:
    text = json.dumps(TABLE)
    items = read("lexicon", text[: text.index('"euro"') + 20], role="lessons", templates=[GLOSS])
    [bad] = [item for item in items if isinstance(item, Bad)]
    assert "breaks off" in bad.reason
    assert len(items) == 3


def test_what_is_no_table_is_told(read: Read) -> None:
    for text in ("[1]", "", "hello"):
        [bad] = read("lexicon", text, role="lessons", templates=[GLOSS])
        assert isinstance(bad, Bad)
