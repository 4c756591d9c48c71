"""Preferences in a corpus: given ones, those made of siblings, and what is held out of them."""

from __future__ import annotations

import json
import random
import unicodedata
from collections.abc import Callable
from typing import Any

from corpus_support import Corpus, Read, source

from locale_tune.api import Bad, Record
from locale_tune_corpus.preferring import is_sibling, preferred

Collect = Callable[..., Corpus]
NATIVE = [f"{a}{b}{c}" for a in "bcdfglmnprst" for b in "aeiou" for c in ("r", "ntg", "sch")]
GERMAN = [f"{a}{b}{c}" for a in "bdfghklmnrst" for b in ("ei", "u", "ie") for c in ("t", "cht")]


def sentence(words: list[str], seed: int) -> str:
    pick = random.Random(seed)
    return " ".join(pick.choice(words) for _ in range(12)).capitalize() + "."


def pair(number: int) -> dict[str, str]:
    say, no = sentence(NATIVE, 900 + number), sentence(GERMAN, 900 + number)
    return {"ask": f"Tge numer? {number}", "say": say, "no": f"Nr. {no}"}


TURNS = {"turns": [["user", "ask"], ["assistant", "say"]], "rejected": "no"}


def given(count: int) -> dict[Any, str]:
    rows = "\n".join(json.dumps(pair(number)) for number in range(count))
    return {source("pairs", "jsonl", "preferences", options=TURNS): rows}


def native(count: int = 20) -> str:
    return "\n".join(sentence(NATIVE, number) for number in range(count))


def test_pairs_are_kept_and_a_share_of_them_is_held_out(collect: Collect) -> None:
    corpus = collect({source("a"): native(), **given(40)}, heldout_share=0.2)
    trained, held = corpus.split("preferences"), corpus.split("heldout_preferences")
    assert (len(trained), len(held)) == (32, 8)
    assert not {r.id for r in trained} & {r.id for r in held}
    for record in (*trained, *held):
        assert [m.role for m in record.messages] == ["user", "assistant"]
        assert record.rejected.startswith("Nr. ")
        assert record.lang == "rm"
    assert corpus.facts["splits"]["heldout_preferences"] == 8
    assert corpus.sources()["pairs"]["kept"] == 40


def test_a_lesson_that_is_a_held_out_preference_is_left_out(collect: Collect) -> None:
    chats = "\n".join(json.dumps(pair(number)) for number in range(40))
    lessons = source("chats", "jsonl", "lessons", options={"turns": TURNS["turns"]})
    corpus = collect({source("a"): native(), **given(40), lessons: chats}, heldout_share=0.2)
    asked = {record.messages[0].content for record in corpus.split("heldout_preferences")}
    assert len(asked) == 8
    said = {record.messages[0].content for record in corpus.split("lessons")}
    assert not asked & said
    assert len(said) == 32


def test_a_row_that_holds_no_pair_is_bad(read: Read) -> None:
    same = {"ask": "A?", "say": "Bun di.", "no": " Bun di. "}
    (found,) = read("jsonl", json.dumps(same), "preferences", **TURNS)
    assert isinstance(found, Bad)
    assert found.reason == "the rejected answer is the preferred one"
    (found,) = read("jsonl", json.dumps(same), "preferences", rejected="no", messages="turns")
    assert isinstance(found, Bad)


def test_usual_names_need_no_options(read: Read) -> None:
    turns = [{"role": "user", "content": "A?"}, {"role": "assistant", "content": "B."}]
    (found,) = read("jsonl", json.dumps({"messages": turns, "rejected": "C."}), "preferences")
    assert found.rejected == "C."
    assert found.messages[1].content == "B."


def test_a_sentence_is_preferred_to_its_machine_translation(read: Read) -> None:
    """As the page on preferences shows it: one prompt for all rows, the rest from columns."""
    row = json.dumps({"de": "Guten Tag.", "rm": "Bun di.", "machine": "Bun dapertut."})
    options = {"turns": [["user", "Translatescha: {de}"], ["assistant", "rm"]]}
    (found,) = read("jsonl", row, "preferences", **options, rejected="machine")
    assert [m.content for m in found.messages] == ["Translatescha: Guten Tag.", "Bun di."]
    assert found.rejected == "Bun dapertut."


def test_a_pair_may_say_its_gap(read: Read) -> None:
    rows = "\n".join(json.dumps({**pair(1), "by": value}) for value in (3, "0.5", "much", None))
    found = read("jsonl", rows, "preferences", **TURNS, gap="by")
    assert [item.meta["gap"] for item in found[:2]] == ["3.0", "0.5"]
    assert [item.reason for item in found[2:]] == [
        "the gap 'much' is not a number",
        "the gap 'None' is not a number",
    ]


def declaration(words: list[str], articles: int = 20) -> str:
    made = (
        f'<article data-number="{n}"><h2>{n}</h2><p>{sentence(words, n)}</p></article>'
        for n in range(1, articles + 1)
    )
    return f"<html><body>{''.join(made)}</body></html>"


def declarations() -> dict[Any, str]:
    unit = {"unit": "paragraph"}
    sibling = source("de", "udhr", "preferences", lang="de", options={**unit, "pair_with": "rumgr"})
    english = source("en", "udhr", "control", lang="en", options=unit)
    own = source("rumgr", "udhr", options=unit, lang="rm", variety="rm-rumgr")
    return {
        own: declaration(NATIVE),
        sibling: declaration(GERMAN),
        english: declaration(["all", "people", "are", "born", "free", "equal", "rights"]),
    }


def test_text_and_its_sibling_make_preferences(collect: Collect) -> None:
    corpus = collect(declarations(), heldout_share=0.2, preference_prompt="Va vinavant: {start}")
    trained, held = corpus.split("preferences"), corpus.split("heldout_preferences")
    heldout = {record.meta["group"] for record in corpus.split("heldout")}
    assert (len(trained), len(held)) == (16, 4)
    assert {record.meta["group"] for record in held} == heldout
    assert not {record.meta["group"] for record in trained} & heldout
    for record in trained:
        number = int(record.meta["group"].removeprefix("udhr-"))
        start = record.messages[0].content.removeprefix("Va vinavant: ")
        assert f"{start} {record.messages[1].content}" == sentence(NATIVE, number)
        assert sentence(GERMAN, number).endswith(record.rejected)
        assert (record.lang, record.variety, record.source) == ("rm", "rm-rumgr", "de")
        assert (record.meta["origin"], record.meta["rejected_lang"]) == ("synthetic", "de")
        assert record.meta["rule"] == "sibling-continuation"


def test_the_sibling_counts_as_trained_on(collect: Collect) -> None:
    corpus = collect(declarations(), heldout_share=0.2)
    row = corpus.sources()["de"]
    assert row["role"] == "preferences"
    assert row["kept"]


def text(item: str, content: str, where: str, siblings: str = "1", lang: str = "rm") -> Record:
    meta = {"item": item, "siblings": siblings}
    return Record(id=f"{where}:{item}", source=where, lang=lang, text=content, meta=meta)


def test_only_the_same_item_in_as_many_pieces_is_a_pair() -> None:
    sibling = source("de", "udhr", "preferences", options={"pair_with": "rm"})
    assert is_sibling(sibling)
    assert not is_sibling(source("p", "jsonl", "preferences"))
    long, other = sentence(NATIVE, 1), sentence(GERMAN, 1)
    natives = [text("1", long, "rm"), text("2", long, "rm"), text("3", "Curt.", "rm")]
    others = [
        text("1", other, "de", lang="de"),
        text("2", other, "de", siblings="2", lang="de"),
        text("3", other, "de", lang="de"),
    ]
    made = list(preferred([sibling], natives, lambda name: others, "{start}"))
    assert [record.id for record in made] == ["rm:1>de:1"]
    assert list(preferred([sibling], natives, lambda name: natives, "{start}")) == [], "the same"


def test_scripts_without_spaces_are_cut_too() -> None:
    sibling = source("de", "udhr", "preferences", options={"pair_with": "th"})
    thai = "มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักดิ์และสิทธิ"
    natives, others = [text("1", thai, "th")], [text("1", sentence(GERMAN, 1), "de", lang="de")]
    (made,) = preferred([sibling], natives, lambda name: others, "{start}")
    assert made.messages[0].content + made.messages[1].content == thai
    assert not unicodedata.category(made.messages[1].content[0]).startswith("M")
