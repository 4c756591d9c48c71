"""Lessons of native text: what is asked comes from a pack, the text from those who wrote it."""

from __future__ import annotations

from collections import Counter

import pytest
from pydantic import ValidationError

from locale_tune.api import Message, Record
from locale_tune_curation.clean import flaw
from locale_tune_curation.makers import from_parallel, from_text, words_of
from locale_tune_curation.phrasings import PairPhrasings, TextPhrasings

MARKED = {"item": "{mark}) {choice}", "marks": ["a", "b", "c", "d"]}
GAP = {"gap": [{"ask": "Tge pled manca?\n\n{text}"}]}
CHOICE = {
    "choice": [
        {
            "ask": "Tge pled manca?\n\n{text}\n\n{choices}",
            "say": "{mark}) {word}",
            "listing": MARKED,
        }
    ]
}
ORDER = {"order": [{"ask": "Metta questas frasas en la dretga successiun:\n\n{sentences}"}]}
STORY = (
    "La damaun leva il sulegl sur las muntognas grischunas.\n"
    "Ils uffants van cun gronda plaschair a la scola dal vitg. Il magister als spetga davant la "
    "porta veglia. Suenter mezdi giogan els sper il flum fraid. La saira turnan tuts stanchels a "
    "chasa."
)
ARABIC = (
    "رحت السوق مع أخوي أمس العصر. شرينا خبز وجبن وفواكه حق البيت. "
    "بعدين رجعنا البيت وسوينا العشا مع أمي. كلنا تعشينا سوا وضحكنا وايد."
)
CHINESE = (
    "今天天气很好，我们去公园吧。孩子们在草地上玩，大人们在树下聊天。"
    "下午下雨了，大家都跑回家。晚上我们一起做饭，一边听音乐。"
)
THAI = " ".join(
    [
        "ประชาชนทุกคนมีสิทธิได้รับการศึกษาอย่างเท่าเทียมกัน",
        "รัฐต้องจัดการศึกษาให้แก่เด็กทุกคนโดยไม่เก็บค่าใช้จ่าย",
        "ผู้ปกครองมีสิทธิเลือกการศึกษาให้แก่บุตรของตนตามความเหมาะสม",
    ]
)
TEXTS = [STORY, ARABIC, CHINESE]


def text(content: str, number: int = 0, lang: str = "rm", **more: object) -> Record:
    meta = {"group": f"g{number}", "culture": "stories"}
    return Record.model_validate(
        {"id": f"s:{number}", "source": "s", "lang": lang, "text": content, "meta": meta, **more}
    )


def made(content: str, phrasings: dict[str, object], count: int = 30) -> list[Record]:
    records = [text(content, number) for number in range(count)]
    return list(from_text(records, TextPhrasings.model_validate(phrasings), count, 0))


def said(record: Record) -> tuple[str, str]:
    return record.messages[0].content, record.messages[1].content


@pytest.mark.parametrize("content", TEXTS)
def test_a_gap_filled_with_the_answer_is_native_text_again(content: str) -> None:
    lessons = made(content, GAP)
    assert len(lessons) == 30
    for lesson in lessons:
        ask, word = said(lesson)
        shown = ask.partition("\n\n")[2]
        assert shown.count("____") == 1
        assert shown.replace("____", word) in content
        assert word not in [found.text for found in words_of(shown)]
    assert len({said(lesson) for lesson in lessons}) >= 3


@pytest.mark.parametrize("content", TEXTS)
def test_one_of_four_choices_stood_there_and_none_is_in_the_question(content: str) -> None:
    for lesson in made(content, CHOICE):
        _, shown, listed = said(lesson)[0].split("\n\n")
        choices = dict(line.split(") ") for line in listed.split("\n"))
        assert list(choices) == ["a", "b", "c", "d"]
        assert len(set(choices.values())) == 4
        mark, word = said(lesson)[1].split(") ")
        assert choices[mark] == word
        assert shown.replace("____", word) in content
        assert not set(choices.values()) & {found.text for found in words_of(shown)}
        assert all(choice in content for choice in choices.values())


def test_the_right_choice_stands_anywhere() -> None:
    assert set(Counter(said(lesson)[1][0] for lesson in made(STORY, CHOICE))) == set("abcd")


@pytest.mark.parametrize("content", [*TEXTS, THAI])
def test_sentences_are_put_in_the_order_of_the_text(content: str) -> None:
    lessons = made(content, ORDER)
    assert lessons
    for lesson in lessons:
        ask, say = said(lesson)
        listed = [line.removeprefix("- ") for line in ask.split("\n\n")[1].split("\n")]
        assert 3 <= len(listed) <= 5
        assert say in content
        assert sorted(listed, key=say.index) != listed
        assert "".join(sorted(listed, key=say.index)).replace(" ", "") == say.replace(" ", "")


def test_what_the_record_is_stays_with_the_lesson() -> None:
    record = text(STORY, variety="rm-rumgr")
    [lesson] = from_text([record], TextPhrasings.model_validate(GAP), 1, 0)
    assert lesson.id == "s:0~gap"
    assert (lesson.source, lesson.lang, lesson.variety) == ("s", "rm", "rm-rumgr")
    assert lesson.meta == {**record.meta, "task": "gap", "template": "gap.1"}
    assert (lesson.text, flaw(lesson)) == ("", "")


def test_the_seed_draws_the_records_and_order_changes_nothing() -> None:
    phrasings = TextPhrasings.model_validate({**GAP, **CHOICE, **ORDER})
    records = [text(STORY, number) for number in range(50)]
    first = list(from_text(records, phrasings, 10, 0))
    assert len(first) == 10
    back = list(from_text(records[::-1], phrasings, 10, 0))
    assert sorted(first, key=lambda r: r.id) == sorted(back, key=lambda r: r.id)
    assert first != list(from_text(records, phrasings, 10, 1))
    assert {r.meta["task"] for r in from_text(records, phrasings, 50, 0)} == {
        "gap",
        "choice",
        "order",
    }


def test_text_that_suits_no_kind_gives_no_lesson_and_another_takes_its_place() -> None:
    phrasings = TextPhrasings.model_validate({**GAP, **CHOICE, **ORDER})
    short = [text("Bun di.", number) for number in range(40)]
    lessons = list(from_text([*short, text(STORY, 99)], phrasings, 5, 0))
    assert [lesson.id.partition("~")[0] for lesson in lessons] == ["s:99"]
    assert list(from_text([text(STORY)], TextPhrasings(), 5, 0)) == []
    assert list(from_text([text(STORY)], phrasings, 0, 0)) == []


def test_words_keep_their_marks_and_apostrophes() -> None:
    words = [word.text for word in words_of("L’aua è fraida, «schi» 12-avel हिन्दी भाषा مُدَرِّس.")]
    assert words == ["L’aua", "è", "fraida", "schi", "12", "avel", "हिन्दी", "भाषा", "مُدَرِّس"]
    sentence = "Ella ha l’aua."
    assert [sentence[w.start : w.start + len(w.text)] for w in words_of(sentence)] == [
        "Ella",
        "ha",
        "l’aua",
    ]


PAIRS = [
    PairPhrasings.model_validate(
        {
            "lang": "en",
            "into": [
                {"ask": "Translatescha en rumantsch:\n\n{translation}"},
                {"ask": "Co din ins «{translation}» per rumantsch?", "say": "«{text}»"},
            ],
            "out_of": [{"ask": "Translatescha en englais:\n\n{text}"}],
        }
    )
]


def pair(number: int, lang: str = "en") -> Record:
    meta = {"translation_lang": lang}
    return text(f"Frasa {number}", number, translation=f"Sentence {number}", meta=meta)


def test_a_pair_is_asked_in_both_directions() -> None:
    lessons = list(from_parallel([pair(n) for n in range(40)], PAIRS, 100, 0))
    assert Counter(lesson.meta["task"] for lesson in lessons) == {"into": 40, "out_of": 40}
    assert len({lesson.id for lesson in lessons}) == 80
    assert {lesson.meta["template"] for lesson in lessons} == {"into.1", "into.2", "out_of.1"}
    for lesson in lessons:
        number = lesson.id.partition("~")[0].removeprefix("s:")
        asked, answered = (("Sentence", "Frasa"), ("Frasa", "Sentence"))[
            lesson.meta["task"] == "out_of"
        ]
        assert f"{asked} {number}" in said(lesson)[0]
        assert f"{answered} {number}" in said(lesson)[1]
        assert (lesson.translation, lesson.meta["group"]) == ("", f"s:{number}")


def test_pairs_of_another_language_and_text_without_translation_are_left() -> None:
    records = [pair(1, "de"), text(STORY, 2), pair(3)]
    assert {r.id for r in from_parallel(records, PAIRS, 9, 0)} == {"s:3~into", "s:3~out_of"}
    assert len(list(from_parallel([pair(n) for n in range(40)], PAIRS, 7, 0))) == 7


@pytest.mark.parametrize(
    ("phrasings", "problem"),
    [
        ({"gap": [{"ask": "Tge manca?"}]}, "must hold {text}"),
        ({"gap": [{"ask": "{text} {wort}"}]}, "no other slot"),
        ({"gap": [{"ask": "{text}", "say": "gea"}]}, "must hold one"),
        ({"gap": [{"ask": "{text"}]}, "brace"),
        ({"choice": [{"ask": "{text}"}]}, "must hold {choices}, {text}"),
        (
            {"choice": [{"ask": "{text} {choices}", "listing": {**MARKED, "marks": ["a", "b"]}}]},
            "needs 4 marks",
        ),
        ({"order": [{"ask": "{text}"}]}, "must hold {sentences}"),
        ({"gap": [{"ask": "{text}"}], "blank": ""}, "at least 1 character"),
    ],
)
def test_phrasings_that_cannot_work_are_refused(phrasings: dict[str, object], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem.replace("{", r"\{")):
        TextPhrasings.model_validate(phrasings)


def test_a_turn_is_a_message() -> None:
    [lesson] = made(STORY, GAP, 1)
    assert all(isinstance(turn, Message) for turn in lesson.messages)
    assert [turn.role for turn in lesson.messages] == ["user", "assistant"]
