"""`select`: which chats are learned from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import locale_tune_curation
from locale_tune.api import (
    Artifact,
    Job,
    LanguagePack,
    Locale,
    Machine,
    Message,
    Parts,
    PluginError,
    Record,
    StageFailed,
    read_records,
    write_records,
)
from locale_tune_curation import SELECTORS
from locale_tune_curation.clean import asks, flaw, key
from locale_tune_curation.pool import pool_of
from locale_tune_curation.select import choose
from locale_tune_curation.settings import SelectSettings

LOCALE = Locale(id="rm", tag="rm", script="Latn", name="x", endonym="x", direction="ltr")
Run = Callable[..., tuple[list[Record], dict[str, Any]]]


def chat(identity: str, *turns: str, roles: str = "ua") -> Record:
    names = {"u": "user", "a": "assistant", "s": "system"}
    said = turns or (f"ask {identity}", f"say {identity}")
    messages = tuple(
        Message.model_validate({"role": names[role], "content": text})
        for role, text in zip(roles, said, strict=True)
    )
    return Record(id=identity, source="chats", messages=messages)


@pytest.fixture
def select(tmp_path: Path) -> Run:
    """Run the stage on lessons and text: `select([chat("1")], budget=3)`."""

    def run(
        lessons: list[Record],
        texts: tuple[Record, ...] = (),
        prompts: tuple[str, ...] = (),
        measured: tuple[Record, ...] = (),
        seed: int = 0,
        out: str = "out",
        **settings: Any,
    ) -> tuple[list[Record], dict[str, Any]]:
        corpus, made = tmp_path / f"corpus-{out}{seed}", tmp_path / f"{out}{seed}"
        made.mkdir()
        for name, records in (("lessons", lessons), ("text", texts), ("prompts", measured)):
            if records:
                write_records(corpus / name, records)
        selectors = {part.name: part for part in locale_tune_curation.locale_tune_selectors()}
        job = Job(
            pack=LanguagePack(
                locale=LOCALE, base_model="", stages=(), prompts=prompts, root=tmp_path
            ),
            parts=Parts(selectors=selectors),
            settings=SelectSettings(**settings),
            inputs={"corpus": Artifact("corpus", corpus, "")},
            seed=seed,
            fingerprint="",
            out=made,
            work=tmp_path / "work",
            machine=Machine(),
            progress=lambda done, total, note="": None,
        )
        [stage] = locale_tune_curation.locale_tune_stages()
        facts = stage.run(job)
        return list(read_records(made / "lessons")), dict(facts or {})

    return run


@pytest.mark.parametrize(
    ("record", "why"),
    [
        (chat("1"), ""),
        (chat("2", "s", "u", "a", roles="sua"), ""),
        (chat("3", "u", "a", "u", "a", roles="uaua"), ""),
        (chat("4", "u", roles="u"), "no assistant turn"),
        (chat("5", "s", roles="s"), "no assistant turn"),
        (chat("6", "u", "u", "a", roles="uua"), "roles that do not alternate"),
        (chat("7", "a", "u", "a", roles="aua"), "roles that do not alternate"),
        (chat("8", "u", "s", "a", roles="usa"), "a system turn that is not the first"),
        (chat("9", "u", "a", "u", roles="uau"), "the user has the last word"),
        (chat("10", "u", " ", roles="ua"), "an empty turn"),
        (Record(id="11", source="s", text="no chat"), "no assistant turn"),
    ],
)
def test_a_conversation_that_cannot_be_learned_from_says_why(record: Record, why: str) -> None:
    assert flaw(record) == why


def test_a_prompt_of_the_report_is_not_practised() -> None:
    assert asks(chat("1", "co  VAI?", "bain"), ["Co vai?"])
    assert not asks(chat("1", "Co vai cun tai?", "Co vai?"), ["Co vai?"])


def test_the_same_words_are_one_chat() -> None:
    assert key(chat("1", "Bun  di", "x")) == key(chat("2", "bun di", "X"))
    assert key(chat("1", "a", "b")) != key(chat("1", "b", "a"))


def test_good_lessons_stay_and_the_others_are_counted(select: Run) -> None:
    lessons = [
        *[chat(str(n)) for n in range(20)],
        chat("again", "ask 3", "SAY 3"),
        chat("open", "u", "a", "u", roles="uau"),
        chat("prompt", "Co vai?", "Bain."),
        chat("measured", "Tge è in lai?", "Aua."),
    ]
    measured = (Record(id="m", source="asked", text="Tge è in lai?"),)
    kept, facts = select(lessons, prompts=("Co vai?",), measured=measured)
    assert {record.id for record in kept} == {str(n) for n in range(20)}
    assert facts["rejected"] == {
        "asks a prompt of the report": 2,
        "copy": 1,
        "the user has the last word": 1,
    }
    assert (facts["lessons"], facts["turns"], facts["by_source"]) == (20, 40, {"chats": 20})


def test_the_order_is_shuffled_by_the_seed_alone(select: Run) -> None:
    lessons = [chat(str(n)) for n in range(50)]
    first, _ = select(lessons, seed=0)
    again, _ = select(list(reversed(lessons)), seed=1)
    other = sorted(first, key=lambda record: int(record.id))
    assert [r.id for r in first] != [r.id for r in other]
    assert [r.id for r in first] != [r.id for r in again]
    assert {r.id for r in first} == {r.id for r in again}


def test_a_budget_takes_a_sample_that_grows(select: Run) -> None:
    pool = pool_of([chat(str(n)) for n in range(30)], SelectSettings(), 0)
    sample, _ = SELECTORS["random"]
    small, large = sample(pool, 5, 7), sample(pool, 10, 7)
    assert large[:5] == small
    assert sample(pool, 5, 8) != small
    kept, facts = select(list(pool.records), selector="random", budget=4)
    assert len(kept) == 4
    assert facts["rejected"] == {"not chosen": 26}


def test_all_takes_all(select: Run) -> None:
    kept, _ = select([chat("1"), chat("2")])
    assert {record.id for record in kept} == {"1", "2"}


def test_a_budget_may_be_a_share_or_an_amount_of_text(select: Run) -> None:
    lessons = [chat(str(n), f"ask {n}", "x" * 100) for n in range(40)]
    kept, _ = select(lessons, selector="random", budget_share=0.2)
    assert len(kept) == 8
    kept, facts = select(lessons, selector="random", budget_kilobytes=1.5, seed=1)
    assert 1300 < facts["bytes"] <= 1500
    kept, _ = select(lessons, selector="random", budget=10, budget_share=0.9, seed=2)
    assert len(kept) == 10


def test_a_budget_in_tokens_counts_with_the_counter_that_is_given() -> None:
    made = [chat(str(n), f"ask {n}", "x " * (5 + n % 3)) for n in range(40)]
    settings = SelectSettings(selector="random", budget_tokens=100)
    pool = pool_of(made, settings, 0)
    parts = {part.name: part for part in locale_tune_curation.locale_tune_selectors()}

    def words(messages: Any) -> int:
        return sum(len(message.content.split()) for message in messages)

    picked = choose(pool, parts, settings, 0, lambda: words)
    sizes = [words(made[index].messages) for index in picked]
    assert sum(sizes) <= 100
    assert sum(sizes) > 100 - 10
    with pytest.raises(PluginError, match="needs a model's tokenizer"):
        choose(pool, parts, settings, 0)


@pytest.mark.parametrize("selector", ["random", "novelselect", "mig", "mdaq", "kcenter"])
def test_shares_hold_whatever_the_selector(select: Run, selector: str) -> None:
    lessons = [
        chat(str(n), f"ask {n % 17}", f"say {n} {'abc' * (n % 7)}").model_copy(
            update={"variety": "rm-a" if n < 80 else "rm-b", "meta": {"culture": f"c{n % 3}"}}
        )
        for n in range(100)
    ]
    shares = {"least": {"variety": {"rm-b": 0.4}}, "most": {"culture": {"c0": 0.2}}}
    kept, facts = select(lessons, selector=selector, budget=25, **shares)
    assert len(kept) == 25
    assert sum(record.variety == "rm-b" for record in kept) >= 10
    assert sum(record.meta["culture"] == "c0" for record in kept) <= 5
    assert facts["kept"]["variety"]["rm-b"][0] == 20
    assert sum(n for _, n in facts["kept"]["culture"].values()) == 25
    assert facts["diversity"]["after"]["lessons"] == 25
    again, _ = select(lessons, selector=selector, budget=25, out="again", **shares)
    assert [r.id for r in again] == [r.id for r in kept]


def test_a_share_of_what_there_is_none_of_is_told(select: Run) -> None:
    with pytest.raises(PluginError, match="a share of variety 'rm-x', which no lesson has"):
        select([chat("1"), chat("2")], selector="random", least={"variety": {"rm-x": 0.5}})


def test_an_unknown_selector_is_told(select: Run) -> None:
    with pytest.raises(PluginError) as raised:
        select([chat("1")], selector="randon")
    assert raised.value.remedy == "did you mean 'random'?"


def test_no_lessons_is_an_error_with_a_remedy(select: Run) -> None:
    with pytest.raises(StageFailed) as raised:
        select([chat("1", "u", roles="u")])
    assert "no assistant turn" in raised.value.problem
    assert "continuation_lessons" in raised.value.remedy


def test_native_text_can_become_lessons(select: Run) -> None:
    texts = tuple(
        Record(id=f"t{n}", source="wiki", lang="rm", text=f"Il pled {n} vegn suenter. " * 12)
        for n in range(9)
    )
    ways = {"continuation_lessons": 4, "continuation_prompt": "Cuntinuescha: {start}"}
    kept, facts = select([], texts=(*texts, Record(id="x", source="wiki", text="curt")), **ways)
    assert len(kept) == 4
    for record in kept:
        ask, say = (message.content for message in record.messages)
        number = int(record.id[1:].partition("~")[0])
        start = ask.removeprefix("Cuntinuescha: ")
        assert f"{start} {say}" == texts[number].text.strip()
        assert len(start) < len(say)
    assert facts["by_source"] == {"wiki": 4}


def test_the_plugin_offers_its_selectors_and_one_stage() -> None:
    offered = [part.name for part in locale_tune_curation.locale_tune_selectors()]
    assert offered == ["all", "random", "novelselect", "mig", "mdaq", "kcenter"]
    [stage] = locale_tune_curation.locale_tune_stages()
    assert (stage.needs, stage.makes, stage.reads) == (("corpus", "base"), "lessons", ("prompts",))


def test_native_text_and_its_translations_become_lessons_of_the_pack(select: Run) -> None:
    story = "La classa {n} va cun plaschair a scola. Il magister {n} spetga davant la porta veglia."
    texts = tuple(
        Record(
            id=f"t{n}",
            source="t",
            text=story.format(n=n),
            translation=f"Day {n}",
            meta={"translation_lang": "en"},
        )
        for n in range(20)
    )
    kept, facts = select(
        [chat("1")],
        texts,
        text_lessons=5,
        text_phrasings={"gap": [{"ask": "Tge manca? {text}"}]},
        pair_lessons=8,
        pair_phrasings=[{"lang": "en", "into": [{"ask": "Per rumantsch: {translation}"}]}],
    )
    tasks = [record.meta.get("task") for record in kept]
    assert (tasks.count("gap"), tasks.count("into"), tasks.count(None)) == (5, 8, 1)
    assert facts["lessons"] == 14
