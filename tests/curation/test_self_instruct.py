"""Tasks from tasks, in any language: lists, filters, the pool, and lessons from tasks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from teaching_support import Scripted, swiss

from locale_tune.api import Message, Record
from locale_tune_curation.instances import Work, make_lessons
from locale_tune_curation.lists import items, numbered
from locale_tune_curation.rouge import rouge_l, units
from locale_tune_curation.self_instruct import (
    Pool,
    SelfInstructSettings,
    Task,
    flaw_of_task,
    make_tasks,
    seed_tasks,
)
from locale_tune_curation.synthetic import Marks, filled, lesson
from locale_tune_curation.teacher import Answer, Sampling, ask, prompt_hash

ENGLISH = ("image", "graph", "file", "map", "draw", "plot", "go to", "picture")
MARKS = Marks("self-instruct", "scripted", "rm", "rm-rumgr")
SEEDS = ("Raquinta insatge davart in chaun.", "Declera co ins fa paun cun graun.")


def settings(**more: Any) -> SelfInstructSettings:
    return SelfInstructSettings(**more)


def anything(_: str) -> str:
    return ""


@pytest.mark.oracle
def test_the_good_candidates_are_kept_in_every_language(oracle: Callable[[str], dict]) -> None:
    case = oracle("curation")["self_instruct"]
    wanted = settings(keywords=ENGLISH, starts=("Write a program",))
    pool = Pool([], wanted, anything)
    rejected: Counter[str] = Counter()
    pool.take(ask("x"), Answer(numbered(case["candidates"]), True), rejected)
    kept = [task.text for task in pool.made]
    assert kept == [
        "Translate the given sentence into Swahili.",
        "Explain why the sky looks blue at noon.",
        "اكتب قصيدة قصيرة عن مدينة القاهرة القديمة",
        "请用三句话总结下面这篇文章的主要内容",
        "हिंदी में एक छोटी कहानी लिखिए जो बच्चों को पसंद आए",
        "Écris un court poème sur la mer et le vent.",
    ]
    dropped_by_the_release = set(kept) - set(case["kept_official"])
    assert len(dropped_by_the_release) == 5  # all but the one that it does not misspell
    assert rejected == {
        "task: a keyword": 2,
        "task: starts with a word of the list": 1,
        "task: under 4 words": 1,
        "task: starts with punctuation": 1,
    }


@pytest.mark.oracle
def test_a_task_is_kept_if_no_other_is_too_like_it(oracle: Callable[[str], dict]) -> None:
    assert "<= 0.7" in oracle("curation")["self_instruct"]["keep_rule"]
    pool = Pool(["a b c d e f g h i j"], settings(), anything)
    at, above = "a b c d e f g x y z", "a b c d e f g h y z"
    assert rouge_l(units(at), units("a b c d e f g h i j")) == 0.7
    assert pool.flaw(at) == ""
    assert pool.flaw(above) == "ROUGE-L above 0.7 with another task"
    again: Counter[str] = Counter()
    pool.take(ask("x"), Answer(f"1. {at}\n2. {at}", True), again)
    assert len(pool.made) == 1


@pytest.mark.parametrize("other", ["请用三句话总结下面这篇文章", "اكتب قصيدة قصيرة عن البحر"])
def test_a_copy_is_seen_in_every_script(other: str) -> None:
    assert "ROUGE-L" in Pool([other], settings(), anything).flaw(other)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("¿Qué tiempo hace hoy en la ciudad?", ""),
        ("«Allegra» – co din ins quai per tudestg?", ""),
        ("“Bun di” per talian?", ""),
        ("(Facultativ) resumescha il text sura.", "starts with punctuation"),
        ("- scriva ina brev a tes ami", "starts with punctuation"),
        ("Sure, here are some more tasks:", "announces a list"),
        ("以下是更多的任务列表：", "announces a list"),
        ("Dessegna ina charta da la val.", "a keyword"),
        ("Va a la staziun da Cuira.", "a keyword"),
        ("Vala quai er a la staziun da Cuira?", ""),
        ("请画一张世界地图给我看看", "a keyword"),
        ("写诗", "under 4 words"),
        ("Program: scriva quai per plaschair.", "starts with a word of the list"),
        ("kata " * 151, "over 150 words"),
    ],
)
def test_filters_are_right_for_the_language(text: str, reason: str) -> None:
    wanted = settings(keywords=("charta", "va a", "地图"), starts=("program",))
    assert flaw_of_task(text, wanted) == reason


def test_a_word_in_a_longer_word_is_no_keyword() -> None:
    wanted = settings(keywords=("क", "art"), least_words=1)
    assert flaw_of_task("कितने लोग यहाँ रहते हैं", wanted) == ""
    assert flaw_of_task("Partia damaun marvegl!", wanted) == ""
    assert flaw_of_task("Tge è «art» insumma?", wanted) == "a keyword"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1. one\n2. two", ["one", "two"]),
        ("Here are some:\n1) one\ngoes on\n\n2) two", ["one goes on", "two"]),
        ("١. واحد\n٢- اثنان\n\u200f٣) ثلاثة", ["واحد", "اثنان", "ثلاثة"]),
        ("१. एक\n२. दो", ["एक", "दो"]),
        ("一、写诗\n二、唱歌\n十一、跳舞", ["写诗", "唱歌", "跳舞"]),
        ("① 甲\n② 乙", ["甲", "乙"]),
        ("፩. አንድ\n፪. ሁለት", ["አንድ", "ሁለት"]),
        ("(1) one\n[2] two\n**3.** three", ["one", "two", "three"]),
        ("- one\n• two\n* three", ["one", "two", "three"]),
        ("1. uses 3.5 litres\n3.5 of them\n2. two", ["uses 3.5 litres 3.5 of them", "two"]),
        ("2024 was a year", []),
        ("", []),
    ],
)
def test_lists_are_read_in_any_script(text: str, expected: list[str]) -> None:
    assert items(text) == expected


def test_a_list_that_goes_on_begins_with_the_rest_of_its_first_item() -> None:
    assert items("first\n10. second", continued=True) == ["first", "second"]
    assert items("9. first\n10. second", continued=True) == ["first", "second"]


def test_the_prompt_shows_six_written_tasks_and_two_made_ones() -> None:
    seeds = [f"seed number {n} of many" for n in range(20)]
    pool = Pool(seeds, settings(prompt="Anc dapli:\n{tasks}\n{next}"), anything)
    first = pool.prompt(Random(0))[0].content
    assert first.startswith("Anc dapli:\n1. seed")
    assert first.count("seed number") == 8
    assert first.endswith("\n9.")
    pool.made += [Task(f"made {n}", ask("x")) for n in range(5)]
    later = pool.prompt(Random(0))[0].content
    assert (later.count("seed number"), later.count("made ")) == (6, 2)
    assert pool.prompt(Random(0)) == pool.prompt(Random(0)) != pool.prompt(Random(1))


def test_a_task_that_holds_a_placeholder_is_shown_as_it_is() -> None:
    pool = Pool(["say {next} and {tasks} aloud"], settings(), anything)
    assert pool.prompt(Random(0))[0].content == "1. say {next} and {tasks} aloud\n2."
    assert filled("{b} {a} {c}", a="{b}", b="{a}") == "{a} {b} {c}"


def test_tasks_are_made_until_there_are_enough_or_none_comes() -> None:
    made = iter(range(100))

    def say(_: str) -> str:
        return numbered([f"Uschia {next(made)} vegn {next(made)} ad esser {next(made)} betg"])

    teacher, rejected = Scripted(say), Counter[str]()
    wanted = settings(tasks=5, prompts_per_round=2)
    tasks = make_tasks(SEEDS, teacher, wanted, anything, 7, Sampling(), rejected)
    assert len(tasks) == 5
    assert teacher.seeds == [7, 8, 9]
    assert {s.top_p for s in teacher.samplings} == {0.5}
    assert all(task.prompt in teacher.asked for task in tasks)
    silent = Scripted(lambda _: "1. " + SEEDS[0])
    assert make_tasks(SEEDS, silent, wanted, anything, 7, Sampling(), rejected) == []
    assert len(silent.seeds) == wanted.patience
    assert rejected["task: ROUGE-L above 0.7 with another task"] == 6
    assert make_tasks((), silent, wanted, anything, 7, Sampling(), rejected) == []


def test_a_list_in_another_language_is_left_out_as_a_whole() -> None:
    pool, rejected = Pool(SEEDS, settings(), swiss), Counter[str]()
    text = "1. Quai vala be per il mument\n2. Explain the weather to him"
    pool.take(ask("x"), Answer(text, True), rejected)
    assert not pool.made
    assert rejected == {"task: rather en than rm": 2}


def test_the_last_task_of_an_answer_that_was_cut_is_half_a_task() -> None:
    pool, rejected = Pool(SEEDS, settings(), anything), Counter[str]()
    pool.take(
        ask("x"), Answer("1. Declera la differenza tranter dus\n2. Scriva anc", False), rejected
    )
    assert [task.text for task in pool.made] == ["Declera la differenza tranter dus"]
    assert rejected == {"task: cut at the limit": 1}


def test_seeds_are_what_people_wrote() -> None:
    def chat(asked: str, **meta: str) -> Record:
        turns = (Message(role="user", content=asked), Message(role="assistant", content="a"))
        return Record(id=asked, source="s", messages=turns, meta=meta)

    chats = [chat("Tge è\nquai?"), chat("made", origin="synthetic"), chat("Tge è quai?")]
    assert seed_tasks(chats, settings(seeds=("Scriva ina rima.",))) == [
        "Scriva ina rima.",
        "Tge è quai?",
    ]


def work(teacher: Scripted, **more: Any) -> Work:
    return Work(teacher, settings(**more), swiss, MARKS, 3, Sampling(), Counter())


TASKS = [Task("Declera quai.", ask("p1")), Task("È quai bun u nausch?", ask("p2"))]


def test_a_task_without_input_is_asked_and_answered() -> None:
    teacher = Scripted(lambda asked: f"Resposta sin «{asked}»")
    doing = work(teacher)
    records = make_lessons(TASKS, doing)
    assert [m.content for m in records[0].messages] == [
        "Declera quai.",
        "Resposta sin «Declera quai.»",
    ]
    assert records[0].meta == {
        "origin": "synthetic",
        "maker": "self-instruct",
        "teacher": "scripted",
        "prompt": prompt_hash(ask("p1")),
        "first": "input",
    }
    assert (records[0].lang, records[0].variety) == ("rm", "rm-rumgr")
    assert len({record.id for record in records}) == 2
    assert not doing.rejected


def test_an_input_comes_before_the_answer_and_labels_before_their_inputs() -> None:
    def say(asked: str) -> Answer:
        if asked.startswith("labels"):
            closed = "bun" in asked
            return Answer(
                "1. bun\n2. nausch\n3. bun" if closed else "Quai è ina frasa averta.", True
            )
        if asked.startswith("labelled"):
            return Answer(f"In text che {asked.split('|')[1]} va bain cun", True)
        if asked.startswith("input"):
            return Answer("In text per quai", True)
        return Answer("Ina resposta", True)

    doing = work(
        Scripted(say),
        ask_labels="labels {task}",
        ask_labelled="labelled {task}|{label}",
        ask_input="input {task}",
    )
    said = [[m.content for m in record.messages] for record in make_lessons(TASKS, doing)]
    assert said == [
        ["È quai bun u nausch?\n\nIn text che bun va bain cun", "bun"],
        ["È quai bun u nausch?\n\nIn text che nausch va bain cun", "nausch"],
        ["Declera quai.\n\nIn text per quai", "Ina resposta"],
    ]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer("This is the answer", True), "answer: rather en than rm"),
        (Answer("Ina resposta che na chala", False), "answer: cut at the limit"),
        (Answer("", True), "answer: nothing said"),
    ],
)
def test_what_is_no_sound_answer_is_counted(answer: Answer, reason: str) -> None:
    doing = work(Scripted(lambda _: answer))
    assert make_lessons(TASKS[:1], doing) == []
    assert doing.rejected == {reason: 1}


def test_question_and_answer_are_judged_together_too() -> None:
    doing = work(Scripted(lambda _: "bun"))
    short = doing._replace(check=lambda text: "rather de than rm" if len(text) > 10 else "")
    assert make_lessons([Task("Gut?", ask("p"))], short) != []
    assert make_lessons([Task("Ist es gut?"[:10], ask("p"))], short) == []
    assert doing.rejected == {"lesson: rather de than rm": 1}


def test_the_same_lesson_has_the_same_id() -> None:
    turns = (Message(role="user", content="a"), Message(role="assistant", content="b"))
    one, other = lesson(MARKS, turns, ask("x")), lesson(MARKS, turns, ask("y"))
    assert one.id == other.id
    assert one.source == "self-instruct"
    assert lesson(MARKS._replace(source="own"), turns, ask("x")).source == "own"
