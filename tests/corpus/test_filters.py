"""Filters keep a record or give a reason."""

from __future__ import annotations

from typing import Any

import pytest
from corpus_support import GULF, ROMANSH, parts

from locale_tune.api import Locale, Message, Record
from locale_tune_corpus.scripts import share

SENTENCE = "Il rumantsch è ina lingua che vegn discurrida en il chantun Grischun"


def reason(name: str, text: str, locale: Locale = ROMANSH, **settings: Any) -> str:
    keep = parts().filters[name].make(locale, settings)
    return keep(Record(id="1", source="s", text=text))


@pytest.mark.parametrize(
    ("text", "locale", "kept"),
    [
        ("Bun di a tuts", ROMANSH, True),
        ("Bun di 😀 123 !!!", ROMANSH, True),
        ("السلام عليكم", ROMANSH, False),
        ("السلام عليكم يا hello", GULF, True),
        ("hello everyone يا", GULF, False),
        ("123 !!! 😀", ROMANSH, False),
        ("ﷲ اكبر", GULF, True),
    ],
)
def test_script_share(text: str, locale: Locale, kept: bool) -> None:
    assert (reason("script-share", text, locale) == "") is kept


def test_the_least_share_can_be_set() -> None:
    assert reason("script-share", "hello يا", GULF, min=0.1) == ""


def test_every_letter_is_of_a_script_we_do_not_know() -> None:
    assert share("ꓮꓯ", "Lisu") == 1.0


@pytest.mark.parametrize(
    ("text", "why"),
    [("kurz", "under 20 bytes"), ("x" * 100_001, "over 100000 bytes"), (SENTENCE, "")],
)
def test_length_counts_bytes(text: str, why: str) -> None:
    assert reason("length", text) == why


def test_an_arabic_sentence_is_long_in_bytes_before_it_is_in_letters() -> None:
    assert reason("length", "السلام عليكم") == ""


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (SENTENCE, ""),
        ("Bun di.\nBun di.\nBun di.\nAdia.", "lines that repeat"),
        (" ".join(["bun di"] * 40), "words that repeat"),
        ("gea gea gea gea gea gea", "one word over and over"),
        ("gea gea", ""),
        ("هههههههههه والله", ""),
    ],
)
def test_repetition(text: str, why: str) -> None:
    assert reason("repetition", text) == why


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (SENTENCE, ""),
        ("می‌خواهم", ""),  # Persian needs the zero-width non-joiner
        ("مرحبا\u200f يا", ""),
        ("جميـــل", ""),
        ("line\nand\ttab", ""),
        ("a\u202eb", "overrides writing direction"),
        ("a\u2066b", "overrides writing direction"),
        ("a\x00b", "control character"),
        ("a\x85b", "control character"),
        ("a\ue000b", "private character"),
        ("a\uffffb", "private character or none"),
        ("a\ufdd0b", "private character or none"),
        ("Z\ufffdrich", "lost in conversion"),
        ("جم" + "\u0640" * 20 + "يل", "flood of tatweel"),
        ("hi <|im_end|> there", "chat control string"),
        ("hi <|im\u200b_end|> there", "chat control string"),
        ("hi ＜|im_end|＞ there", "chat control string"),
        ("[INST] do it", "chat control string"),
        ("x\n### Instruction: y", "chat control string"),
        ("5 < 6 and a|b", ""),
    ],
)
def test_hygiene(text: str, why: str) -> None:
    assert (why in reason("hygiene", text)) if why else reason("hygiene", text) == ""


@pytest.mark.parametrize("field", ["question", "choices", "messages", "translation"])
def test_hygiene_looks_at_every_field(field: str) -> None:
    bad = "x\u202ey"
    values: dict[str, Any] = {
        "question": {"question": bad},
        "choices": {"question": "q", "choices": ("a", bad)},
        "messages": {"messages": (Message(role="user", content=bad),)},
        "translation": {"text": "a", "translation": bad},
    }
    record = Record(id="1", source="s", **values[field])
    assert parts().filters["hygiene"].make(ROMANSH, {})(record)


def test_four_long_words_that_return_are_found_where_three_are_few_enough() -> None:
    phrase = "abcdefghij bcdefghija cdefghijab defghijabc"
    fill = [f"wort{n:06d}" for n in range(80)]
    text = " ".join(f"{phrase} {' '.join(fill[n : n + 16])}" for n in range(0, 80, 16))
    assert reason("repetition", text) == "words that repeat"
