"""Shared conversations: the page around them goes, what was said stays, long ones are cut."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locale_tune.api import Message, Record, StageFailed
from locale_tune_curation.conversations import (
    ConversationSettings,
    clean_chat,
    clean_chats,
    flaw_of,
    tidied,
)
from locale_tune_curation.markdown import is_rendered, rebuild_fences, to_markdown
from locale_tune_curation.rounds import cut_rounds, rounds_of, split_chat

NAMES = {"u": "user", "a": "assistant", "s": "system"}
HTML = (
    '<div class="markdown prose"><p>Use <strong>os</strong>, not a_b*c:</p><pre><div><div>'
    "<span>python</span><button>Copy code</button></div><div>"
    '<code class="!whitespace-pre hljs language-python">import os\nprint(1 &lt; 2)\n</code>'
    "</div></div></pre><ol><li>one</li><li>two</li></ol></div>"
)
MARKDOWN = "Use **os**, not a_b*c:\n\n```python\nimport os\nprint(1 < 2)\n```\n\n1. one\n2. two"


def chat(*turns: str, roles: str = "", identity: str = "x", **meta: str) -> Record:
    roles = roles or ("ua" * len(turns))[: len(turns)]
    messages = tuple(
        Message.model_validate({"role": NAMES[role], "content": said})
        for role, said in zip(roles, turns, strict=True)
    )
    return Record(id=identity, source="chats", messages=messages, meta=meta)


def said(record: Record) -> list[str]:
    return [message.content for message in record.messages]


def cleaned(*turns: str, roles: str = "", **settings: Any) -> list[str]:
    return said(clean_chat(chat(*turns, roles=roles), ConversationSettings(**settings)))


def test_an_answer_in_html_becomes_markdown_with_its_code_in_a_fence() -> None:
    assert cleaned("How?", HTML) == ["How?", MARKDOWN]


def test_html_that_a_person_asks_about_stays_html() -> None:
    asked = "<div>\n<p>Why is this red?</p>\n</div>"
    answer = "Because of `<p>`:\n\n```html\n<p>red</p>\n```"
    assert cleaned(asked, answer) == [asked, answer]
    assert cleaned(asked, answer, html="all")[0] == "Why is this red?"
    assert cleaned("How?", HTML, html="off")[1].startswith("<div")


def test_right_to_left_text_and_entities_survive_html() -> None:
    html = '<p dir="rtl">قال: «مرحبا» &amp; سهلا</p>'
    assert is_rendered(html)
    assert to_markdown(html) == "قال: «مرحبا» & سهلا"


def test_html_nested_without_end_empties_the_turn_and_stops_no_build() -> None:
    deep = "<div>" * 20_000 + "x" + "</div>" * 20_000
    assert cleaned("one", "two", "How?", deep) == ["one", "two"]


def test_without_the_library_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "markdownify", None)
    with pytest.raises(StageFailed, match="markdownify"):
        to_markdown("<p>x</p>")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("```\npythonCopy codeimport os\n```", "```python\nimport os\n```"),
        ("```python\npythonCopy code\nimport os\n```", "```python\nimport os\n```"),
        ("```\nCopy code\nls\n```", "```\nls\n```"),
        ("```c++\nint x;\n```", "```c++\nint x;\n```"),
        ("Press Copy code there.", "Press Copy code there."),
        ("```\nbashCode kopieren\nls\n```", "```bash\nls\n```"),
    ],
)
def test_fences_are_rebuilt(text: str, expected: str) -> None:
    assert rebuild_fences(text, ("Copy code", "Code kopieren")) == expected


def test_the_page_around_an_answer_goes_and_its_words_stay() -> None:
    answer = "٢ / ٣\nCopy code\nDie Antwort.\nBearbeiten\nCopy120 chars / 20 words\nRegenerate"
    assert cleaned("?", answer, interface=("bearbeiten",)) == ["?", "Die Antwort."]
    assert cleaned("?", answer)[1] == "Die Antwort.\nBearbeiten"
    told = "Press the button «Copy code».\n```\nedit\n```"
    assert cleaned("?", told) == ["?", told]
    assert cleaned("2 / 3", "two thirds") == ["2 / 3", "two thirds"]  # people may ask that


def test_only_whole_rounds_are_left() -> None:
    assert cleaned("hm", "ask", "say", "ask again", roles="auau") == ["ask", "say"]
    assert cleaned("be kind", "hm", "ask", "say", roles="saua") == ["be kind", "ask", "say"]
    lost = ("ask", "say", "more", "Network error", "and?", "well")
    assert cleaned(*lost) == ["ask", "say"]
    assert cleaned("ask", roles="u") == []


@pytest.mark.parametrize(
    ("turns", "reason"),
    [
        (("Who made you?", "I was made by OpenAI."), "a blocked word"),
        (("hm?", "hm."), "under 16 bytes"),
        (("你好吗", "很好，谢谢你"), ""),
        (("ask",), "no whole round of question and answer"),
        (("A question that is asked", "An answer"), ""),
    ],
)
def test_why_a_conversation_is_left_out(turns: tuple[str, ...], reason: str) -> None:
    settings = ConversationSettings()
    assert flaw_of(clean_chat(chat(*turns), settings), settings) == reason


def test_two_questions_in_a_row_are_a_reason() -> None:
    settings = ConversationSettings()
    doubled = chat("one question", "another question", "an answer", roles="uua")
    assert flaw_of(clean_chat(doubled, settings), settings) == "roles that do not alternate"


def test_of_conversations_that_begin_alike_the_first_is_kept() -> None:
    rejected: Counter[str] = Counter()
    chats = [
        chat("A question", "an answer", "one", "two", identity="long"),
        chat("a  question", "An answer", identity="short"),
        chat("A question", "another answer", identity="other"),
    ]
    kept = [record.id for record in clean_chats(chats, ConversationSettings(), rejected)]
    assert kept == ["long", "other"]
    assert rejected == {"begins like another conversation": 1}


def test_only_the_sources_that_are_named_are_touched() -> None:
    rejected: Counter[str] = Counter()
    page = chat("A question", "Copy code\nan answer", identity="page")
    long = chat("q" * 20, "a" * 20, "q" * 60, "a" * 60, identity="long")
    own = page.model_copy(update={"source": "own", "id": "own"})
    wanted = ConversationSettings(sources=("chats",), most_tokens=60)

    def letters(messages: Sequence[Message]) -> int:
        return sum(len(message.content) for message in messages)

    kept = list(tidied([own, page, page, long], wanted, letters, rejected))
    assert [record.id for record in kept] == ["own", "page", "long_0"]
    assert kept[0] == own
    assert said(kept[1]) == ["A question", "an answer"]
    assert rejected == {
        "begins like another conversation": 1,
        "a round of more than 60 tokens": 1,
    }
    assert list(tidied([page], ConversationSettings(), None, rejected)) == [page]


def counter(overhead: int) -> Callable[[Sequence[Message]], int]:
    """Count the numbers that messages say, and an overhead for each."""
    return lambda messages: sum(int(message.content) + overhead for message in messages)


@pytest.mark.oracle
def test_cuts_are_those_of_the_release_where_it_loses_nothing(
    oracle: Callable[[str], dict],
) -> None:
    for case in oracle("curation")["sharegpt_split"]:
        count, most = counter(case["per_turn_overhead"]), case["max_length"]
        spoken = clean_chat(chat(*map(str, case["turn_tokens"])), ConversationSettings()).messages
        rounds = rounds_of(spoken)
        pieces, lost = cut_rounds((), rounds, count, most)
        ours = [[f"x_{piece.start}", len(piece.turns)] for piece in pieces]
        if case["turns_lost"] == 0:
            assert ours == case["official_after_role_filter"], case["name"]
        fitting = [one for one in rounds if count(one) <= most]
        kept = [one for piece in pieces for one in rounds_of(piece.turns)]
        assert kept == fitting, case["name"]
        assert lost == len(rounds) - len(fitting)


@given(st.lists(st.integers(1, 60), min_size=2, max_size=24), st.integers(20, 120))
def test_no_round_that_fits_is_lost_and_no_piece_is_too_long(sizes: list[int], most: int) -> None:
    rejected: Counter[str] = Counter()
    count = counter(6)
    record = chat("5", *map(str, sizes), roles="s" + ("ua" * len(sizes))[: len(sizes)])
    record = record.model_copy(update={"messages": record.messages[: 1 + len(sizes) // 2 * 2]})
    system, rounds = record.messages[:1], rounds_of(record.messages[1:])
    pieces = split_chat(record, count, most, rejected)
    assert all(count(piece.messages) <= most for piece in pieces)
    assert all(piece.messages[:1] == system for piece in pieces)
    kept = [one for piece in pieces for one in rounds_of(piece.messages[1:])]
    assert kept == [one for one in rounds if count((*system, *one)) <= most]
    assert sum(rejected.values()) == len(rounds) - len(kept)


def test_pieces_stay_in_one_group_and_multi_turn() -> None:
    rejected: Counter[str] = Counter()
    record = chat("9", "9", "9", "9", "9", "9", "9", "9", identity="chats:7", where="f:7")
    pieces = split_chat(record, counter(1), 40, rejected)
    assert [(piece.id, len(piece.messages)) for piece in pieces] == [
        ("chats:7_0", 4),
        ("chats:7_4", 4),
    ]
    assert pieces[1].meta == {"where": "f:7", "group": "chats:7", "piece": "2 of 2"}
    assert split_chat(record, counter(1), 80, rejected) == [record]
    assert not sum(rejected.values())


def test_a_round_too_long_ends_a_piece() -> None:
    rejected: Counter[str] = Counter()
    record = chat("2", "2", "90", "2", "3", "3", identity="c")
    pieces = split_chat(record, counter(1), 40, rejected)
    assert [said(piece) for piece in pieces] == [["2", "2"], ["3", "3"]]
    assert rejected == {"a round of more than 40 tokens": 1}
