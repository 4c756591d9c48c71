"""Lessons against sycophancy: independent coins, no claim twice, and only the truth answers."""

from __future__ import annotations

from collections import Counter
from itertools import product

import pytest
from pydantic import ValidationError

from locale_tune.api import Message, Record
from locale_tune_curation.clean import flaw
from locale_tune_curation.counter_premise import balanced, bare, claims, drawn, lesson, lessons
from locale_tune_curation.premise_phrases import ENGLISH, PremisePhrases, Statement

CURRENCY = Statement(
    ask="Tge è la munaida da {subject}?",
    say="La munaida è: {answer}.",
    claim="La munaida da {subject} è: {answer}.",
    denial="La munaida da {subject} n’è betg: {answer}.",
)
PLURAL = Statement(
    source="plurals",
    ask="Tge è il plural da «{subject}»?",
    say="Il plural da «{subject}» è «{answer}».",
    claim="Il plural da «{subject}» è «{answer}».",
    denial="Il plural da «{subject}» n’è betg «{answer}».",
)


def taught(ask: str, say: str, number: int = 0, source: str = "facts") -> Record:
    return Record(
        id=f"{source}:{number}",
        source=source,
        lang="rm",
        messages=(Message(role="user", content=ask), Message(role="assistant", content=say)),
        meta={"group": f"g{number}", "where": f"facts:{number}"},
    )


def currencies(count: int) -> list[Record]:
    return [
        taught(f"Tge è la munaida da Pajais {n}?", f"La munaida è: daner {n % 50}.", n)
        for n in range(count)
    ]


def chi_square(pairs: list[tuple[str, str]]) -> float:
    """Return the statistic of independence of a 2 x 2 table; above 10.83 in one of 1,000."""
    table, total = Counter(pairs), len(pairs)
    rows, columns = (Counter(pair[side] for pair in pairs) for side in (0, 1))
    return sum(
        (table[row, column] - expected) ** 2 / expected
        for row, column in product(rows, columns)
        for expected in [rows[row] * columns[column] / total]
    )


@pytest.fixture(scope="module")
def many() -> list[Record]:
    found = list(claims(currencies(5000), [CURRENCY], 0))
    assert len(found) == 10_000
    return lessons(found, ENGLISH, 10_000, 0)


@pytest.mark.parametrize("mark", ["opinion", "first", "denied"])
def test_nothing_but_the_truth_tells_the_answer(many, mark) -> None:
    """Chi-square over 10,000 lessons: opinion, order and wording are independent of the truth."""
    marks = [
        record.meta.get(mark) or str("n’è betg" in record.messages[0].content) for record in many
    ]
    truths = [record.meta["claim"] for record in many]
    assert chi_square(list(zip(marks, truths, strict=True))) < 10.83
    for values in (marks, truths):
        assert all(4800 < count < 5200 for count in Counter(values).values()), "fair coins"


def test_an_answer_of_many_subjects_tells_nothing() -> None:
    """Two in five use the euro, a few money of their own: each answer is as often wrong as right.

    With wrong answers drawn from the different ones, "euro" would be right nearly always.
    """
    money = ["euro"] * 80 + ["dollar"] * 40 + [f"daner {n}" for n in range(80)]
    records = [
        taught(f"Tge è la munaida da Pajais {n}?", f"La munaida è: {answer}.", n)
        for n, answer in enumerate(money)
    ]
    for some in (records, records[::-1]):
        found: dict[str, Counter[str]] = {"right": Counter(), "wrong": Counter()}
        for claim in claims(some, [CURRENCY], 0):
            answer = claim.text.removesuffix(".").replace(" n’è betg: ", " è: ").split(" è: ")[1]
            found[claim.name.rpartition("~")[2]][answer] += 1
        assert found["wrong"] == found["right"] == Counter(money)


def test_an_answer_of_most_subjects_still_gives_each_a_wrong_one() -> None:
    money = ["euro"] * 30 + ["franc", "dollar", "rand"] * 3
    records = [
        taught(f"Tge è la munaida da Pajais {n}?", f"La munaida è: {answer}.", n)
        for n, answer in enumerate(money)
    ]
    wrong = [claim for claim in claims(records, [CURRENCY], 0) if claim.name.endswith("~wrong")]
    assert len(wrong) == len(money)
    false = [claim for claim in wrong if not claim.truth and "euro" not in claim.text]
    assert len({claim.text.split(" è: ")[1] for claim in false}) == 3, "not always the same one"


def test_a_lesson_that_comes_again_gives_no_more_claims() -> None:
    """Else a subject that is taught three times would have one right claim and three wrong ones."""
    records = currencies(20)
    again = [record.model_copy(update={"id": f"more:{n}"}) for n, record in enumerate(records)]
    found = list(claims([*records, *again, *again], [CURRENCY], 0))
    assert found == list(claims(records, [CURRENCY], 0))
    assert len(found) == 40


def test_a_model_that_agrees_with_everything_leaves_nothing_to_learn() -> None:
    found = list(claims(currencies(40), [CURRENCY], 0))
    assert balanced(claim for claim in found if claim.truth) == []
    kept = balanced(claim for n, claim in enumerate(found) if claim.truth or n % 4 == 0)
    assert Counter(claim.truth for claim in kept)[True] * 2 == len(kept) > 0


def test_opinion_and_order_are_independent_of_each_other(many) -> None:
    assert chi_square([(r.meta["opinion"], r.meta["first"]) for r in many]) < 10.83


def test_the_test_of_independence_would_notice(many) -> None:
    """An opinion that is right in 55 of 100 is far above the limit."""
    leaning = [
        (r.meta["claim"] if n % 10 == 0 else r.meta["opinion"], r.meta["claim"])
        for n, r in enumerate(many)
    ]
    assert chi_square(leaning) > 10.83


def test_no_claim_comes_twice(many) -> None:
    asked = Counter(record.messages[0].content.splitlines()[-3] for record in many)
    assert set(asked.values()) == {1}


def test_the_answer_is_the_option_of_the_truth_wherever_it_stands(many) -> None:
    places = set()
    for record in many[:200]:
        question, answer = (message.content for message in record.messages)
        right = ENGLISH.agree if record.meta["claim"] == "true" else ENGLISH.disagree
        listed = question.splitlines()[-2:]
        assert answer in listed
        assert answer.endswith(right)
        assert {answer, record.meta["other"]} == set(listed)
        places.add((listed.index(answer), record.meta["first"]))
    assert len(places) == 4, "the key flips with the order"


def test_the_flipped_question_differs_in_the_opinion_alone(many) -> None:
    for record in many[:200]:
        question, flipped = record.messages[0].content, record.meta["flipped"]
        assert question != flipped
        assert question.splitlines()[1:] == flipped.splitlines()[1:]
        claim = question.splitlines()[-3]
        for text, agrees in ((question, True), (flipped, False)):
            agrees = agrees == (record.meta["opinion"] == "agree")
            phrases = ENGLISH.agrees if agrees else ENGLISH.disagrees
            held = [phrase.replace("{claim}", claim) in text for phrase in phrases]
            assert held.count(True) == 1


def test_truth_is_what_the_lessons_say() -> None:
    known = [("A", "franc"), ("B", "euro"), ("C", "euro")]
    records = [
        taught(f"Tge è la munaida da {land}?", f"La munaida è: {money}.", n)
        for n, (land, money) in enumerate(known)
    ]
    found = list(claims(records, [CURRENCY], 0))
    assert len(found) == 6
    for claim in found:
        stated = claim.text.removeprefix("La munaida da ").removesuffix(".")
        land, money = stated.replace(" n’è betg: ", " è: ").split(" è: ")
        assert claim.truth == (((land, money) in known) != ("n’è betg" in claim.text))


def test_a_second_right_answer_is_never_taken_for_wrong() -> None:
    records = [
        taught("Tge è la munaida da A?", "La munaida è: franc.", 0),
        taught("Tge è la munaida da A?", "La munaida è: Franc.", 1),
        taught("Tge è la munaida da A?", "La munaida è: euro.", 2),
    ]
    found = list(claims(records, [CURRENCY], 0))
    assert all(claim.name.endswith("~right") for claim in found)
    assert len({claim.text.casefold() for claim in found}) == len(found)


def test_only_lessons_of_the_kind_are_read() -> None:
    records = [
        taught("Tge è il plural da «chasa»?", "Il plural da «chasa» è «chasas».", 0, "plurals"),
        taught("Tge è il plural da «um»?", "Il plural da «um» è «umens».", 1, "plurals"),
        taught("Tge è il plural da «um»?", "Il plural da «dunna» è «dunnas».", 2, "plurals"),
        taught("Tge è il plural da «di»?", "Il plural da «di» è «dis».", 3, "other"),
        taught("Tge è la munaida da A?", "Jau na sai betg.", 4),
    ]
    assert {claim.record.id for claim in claims(records, [PLURAL, CURRENCY], 0)} == {
        "plurals:0",
        "plurals:1",
    }


def test_a_lesson_keeps_its_source_and_group_and_says_its_rule() -> None:
    (record, *_) = lessons(claims(currencies(9), [CURRENCY], 0), ENGLISH, 9, 0)
    assert (record.source, record.lang, record.meta["origin"]) == ("facts", "rm", "synthetic")
    assert record.meta["task"] == record.meta["maker"] == "counter-premise"
    assert "independent coins" in record.meta["rule"]
    assert record.meta["group"].startswith("g")
    assert flaw(record) == ""


def test_the_draw_is_of_the_seed_and_takes_no_more_than_wanted() -> None:
    found = list(claims(currencies(40), [CURRENCY], 0))
    assert len(drawn(found, 10, 0)) == 10
    assert drawn(found, 10, 0) == drawn(found[::-1], 10, 0)
    assert drawn(found, 10, 0) != drawn(found, 10, 1)
    assert len(lessons(found, ENGLISH, 1000, 0)) == 80


def test_the_bare_question_has_no_opinion_and_the_right_answer_first() -> None:
    for claim in claims(currencies(20), [CURRENCY], 0):
        question, (right, wrong) = bare(claim, ENGLISH, 0)
        assert claim.text in question
        assert not any(name in question for name in ENGLISH.names)
        assert (ENGLISH.agree in right) == claim.truth
        assert right != wrong
        assert lesson(claim, ENGLISH, 0).messages[0].content.count(claim.text) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"agrees": ("I agree.",)},
        {"agrees": ENGLISH.agrees[:1]},
        {"personas": ("I am somebody.",)},
        {"asks": ("Is it so? {claim}",)},
        {"listing": {"item": "{mark}) {choice}", "marks": ["a"]}},
        {"names": ()},
    ],
)
def test_phrases_that_cannot_work_are_refused(change) -> None:
    with pytest.raises(ValidationError):
        PremisePhrases(**(ENGLISH.model_dump() | change))


@pytest.mark.parametrize(
    "change",
    [{"ask": "What?"}, {"say": "Yes."}, {"claim": "{subject} is so."}, {"say": "{answer} {more}"}],
)
def test_statements_that_cannot_work_are_refused(change) -> None:
    with pytest.raises(ValidationError):
        Statement(**(CURRENCY.model_dump() | change))
