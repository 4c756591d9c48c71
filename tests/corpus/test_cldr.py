"""Facts in templates: what is asked is never taught, in any language."""

from __future__ import annotations

import pytest
from corpus_support import Read

from locale_tune.api import PackError
from locale_tune_corpus.facts import KINDS, asked, facts

TEMPLATES = """
[[lessons]]
fact = "currency"
ask = ["Munaida da {territory}?", "{territory}: munaida?"]
say = ["{currency}."]

[[questions]]
fact = "currency"
ask = ["Munaida da {territory}?"]

[[text]]
fact = "month"
say = ["Suenter {month} vegn {next}."]
"""


@pytest.mark.parametrize("kind", KINDS)
def test_facts_have_one_key_in_every_language(kind: str) -> None:
    romansh, english = facts(kind, "rm"), facts(kind, "en")
    shared = {f.key for f in romansh} & {f.key for f in english}
    assert len(shared) >= 0.5 * len(romansh)
    assert len({fact.key for fact in romansh}) == len(romansh)
    assert all(fact.answer in fact.slots for fact in romansh)


def test_some_facts_are_as_everyone_knows_them() -> None:
    def known(kind: str, locale: str, key: str) -> str:
        fact = next(fact for fact in facts(kind, locale) if fact.key == key)
        return fact.slots[fact.answer]

    assert known("territory", "rm", "territory:DE") == "Germania"
    assert known("currency", "en", "currency:EC") == "US Dollar"
    assert known("official", "en", "official:AT") == "German"
    assert known("month", "rm", "month:01") == "favrer"
    assert known("month", "en", "month:12") == "January"
    assert known("weekday", "rm", "weekday:6") == "glindesdi"
    assert known("money", "rm", "money:CHF") == "franc svizzer"
    assert known("date", "rm", "date:2024-03-11") == "11 da mars 2024"
    assert known("count", "gsw", "count:day:002") == "2 Tääg"
    assert known("count", "ar", "count:hour:002") == "ساعتان"
    assert known("time", "sw", "time:day:-03") == "siku 3 zilizopita"
    assert known("time", "en", "time:month:+11") == "in 11 months"


@pytest.mark.parametrize("locale", ["rm", "gsw", "ar_AE", "sw", "ha", "yo", "zu", "xh", "zh"])
def test_no_fact_is_a_number_without_words(locale: str) -> None:
    for kind in ("count", "time"):
        names = [fact.slots["name"] for fact in facts(kind, locale)]
        assert not [name for name in names if name.endswith(("day", "hour")) or name[0] in "+-"]
        assert len(names) == len({fact.key for fact in facts(kind, locale)})


def test_a_name_that_gives_the_answer_away_is_no_question() -> None:
    keys = {fact.key for fact in facts("currency", "rm")}
    assert "currency:CH" not in keys  # Svizra, franc svizzer
    assert "currency:FR" in keys


def test_a_fact_asked_is_never_taught(read: Read) -> None:
    lessons = read("cldr", TEMPLATES, role="lessons", locale="rm")
    questions = read("cldr", TEMPLATES, role="questions", locale="rm")
    taught = {record.meta["group"] for record in lessons}
    tested = {record.meta["group"] for record in questions}
    assert taught
    assert tested
    assert not taught & tested
    assert 0.15 < len(tested) / len(taught | tested) < 0.5


def test_every_phrasing_is_taught(read: Read) -> None:
    lessons = read("cldr", TEMPLATES, role="lessons", locale="rm")
    groups = [record.meta["group"] for record in lessons]
    assert all(groups.count(group) == 2 for group in groups)
    assert len({record.id for record in lessons}) == len(lessons)


def test_questions_have_four_choices_and_the_right_one_anywhere(read: Read) -> None:
    questions = read("cldr", TEMPLATES, role="questions", locale="rm")
    right = {fact.key: fact.slots["currency"] for fact in facts("currency", "rm")}
    for record in questions:
        assert len(set(record.choices)) == 4
        key = record.meta["group"].removeprefix("cldr-").replace("-", ":")
        assert record.choices[record.answer] == right[key]
    assert {record.answer for record in questions} == {0, 1, 2, 3}


def test_languages_ask_the_same_with_the_right_answer_in_the_same_place(read: Read) -> None:
    both = [read("cldr", TEMPLATES, role="questions", locale=tag) for tag in ("rm", "en")]
    places = [{record.meta["group"]: record.answer for record in records} for records in both]
    shared = places[0].keys() & places[1].keys()
    assert len(shared) > 30
    assert all(places[0][group] == places[1][group] for group in shared)


def test_sentences_are_of_taught_facts(read: Read) -> None:
    texts = [record.text for record in read("cldr", TEMPLATES, locale="rm")]
    assert texts
    assert len(texts) == 12 - sum(asked(f"month:{n:02d}") for n in range(1, 13))


@pytest.mark.parametrize(
    ("text", "locale", "problem"),
    [
        ("[[lessons]]\nfact = 'time'\nask=['{name}']\nsay=['x']", "xh", "no 'time' in 'xh'"),
        ("[[lessons]]\nfact = 'months'\n", "rm", "no facts are called 'months'"),
        ("[[lessons]]\nfact = 'month'\nask=['{mont}']\nsay=['x']", "rm", "no slot {mont}"),
        (TEMPLATES, "xx", "no locale 'xx'"),
        ("[[text]]\nfact = 'month'\nsay=['{month}']", "rm", "has no [[lessons]]"),
        ("[[lessons]]\nfakt = 'month'\n", "rm", "holds no templates"),
        ("not toml", "rm", "holds no templates"),
    ],
)
def test_a_mistake_in_the_templates_is_the_authors(
    read: Read, text: str, locale: str, problem: str
) -> None:
    with pytest.raises(PackError) as raised:
        read("cldr", text, role="lessons", locale=locale)
    assert problem in raised.value.problem
    assert raised.value.remedy
