"""Dialogues that one teacher plays both roles of."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from teaching_support import Scripted, swiss

from locale_tune.api import Message, Record
from locale_tune_curation.dialogues import DialogueSettings, Topic, make_dialogues, topics
from locale_tune_curation.synthetic import Marks
from locale_tune_curation.teacher import Answer, Sampling, ask, prompt_hash

MARKS = Marks("dialogues", "scripted", "rm", "rm")
OPEN = "Dumonda davart {topic}"


def settings(**more: Any) -> DialogueSettings:
    return DialogueSettings(
        **{"dialogues": 2, "world": ("naiv", "vin"), "world_opening": OPEN} | more
    )


class Numbers:
    """Say something new each time."""

    def __init__(self, *said: str | Answer) -> None:
        self.said = list(said)
        self.count = 0

    def __call__(self, _: str) -> str | Answer:
        self.count += 1
        return (
            self.said.pop(0) if self.said else f"dit {self.count} {self.count * 7} {self.count * 5}"
        )


def make(
    about: list[Topic], say: Numbers, **more: Any
) -> tuple[list[Record], Scripted, Counter[str]]:
    teacher, rejected = Scripted(say), Counter[str]()
    made = make_dialogues(about, teacher, settings(**more), swiss, MARKS, 4, Sampling(), rejected)
    return made, teacher, +rejected


def test_the_roles_take_turns_and_the_teacher_sees_them_exchanged() -> None:
    made, teacher, rejected = make(
        [Topic("world", "naiv")],
        Numbers(),
        rounds=2,
        user="Ti es l’utilisader.",
        assistant="Respunda.",
    )
    (record,) = made
    assert [m.role for m in record.messages] == ["user", "assistant"] * 2
    said = [m.content for m in record.messages]
    assert not rejected
    assert teacher.seeds == [4, 5, 6, 7]
    assert [[(m.role, m.content) for m in prompt] for prompt in teacher.asked] == [
        [("user", "Dumonda davart naiv")],
        [("system", "Respunda."), ("user", said[0])],
        [
            ("system", "Ti es l’utilisader."),
            ("user", "Dumonda davart naiv"),
            ("assistant", said[0]),
            ("user", said[1]),
        ],
        [("system", "Respunda."), ("user", said[0]), ("assistant", said[1]), ("user", said[2])],
    ]
    assert record.meta == {
        "origin": "synthetic",
        "maker": "dialogues",
        "teacher": "scripted",
        "prompt": prompt_hash(ask("Dumonda davart naiv")),
        "about": "world",
    }


@pytest.mark.parametrize(
    ("third", "reason"),
    [
        ("What is the weather?", "question: rather en than rm"),
        (Answer("E co", False), "question: cut at the limit"),
        (Answer("", True), "question: nothing said"),
        ("Co è l’aura oz?", "question: said before"),
    ],
)
def test_a_turn_that_is_not_sound_ends_the_dialogue_before_its_round(
    third: str | Answer, reason: str
) -> None:
    say = Numbers("Co è l’aura oz?", "I naiva ferm.", third)
    made, teacher, rejected = make([Topic("world", "naiv")], say)
    assert [m.content for m in made[0].messages] == ["Co è l’aura oz?", "I naiva ferm."]
    assert rejected == {reason: 1}
    assert len(teacher.asked) == 3


def test_an_answer_that_is_not_sound_takes_its_question_along() -> None:
    say = Numbers("Co è l’aura oz?", "I naiva ferm.", "E damaun?", "the sun")
    made, _, rejected = make([Topic("world", "naiv")], say)
    assert len(made[0].messages) == 2
    assert rejected == {"answer: rather en than rm": 1}
    say = Numbers("Co è l’aura oz?", "I naiva ferm.", "E damaun?", "the sun")
    made, _, rejected = make([Topic("world", "naiv")], say, least_rounds=2)
    assert made == []
    assert rejected["dialogue: too few rounds"] == 1


def test_two_dialogues_do_not_open_alike() -> None:
    say = Numbers("Co è l’aura oz en val?", "Co è l’aura oz en val?")
    made, _, rejected = make([Topic("world", "naiv"), Topic("world", "vin")], say)
    assert len(made) == 1
    assert rejected == {"question: said before": 1, "dialogue: too few rounds": 1}


def test_material_stands_in_the_first_question_and_keeps_its_source() -> None:
    text = "Il chaun curra tras il guaud e tschertga il chatschader."
    made, teacher, _ = make(
        [Topic("material", text, "udhr:7", "udhr")],
        Numbers("Resumescha quai."),
        material_opening="Incumbensa per: {text}",
        rounds=1,
    )
    assert teacher.asked[0][0].content == f"Incumbensa per: {text}"
    assert made[0].messages[0].content == f"Resumescha quai.\n\n{text}"
    assert made[0].source == "udhr"
    assert (made[0].meta["about"], made[0].meta["from"]) == ("material", "udhr:7")


def test_the_whole_is_judged_where_turns_are_too_short_to_tell() -> None:
    teacher, rejected = Scripted(Numbers("Wie?", "So.")), Counter[str]()
    short = settings(rounds=1)

    def check(text: str) -> str:
        return "rather de than rm" if "Wie?\nSo." in text else ""

    topic = [Topic("world", "naiv")]
    assert make_dialogues(topic, teacher, short, check, MARKS, 0, Sampling(), rejected) == []
    assert rejected["dialogue: rather de than rm"] == 1


def test_kinds_take_turns_and_the_seed_decides_which_topics() -> None:
    def text(name: str, size: int) -> Record:
        return Record(id=name, source="s", text="a" * size)

    texts = [text("short", 10), text("a", 300), text("b", 300), text("long", 9000)]
    wanted = settings(
        dialogues=6,
        creation=("brev",),
        creation_opening="Scriva {topic}",
        material=True,
        material_opening="{text}",
    )
    found = topics(texts, wanted, 0)
    assert [topic.kind for topic in found] == ["world", "creation", "material"] * 2
    assert {topic.record for topic in found if topic.kind == "material"} == {"a", "b"}
    assert found == topics(texts[::-1], wanted, 0)
    names = {tuple(t.text for t in topics((), settings(), seed)) for seed in range(9)}
    assert names == {("naiv", "vin"), ("vin", "naiv")}
    assert topics(texts, settings(world_opening=""), 0) == []


def test_a_dialogue_can_be_learned_from() -> None:
    from locale_tune_curation.clean import flaw

    made, _, _ = make([Topic("world", "naiv"), Topic("world", "vin")], Numbers())
    assert [flaw(record) for record in made] == ["", ""]
    assert all(isinstance(m, Message) for record in made for m in record.messages)
