"""ROUGE-L in any language, and the search for near copies."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locale_tune_curation.rouge import Known, Match, characters, lcs, rouge_l, units, word_count

TEXTS = st.lists(st.sampled_from("abcd"), max_size=14)


@pytest.mark.oracle
def test_scores_are_those_of_the_definition_and_not_those_of_the_usual_tokenizer(
    oracle: Callable[[str], dict],
) -> None:
    defects = 0
    for pair in oracle("curation")["rouge_pairs"]["pairs"]:
        one, other = pair["a"], pair["b"]
        words = rouge_l(one.casefold().split(), other.casefold().split())
        assert words == pytest.approx(pair["rougeL_f_whitespace_tokens"], rel=1e-7)
        assert rouge_l(units(one), units(other)) == pytest.approx(words)
        letters = rouge_l(characters(one), characters(other))
        assert letters == pytest.approx(pair["rougeL_f_characters"], rel=1e-7)
        if one == other and pair["rougeL_f_rouge_score_default"] == 0.0:
            defects += 1
            assert rouge_l(units(one), units(other)) == 1.0
    assert defects == 1


def _table(one: list[str], other: list[str]) -> int:
    """Return the longest common subsequence by the table of the textbooks."""
    row = [0] * (len(other) + 1)
    for unit in one:
        before = row[:]
        for n, theirs in enumerate(other, 1):
            row[n] = before[n - 1] + 1 if unit == theirs else max(before[n], row[n - 1])
    return row[-1]


@given(TEXTS, TEXTS)
def test_the_longest_common_subsequence_is_that_of_the_table(
    one: list[str], other: list[str]
) -> None:
    assert lcs(one, other) == lcs(other, one) == _table(one, other)


def test_long_texts_need_more_bits_than_a_machine_word() -> None:
    draw = random.Random(1)
    one, other = ([draw.choice("abcdef") for _ in range(200)] for _ in range(2))
    assert lcs(one, other) == _table(one, other)


@given(st.lists(TEXTS, max_size=12), TEXTS, st.sampled_from([0.0, 0.3, 0.5, 0.7, 0.9]))
def test_the_search_finds_what_comparing_with_all_finds(
    known: list[list[str]], text: list[str], above: float
) -> None:
    scores = [rouge_l(other, text) for other in known]
    best = max(scores, default=0.0)
    expected = Match(scores.index(best), best) if best > above else None
    assert Known(known).closest(text, above) == expected


def test_few_of_many_texts_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = random.Random(2)
    words = [f"w{n}" for n in range(400)]
    known = Known([draw.choices(words, k=12) for _ in range(2000)])
    compared = []
    monkeypatch.setattr(
        "locale_tune_curation.rouge.rouge_l", lambda a, b: compared.append(1) or rouge_l(a, b)
    )
    text = draw.choices(words, k=12)
    known.add([*text[:11], "x"])
    match = known.closest(text, 0.7)
    assert match
    assert match.place == 2000
    assert len(compared) <= 5


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Écris un  POÈME.", ["écris", "un", "poème."]),
        ("E\u0301cris", ["écris"]),
        ("请用iPhone 15写", ["请", "用", "iphone", "15", "写"]),
        ("ของฉันที่", ["ข", "อ", "ง", "ฉั", "น", "ที่"]),
        ("かがく", ["か", "が", "く"]),
        ("བོད་ཡིག", ["བོད", "ཡིག"]),
        ("ሰላም፡ዓለም", ["ሰላም", "ዓለም"]),
        ("한국어 문장", ["한국어", "문장"]),
        ("", []),
    ],
)
def test_units_are_those_of_the_script(text: str, expected: list[str]) -> None:
    assert units(text) == expected


def test_a_text_has_about_as_many_words_in_any_script() -> None:
    assert word_count("Write a poem about the sea now") == 7
    assert word_count("写一首关于大海的诗") == 4.5
    assert word_count("เขียน") == 1.0
