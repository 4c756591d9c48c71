"""Word tables become lessons: a steady sample, read entry by entry."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from corpus_support import Corpus, Read, source

from locale_tune.api import Bad, PackError

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


def test_as_a_lexicon_every_word_with_a_gloss_is_a_record(read: Read) -> None:
    items = read("lexicon", json.dumps(TABLE), role="lexicon", gloss_lang="de")
    assert {item.text: item.translation for item in items} == {
        "chasa": "Haus",
        "chasas": "Haus",
        "pled": "Wort; Vokabel; Ausdruck; Term",
        "vin": "Wein; kommen",
        "euro": "Euro",
        "4x4": "Geländewagen",
    }
    assert {item.meta["translation_lang"] for item in items} == {"de"}
    assert len({item.id for item in items}) == len(items)


def test_glosses_that_are_no_text_are_left_out(read: Read) -> None:
    table = {"a": {"DStichwort": [None, " ", 3, "Haus "]}, "b": {"DStichwort": "Haus"}, " ": {}}
    [item] = read("lexicon", json.dumps(table), role="lexicon")
    assert (item.text, item.translation, item.meta) == ("a", "Haus", {"translation_lang": ""})


def test_a_broken_lexicon_keeps_what_was_read(read: Read) -> None:
    text = json.dumps(TABLE)
    *words, bad = read("lexicon", text[: text.index('"euro"') + 20], role="lexicon")
    assert [word.text for word in words] == ["chasa", "chasas", "pled", "vin"]
    assert isinstance(bad, Bad)


def test_lessons_need_templates(read: Read) -> None:
    with pytest.raises(PackError, match="no templates"):
        read("lexicon", "{}", role="lessons")


def test_a_table_of_words_is_a_lexicon_without_options(read: Read) -> None:
    text = "word\ttranslation\nchasa\tHaus; Heim\nvin\tWein\n"
    one, two = read("tsv", text, role="lexicon", translation_lang="de")
    assert (one.text, one.translation) == ("chasa", "Haus; Heim")
    assert (two.text, two.meta["translation_lang"]) == ("vin", "de")
    [comma] = read("csv", "word,translation\nchasa,Haus\n", role="lexicon")
    assert (comma.text, comma.translation) == ("chasa", "Haus")


def test_a_corpus_keeps_every_word_of_its_lexicon(collect: Callable[..., Corpus]) -> None:
    words = {"via": entry("via", "Weg"), "Via": entry("Via", "weg"), "chasa": entry("chasa", "e")}
    texts = {
        source("a"): "\n".join(f"Quai è la frasa {n} da la vallada." for n in range(30)),
        source("lex", "lexicon", "lexicon", options={"gloss_lang": "de"}): json.dumps(words),
    }
    corpus = collect(texts, filters=("length", "hygiene"))
    found = corpus.split("lexicon")
    assert [(word.text, word.lang) for word in found] == [
        ("via", "rm"),
        ("Via", "rm"),
        ("chasa", "rm"),
    ]
    assert corpus.facts["splits"]["lexicon"] == corpus.sources()["lex"]["kept"] == 3
    assert "lexicon" not in {record.source for record in corpus.split("text")}


def test_what_is_lost_behind_a_broken_entry_is_counted_by_its_bytes(read: Read) -> None:
    table = {f"pled{n:07d}": entry("x", f"Sache {n:07d}") for n in range(60_000)}
    raw = json.dumps(table).encode()
    cut = raw[: len(raw) // 2] + b"\xff" + raw[len(raw) // 2 :]
    *good, bad = read("lexicon", cut, role="lexicon")
    assert isinstance(bad, Bad)
    assert 0.95 < (len(good) + bad.records) / len(table) <= 1.2
    assert bad.records > 0.3 * len(table)
