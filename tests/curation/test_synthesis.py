"""Native texts as answers; all makers together; what the facts say of them."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

import pytest
from teaching_support import Scripted, swiss

from locale_tune.api import Locale, Record, StageFailed
from locale_tune_curation.back_translation import (
    BackTranslationSettings,
    back_translated,
    flaw_of_question,
    preferred,
)
from locale_tune_curation.dialogues import DialogueSettings
from locale_tune_curation.self_instruct import SelfInstructSettings
from locale_tune_curation.synthesis import Source, is_wanted, synthesize
from locale_tune_curation.synthetic import Marks, language_check
from locale_tune_curation.teacher import Answer, Sampling, TeacherSettings, ask, prompt_hash

LOCALE = Locale(
    id="rm", tag="rm", script="Latn", name="x", endonym="x", direction="ltr", contrasts=("de", "it")
)
STORY = "Igl era ina giada in um che viveva sulet en ina chamona. " * 5
MARKS = Marks("back-translation", "scripted", "rm", "rm")


def text(name: str, said: str = STORY, **more: Any) -> Record:
    return Record(
        **{"id": name, "source": "tales", "lang": "rm", "variety": "rm-vallader"}
        | more
        | {"text": f"{said}{name}"}
    )


class Select(NamedTuple):
    """The part of the settings of `select` that the makers read."""

    teacher: TeacherSettings = TeacherSettings()
    self_instruct: SelfInstructSettings = SelfInstructSettings()
    dialogues: DialogueSettings = DialogueSettings()
    back_translation: BackTranslationSettings = BackTranslationSettings()


def back(records: list[Record], say: Any, **more: Any) -> tuple[list[Record], Counter[str]]:
    wanted = BackTranslationSettings(**{"lessons": 9, "ask": "Tge dumonda? {text}"} | more)
    rejected: Counter[str] = Counter()
    made = back_translated(records, Scripted(say), wanted, swiss, MARKS, 0, Sampling(), rejected)
    return made, rejected


def test_a_native_text_is_the_answer_unchanged() -> None:
    record = text("t:1", meta={"group": "g"})
    (made,), rejected = back([record], lambda _: "Raquinta d’in um sulet.")
    assert [m.content for m in made.messages] == ["Raquinta d’in um sulet.", record.text]
    assert (made.source, made.lang, made.variety) == ("tales", "rm", "rm-vallader")
    assert made.meta == {
        "origin": "synthetic",
        "maker": "back-translation",
        "teacher": "scripted",
        "prompt": prompt_hash(ask(f"Tge dumonda? {record.text}")),
        "from": "t:1",
        "way": "back-translation",
        "answer": "native",
        "group": "g",
    }
    assert not rejected


def test_only_native_texts_of_a_fitting_length_are_answers() -> None:
    records = [
        text("native"),
        text("translated", meta={"origin": "translated"}),
        text("short", "Bun di. "),
        text("long", STORY * 9),
    ]
    made, _ = back(records, lambda _: "Tge è capità?")
    assert [record.meta["from"] for record in made] == ["native"]


def test_the_seed_decides_which_texts_and_not_their_order() -> None:
    records = [text(f"t{n}") for n in range(20)]
    made, _ = back(records, lambda _: "Tge è capità?", lessons=3)
    again, _ = back(records[::-1], lambda _: "Tge è capità?", lessons=3)
    assert made == again
    assert len(made) == 3


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ("Tell me the story", "rather en than rm"),
        (Answer("Raquinta da", False), "cut at the limit"),
        ("Igl era ina giada in um", "a piece of its answer"),
        ("pled " * 61, "over 60 words"),
    ],
)
def test_a_question_that_does_not_fit_is_counted(asked: Any, reason: str) -> None:
    made, rejected = back([text("t")], lambda _: asked)
    assert not made
    assert rejected == {f"question: {reason}": 1}


def test_a_piece_is_seen_whatever_its_case_and_spaces() -> None:
    assert flaw_of_question("IN UM  CHE viveva", STORY, BackTranslationSettings()) != ""
    quoted = "Declera «Igl era ina giada in um che viveva» per plaschair."
    assert flaw_of_question(quoted, STORY, BackTranslationSettings()) != ""
    for short in ("In um viveva?", "Tgi era in um?", "Raquinta d’in um che viveva en val."):
        assert flaw_of_question(short, STORY, BackTranslationSettings()) == ""
    chinese = "从前有一个人独自住在小屋里。"
    assert flaw_of_question("从前有一个人独自住在哪里？", chinese, BackTranslationSettings()) != ""
    assert flaw_of_question("请讲一个关于小屋的故事。", chinese, BackTranslationSettings()) == ""


def test_confusable_varieties_prefer_native_answers() -> None:
    assert preferred(LOCALE) == "back-translation"
    alone = LOCALE.model_copy(update={"contrasts": ()})
    assert preferred(alone) == "forward"
    assert preferred(alone.model_copy(update={"variety_of": "ar"})) == "back-translation"


def test_filters_of_records_become_a_check_of_texts() -> None:
    seen: list[Record] = []

    def keep(record: Record) -> str:
        seen.append(record)
        return "too long" if len(record.text) > 5 else ""

    check = language_check([lambda _: "", keep], "rm", "rm-vallader")
    assert check("bun di") == "too long"
    assert check("bun") == ""
    assert (seen[0].lang, seen[0].variety) == ("rm", "rm-vallader")
    assert language_check([], "rm", "")("x") == ""


def source(told: list[str], check: Any = swiss, locale: Locale = LOCALE) -> Source:
    return Source(
        locale,
        lambda: [],
        lambda: [text(f"t{n}") for n in range(4)],
        check,
        5,
        lambda done, total, note="": told.append(note),
    )


def test_all_makers_work_and_the_facts_say_which_way() -> None:
    def say(asked: str) -> str:
        if asked.startswith("Tge"):
            return "Raquinta d’in um."
        if asked.startswith("Davart"):
            return "Co è la naiv oz?"
        if asked.endswith("."):
            return "1. Scriva ina brev a tes ami\n2. Explain the rule to her"
        return f"Ina resposta sin {len(asked)} segns"

    wanted = Select(
        TeacherSettings(variety="rm-rumgr", tokens=9),
        SelfInstructSettings(tasks=1, seeds=("Dumbra fin diesch per tudestg.",)),
        DialogueSettings(dialogues=1, rounds=1, world=("naiv",), world_opening="Davart {topic}"),
        BackTranslationSettings(lessons=2, ask="Tge? {text}"),
    )
    teacher, told = Scripted(say), []
    made = synthesize(wanted, source(told), lambda: teacher)
    assert teacher.closed == 1
    assert {s.tokens for s in teacher.samplings} == {9}
    assert told == [f"lessons by {n}" for n in ("back-translation", "dialogues", "self-instruct")]
    assert made.facts["lessons"] == {"back-translation": 2, "dialogues": 1}
    assert made.facts["rejected"]["self-instruct"] == {"task: rather en than rm": 48}
    assert made.facts["way"] == {"back-translation": 2, "forward": 1}
    assert made.facts["preferred"] == "back-translation"
    assert "drift into de, it" in made.facts["warning"]
    assert made.facts["line"] == "3 lessons by scripted (back-translation and forward)"
    for record in made.records:
        assert record.meta.keys() >= {"origin", "teacher", "prompt", "maker"}
        assert record.meta["origin"] == "synthetic"
        assert record.lang == "rm"
        assert record.variety == ("rm-vallader" if "from" in record.meta else "rm-rumgr")


def test_without_contrasts_nothing_is_warned_of() -> None:
    wanted = Select(
        dialogues=DialogueSettings(
            dialogues=1, rounds=1, world=("naiv",), world_opening="Davart {topic}"
        )
    )
    alone = LOCALE.model_copy(update={"contrasts": ()})
    said = iter(("Co è la naiv?", "Alva e fraida."))
    made = synthesize(wanted, source([], locale=alone), lambda: Scripted(lambda _: next(said)))
    assert len(made.records) == 1
    assert "warning" not in made.facts


def test_no_teacher_is_opened_for_nothing() -> None:
    def never() -> Scripted:
        raise AssertionError("opened")

    assert not is_wanted(Select())
    assert synthesize(Select(), source([]), never).records == []


def test_what_could_not_be_checked_is_not_made() -> None:
    wanted = Select(self_instruct=SelfInstructSettings(tasks=1))
    with pytest.raises(StageFailed, match="no filter would see"):
        synthesize(wanted, source([], check=None), lambda: Scripted(str))
    wanted = Select(back_translation=BackTranslationSettings(lessons=1))
    with pytest.raises(StageFailed, match=r"does not hold \{text\}"):
        synthesize(wanted, source([]), lambda: Scripted(str))


def test_memory_is_given_back_when_a_maker_fails() -> None:
    def fail(_: str) -> str:
        raise RuntimeError("out of memory")

    teacher = Scripted(fail)
    wanted = Select(self_instruct=SelfInstructSettings(tasks=1, seeds=("Scriva ina brev.",)))
    with pytest.raises(RuntimeError):
        synthesize(wanted, source([]), lambda: teacher)
    assert teacher.closed == 1
