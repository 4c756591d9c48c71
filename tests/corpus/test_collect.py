"""`collect` on small packs: splits that share nothing, counts that add up."""

from __future__ import annotations

import filecmp
import json
import random
from collections.abc import Callable
from itertools import pairwise, product
from typing import Any

import pytest
from corpus_support import GULF, Corpus, source

from locale_tune.api import PackError, Record, StageFailed
from locale_tune_corpus.choose import MOST_COMPARED
from locale_tune_corpus.fold import fold
from locale_tune_corpus.keys import SketchFiles

Collect = Callable[..., Corpus]
WORDS = [f"{a}{b}{c}" for a in "bcdfglmnprst" for b in "aeiou" for c in ("r", "l", "ntg", "sch")]


def sentence(seed: int, words: int = 12) -> str:
    pick = random.Random(seed)
    return " ".join(pick.choice(WORDS) for _ in range(words)).capitalize() + "."


def lines(first: int, count: int, words: int = 12) -> str:
    return "\n".join(sentence(seed, words) for seed in range(first, first + count))


def rows(first: int, groups: int, prefix: str = "g") -> str:
    made = [
        {"t": sentence(first + 10 * n + k), "g": f"{prefix}{n}"}
        for n in range(groups)
        for k in range(3)
    ]
    return "\n".join(json.dumps(row) for row in made)


def grouped(name: str, **more: Any) -> Any:
    return source(name, "jsonl", options={"text": "t", "group": "g"}, **more)


def test_text_and_held_out_share_no_record_and_no_group(collect: Collect) -> None:
    varieties = {
        grouped("a", variety="rm-a"): rows(0, 40),
        grouped("b", variety="rm-b"): rows(5000, 40),
    }
    corpus = collect(varieties, heldout_share=0.2)
    held, text = corpus.split("heldout"), corpus.split("text")
    groups = [{record.meta["group"] for record in side} for side in (held, text)]
    assert held
    assert not groups[0] & groups[1]
    assert len(held) + len(text) == 240
    by_source = {name: {r.meta["group"] for r in held if r.source == name} for name in "ab"}
    assert by_source["a"] == by_source["b"] == groups[0]
    assert corpus.facts["varieties"]["rm-a"]["heldout_documents"] == 3 * len(groups[0])


@pytest.mark.parametrize("seed", range(4))
def test_no_tested_text_is_trained_on(collect: Collect, seed: int) -> None:
    pick = random.Random(seed)
    shared = [sentence(pick.randrange(300)) for _ in range(30)]
    texts = {
        source("a"): lines(0, 200) + "\n" + "\n".join(shared),
        source("b"): lines(150, 100),
        source("en", role="control", lang="en"): lines(9000, 30) + "\n" + "\n".join(shared[:5]),
        source("old", role="replay", lang="en"): lines(8990, 60),
    }
    corpus = collect(texts, seed=seed)
    splits = {name: corpus.split(name) for name in ("text", "heldout", "control", "replay")}
    folded = {name: {fold(record.text) for record in side} for name, side in splits.items()}
    assert all(folded.values())
    for trained, tested in product(("text", "replay"), ("heldout", "control")):
        assert not folded[trained] & folded[tested], (trained, tested)


def test_a_near_copy_of_a_held_out_text_is_not_trained_on(collect: Collect) -> None:
    originals = [sentence(n, 30) for n in range(60)]
    copies = [text.replace(text.split()[5], "auter") for text in originals]
    corpus = collect(
        {source("a"): "\n".join(originals), source("b"): "\n".join(copies)}, heldout_share=0.3
    )
    assert corpus.facts["rejected"]["near copy"] > 50
    held = [set(record.text.split()) for record in corpus.split("heldout")]
    for record in corpus.split("text"):
        words = set(record.text.split())
        assert all(len(words & other) < 20 for other in held)


def test_a_lesson_that_quotes_a_held_out_text_is_left_out(collect: Collect) -> None:
    texts = [sentence(n) for n in range(50)]
    chats = "\n".join(
        json.dumps(
            {
                "messages": [
                    {"role": "user", "content": f"?{n}"},
                    {"role": "assistant", "content": t},
                ]
            }
        )
        for n, t in enumerate(texts)
    )
    corpus = collect({source("a"): "\n".join(texts), source("chat", "jsonl", "lessons"): chats})
    held = {record.text for record in corpus.split("heldout")}
    said = {record.messages[1].content for record in corpus.split("lessons")}
    assert held
    assert not said & held
    assert len(said) == 50 - len(held)
    assert corpus.facts["rejected"]["holds a held-out text"] == len(held)


def test_a_lesson_of_a_tested_group_is_left_out(collect: Collect) -> None:
    quiz = '{"question": "Tge è quai?", "choices": ["in", "dus"], "answer": 0, "g": "term"}'
    chat = '{"u": "Di insatge.", "a": "Insatge.", "g": "term"}'
    texts = {
        source("a"): lines(0, 20),
        source(
            "quiz",
            "jsonl",
            "questions",
            options={
                "question": "question",
                "choices": "choices",
                "answer": "answer",
                "group": "g",
            },
        ): quiz,
        source(
            "chat",
            "jsonl",
            "lessons",
            options={"turns": [["user", "u"], ["assistant", "a"]], "group": "g"},
        ): chat,
    }
    corpus = collect(texts)
    assert corpus.split("lessons") == []
    assert corpus.sources()["chat"]["rejected"] == {"of one group with a tested item": 1}


def test_every_record_seen_is_kept_or_has_a_reason(collect: Collect) -> None:
    texts = {
        source("a", cap=30): lines(0, 60) + "\nkurz\n" + lines(0, 5),
        source("b", "jsonl", options={"text": "t"}): rows(50, 4) + '\n{"t": 5}\n',
        source("en", role="control", lang="en"): lines(900, 30),
    }
    corpus = collect(texts, filters=("length",), control_max=7, max_bad_share=0.5)
    for row in corpus.sources().values():
        assert row["seen"] == row["kept"] + sum(row["rejected"].values()), row
    assert corpus.sources()["a"]["rejected"]["over the cap"] > 0
    assert corpus.sources()["b"]["rejected"]["unreadable"] == 1
    assert len(corpus.split("control")) == 7


@pytest.mark.parametrize("mode", ["replace", "drop", "off"])
def test_personal_data_goes_as_the_setting_says(collect: Collect, mode: str) -> None:
    told = "Scriva a Gion, gion.caduff@gmail.com, u telefonescha a +41 79 412 33 21."
    texts = {
        source("a"): f"{lines(0, 30)}\n{told}",
        source("words", "text", "lexicon"): "gion.caduff@gmail.com",
    }
    corpus = collect(texts, privacy=mode, heldout_share=0)
    (written,) = [r.text for r in corpus.split("text") if "Gion" in r.text] or [""]
    kept = {"replace": written not in ("", told), "drop": not written, "off": written == told}
    assert kept[mode]
    assert corpus.sources()["a"]["personal_data"] == (
        {} if mode == "off" else {"e-mail": 1, "phone": 1}
    )
    assert corpus.facts["rejected"].get("personal data", 0) == (mode == "drop")
    rejects = (corpus.path / "rejects.jsonl").read_text(encoding="utf-8")
    assert "caduff" not in rejects
    assert corpus.split("lexicon")[0].text == "gion.caduff@gmail.com"


def test_rejects_say_where_and_why(collect: Collect) -> None:
    corpus = collect({source("a"): lines(0, 9) + "\nkurz\n" + sentence(0)}, filters=("length",))
    made = [json.loads(line) for line in (corpus.path / "rejects.jsonl").read_text().splitlines()]
    assert [(row["where"], row["reason"]) for row in made] == [
        ("a.txt:10", "under 20 bytes"),
        ("a.txt:11", "copy"),
    ]
    assert made[0]["text"] == "kurz"


def test_missing_sources_are_listed_and_the_build_goes_on(collect: Collect) -> None:
    corpus = collect({source("a"): lines(0, 20), source("b"): None})
    assert corpus.facts["missing"] == ["b"]
    assert corpus.sources()["b"]["missing"] is True
    assert corpus.sources()["a"]["sha256"]


def test_a_source_that_is_off_is_not_read(collect: Collect) -> None:
    corpus = collect({source("a"): lines(0, 20), source("b", on=False): lines(50, 20)})
    assert set(corpus.sources()) == {"a"}


def test_too_many_bad_records_fail_the_build_and_name_them(collect: Collect) -> None:
    broken = source("b", "jsonl", options={"text": "t"})
    with pytest.raises(StageFailed) as raised:
        collect({source("a"): lines(0, 20), broken: rows(0, 3) + "\n{nonsense\n"})
    assert "b: 1 of 10" in raised.value.problem
    assert "b.txt:10" in raised.value.problem
    assert "max_bad_share" in raised.value.remedy


def test_no_text_left_is_an_error_with_the_reasons(collect: Collect) -> None:
    with pytest.raises(StageFailed) as raised:
        collect({source("a"): lines(0, 20)}, filters=("script-share",), locale=GULF)
    assert "under 60% Arab letters" in raised.value.problem
    assert raised.value.remedy


def test_the_same_seed_gives_the_same_files(collect: Collect) -> None:
    texts = {grouped("a"): rows(0, 30), source("b"): lines(3000, 60, 40)}
    one, two = collect(texts, out="one"), collect(texts, out="two")
    names = [p.relative_to(one.path).as_posix() for p in one.path.rglob("*") if p.is_file()]
    assert filecmp.cmpfiles(one.path, two.path, names, shallow=False) == (names, [], [])
    other = collect(texts, out="three", seed=1)
    assert [r.id for r in other.split("heldout")] != [r.id for r in one.split("heldout")]


def test_filters_of_the_language_do_not_judge_other_languages(collect: Collect) -> None:
    texts = {
        source("a"): "\n".join("السلام عليكم " * n for n in range(1, 30)),
        source("en", role="control", lang="en"): lines(0, 9) + "\na\u202eb",
    }
    corpus = collect(texts, filters=("script-share", "hygiene"), locale=GULF, near_duplicates=0)
    assert len(corpus.split("control")) == 9
    assert corpus.sources()["en"]["rejected"] == {"a character that overrides writing direction": 1}


def test_records_say_their_language_weight_and_origin(collect: Collect) -> None:
    texts = {source("a", weight=2.0, origin="synthetic", variety="rm-a"): lines(0, 20)}
    record = collect(texts).split("text")[0]
    assert (record.lang, record.variety) == ("rm", "rm-a")
    assert (record.meta["weight"], record.meta["origin"]) == ("2.0", "synthetic")


def test_a_question_with_two_answers_is_not_asked(collect: Collect) -> None:
    def ask(question: str, answer: int) -> str:
        return json.dumps({"question": question, "choices": ["gea", "na"], "answer": answer})

    asked = "\n".join([ask("Plova?", 0), ask("Plova?", 1), ask("Naiva?", 0)])
    corpus = collect({source("a"): lines(0, 20), source("q", "jsonl", "questions"): asked})
    assert [record.question for record in corpus.split("questions")] == ["Naiva?"]
    meta = corpus.split("questions")[0].meta
    assert meta["split"] in ("dev", "test")
    assert meta["split_by"] == "group"


def test_a_source_may_say_which_half_its_questions_are(collect: Collect) -> None:
    asked = "\n".join(
        json.dumps({"question": f"Nr. {n}?", "choices": ["gea", "na"], "answer": 0})
        for n in range(12)
    )
    texts = {source("a"): lines(0, 20)}
    for split in ("dev", "test"):
        asked_as = {"split": split, "format": "letters", "letters": ["a", "b"]}
        part = source(split, "jsonl", "questions", asked=asked_as)
        texts[part] = asked.replace("Nr.", split)
    found = collect(texts).split("questions")
    assert len(found) == 24
    assert all(record.meta["split"] == record.source for record in found)
    assert not any("split_by" in record.meta for record in found)
    assert {(record.meta["format"], record.meta["letters"]) for record in found} == {
        ("letters", "a b")
    }


def test_a_split_that_is_neither_half_is_a_mistake(collect: Collect) -> None:
    asked = json.dumps(
        {"question": "Plova?", "choices": ["gea", "na"], "answer": 0, "split": "validation"}
    )
    columns = {"question": "question", "choices": "choices", "answer": "answer"}
    tagged = source("q", "jsonl", "questions", options={**columns, "tag_columns": ["split"]})
    with pytest.raises(PackError, match="'q' have the split 'validation'"):
        collect({source("a"): lines(0, 20), tagged: asked})


def test_a_crashed_run_leaves_nothing_of_its_text(collect: Collect) -> None:
    class Stop(Exception):
        pass

    def read(*_: object) -> Any:
        yield Record(id="x:1", source="a", text=sentence(0))
        raise Stop

    texts = {source("a"): lines(0, 20)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("locale_tune_corpus.text.read_text", read)
        with pytest.raises(Stop):
            collect(texts, out="crashed")
    assert len(collect(texts).split("text")) == 18


def test_tags_of_a_source_are_on_its_records(collect: Collect) -> None:
    tagged = source("a", "text", tags={"culture": "proverbs", "where": "nowhere"})
    corpus = collect({tagged: lines(0, 40), source("b", "text"): lines(900, 40)})
    found = corpus.split("text")
    assert {(r.source, r.meta.get("culture")) for r in found} == {("a", "proverbs"), ("b", None)}
    assert all(r.meta["where"].rpartition(":")[2].isdigit() for r in found), "the record's own wins"


def test_no_source_that_may_be_read_is_a_sentence(collect: Collect) -> None:
    with pytest.raises(StageFailed, match="none of the sources can be read: a: it is from"):
        collect({source("a"): lines(0, 9)}, residency=["XX"])


def test_rejects_show_no_personal_data_of_a_row_that_cannot_be_read(collect: Collect) -> None:
    rows = [{"t": sentence(n), "mail": f"gian{n}@bluewin.ch"} for n in range(9)]
    rows[3]["t"] = ""
    made = source("a", "jsonl", options={"text": "t"})
    corpus = collect({made: "\n".join(map(json.dumps, rows))}, max_bad_share=0.5)
    told = (corpus.path / "rejects.jsonl").read_text()
    assert "example." in told
    assert "bluewin" not in told


def test_texts_of_one_template_are_compared_with_some_of_each_other(
    collect: Collect, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, of = [0], SketchFiles.of

    def counted(files: SketchFiles, row: int) -> Any:
        read[0] += 1
        return of(files, row)

    monkeypatch.setattr(SketchFiles, "of", counted)
    pick = random.Random(0)
    names = ["".join(pick.choice("bdfglmnrstaeiou") for _ in range(9)) for _ in range(1000)]
    texts = [
        f"{name} è ina vischnanca politica svizra en il chantun {other} cun bleras chasas"
        for name, other in pairwise(names)
    ]
    corpus = collect({source("a"): "\n".join([*texts, f"{texts[7]} e"])}, heldout_share=0)
    assert corpus.facts["rejected"] == {"near copy": 1}
    assert read[0] <= len(names) * (MOST_COMPARED + 1)  # of 500,000 pairs


def test_held_out_bytes_are_told_of_each_source(collect: Collect) -> None:
    corpus = collect({source("a"): lines(0, 50), source("b"): lines(100, 30)})
    rows = corpus.sources()
    held = {name: row["heldout_bytes"] for name, row in rows.items()}
    assert sum(held.values()) == corpus.facts["heldout_bytes"]
    assert all(0 < size < rows[name]["bytes"] for name, size in held.items())


def test_prompts_are_kept_apart_and_never_trained_on(collect: Collect) -> None:
    asked = [sentence(seed, 5) for seed in range(500, 506)]
    rows = "\n".join(json.dumps({"prompt": text, "culture": "food"}) for text in asked)
    chat = {
        "messages": [{"role": "user", "content": asked[0]}, {"role": "assistant", "content": "x"}]
    }
    corpus = collect(
        {
            source("own"): lines(0, 60) + f"\n{sentence(901)} {asked[1]} {sentence(902)}",
            source(
                "asked",
                "jsonl",
                role="prompts",
                variety="rm-a",
                options={"tag_columns": ["culture"]},
            ): rows,
            source("chats", "jsonl", role="lessons"): json.dumps(chat),
        }
    )
    kept = corpus.split("prompts")
    assert [record.text for record in kept] == asked
    assert {(r.variety, r.lang, r.meta["culture"]) for r in kept} == {("rm-a", "rm", "food")}
    assert corpus.split("lessons") == []
    trained = [record.text for record in corpus.split("text") + corpus.split("heldout")]
    assert not any(asked[1] in text for text in trained)
    assert corpus.sources()["chats"]["rejected"] == {"holds a held-out text": 1}
    assert corpus.facts["splits"]["prompts"] == 6


def test_prompts_may_be_lines_of_text(collect: Collect) -> None:
    asked = "Co vai oz?\nTge è in lai?"
    corpus = collect({source("own"): lines(0, 30), source("asked", role="prompts"): asked})
    assert [record.text for record in corpus.split("prompts")] == asked.splitlines()
