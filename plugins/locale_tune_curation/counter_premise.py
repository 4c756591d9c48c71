"""Lessons against sycophancy: people with opinions ask about claims, and only the truth answers.

After Wei et al. 2023 (arXiv:2308.03958; google/sycophancy-intervention): someone gives an opinion
on a claim whose truth is known, and asks. The opinion, the truth and the order of the two options
are independent fair coins, so nothing but the truth predicts the answer. Claims come from lessons
that are taught anyway (never from questions or held-out text): right ones as they are, wrong ones
with the answer of another lesson of the kind, each answer as often as it is right. All is drawn by
hash: the same on every machine.
"""

from __future__ import annotations

import heapq
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from locale_tune.api import Message, Record, fill, joined
from locale_tune_curation.premise_phrases import PremisePhrases, Statement
from locale_tune_curation.selectors import rank

TASK = "counter-premise"
RULE = "opinion, truth and order of the options are independent coins; the answer is the truth"


@dataclass(frozen=True)
class Known:
    """A lesson that says `answer` of `subject`."""

    record: Record
    subject: str
    answer: str


@dataclass(frozen=True)
class Claim:
    """A statement whose truth is known, and the lesson that it came from."""

    record: Record
    name: str
    text: str
    truth: bool


def claims(
    records: Iterable[Record], statements: Sequence[Statement], seed: int
) -> Iterator[Claim]:
    """Yield two claims of every lesson that a statement fits: with a right and a wrong answer.

    Whether a claim is stated or denied is a coin of its own, so half of them are true, and no
    wording tells which. Nor does an answer: see `_wrong_answers`. A lesson or a claim that comes
    again is left out. A subject of which all answers of its kind are right gives no wrong claim.
    """
    pools: list[dict[tuple[str, str], Known]] = [{} for _ in statements]
    readers = [_Reader(statement) for statement in statements]
    for record in records:
        for reader, pool in zip(readers, pools, strict=True):
            if known := reader.read(record):
                pool.setdefault((_folded(known.subject), _folded(known.answer)), known)
                break
    said: set[str] = set()
    for statement, pool in zip(statements, pools, strict=True):
        some = list(pool.values())
        for known, wrong in zip(some, _wrong_answers(some, seed), strict=True):
            for right, answer in ((True, known.answer), (False, wrong)):
                if answer is None:
                    continue
                claim = _claim(statement, known, right, answer, seed)
                if (key := _folded(claim.text)) not in said:
                    said.add(key)
                    yield claim


def balanced(claimed: Iterable[Claim]) -> list[Claim]:
    """Return as many true claims as false ones, the first of each.

    A model that agrees with everything judges all true claims rightly, and no false one: what it
    leaves would teach to agree.
    """
    sides: dict[bool, list[Claim]] = {True: [], False: []}
    for claim in claimed:
        sides[claim.truth].append(claim)
    least = min(map(len, sides.values()))
    return [claim for side in sides.values() for claim in side[:least]]


def lessons(
    claimed: Iterable[Claim], phrases: PremisePhrases, most: int, seed: int
) -> list[Record]:
    """Return lessons of up to `most` claims, drawn by hash, in the order of their draw."""
    return [lesson(claim, phrases, seed) for claim in drawn(claimed, most, seed)]


def drawn(claimed: Iterable[Claim], most: int, seed: int) -> list[Claim]:
    """Return the claims with the `most` smallest hashes."""
    return heapq.nsmallest(most, claimed, key=lambda claim: rank(seed, f"{claim.name}#drawn"))


def lesson(claim: Claim, phrases: PremisePhrases, seed: int) -> Record:
    """Return a claim as a lesson, with marks: what was drawn, and the same with the other opinion.

    `flipped` is the question asked by someone of the opposite opinion, `other` the wrong answer:
    pairs for finding the heads that follow the opinion.
    """
    agrees, first = (_coin(seed, claim, what) for what in ("opinion", "order"))
    options = [phrases.agree, phrases.disagree] if first else [phrases.disagree, phrases.agree]
    right = phrases.agree if claim.truth else phrases.disagree
    answers = {option: _listed(phrases, options, option) for option in options}
    other = next(option for option in options if option != right)
    record = claim.record
    return record.model_copy(
        update={
            "id": claim.name,
            "text": "",
            "translation": "",
            "messages": (
                Message(role="user", content=_asked(claim, phrases, agrees, options, seed)),
                Message(role="assistant", content=answers[right]),
            ),
            "meta": {
                "group": record.id,
                **record.meta,
                "origin": "synthetic",
                "maker": TASK,
                "task": TASK,
                "rule": RULE,
                "claim": "true" if claim.truth else "false",
                "opinion": "agree" if agrees else "disagree",
                "first": "agree" if first else "disagree",
                "flipped": _asked(claim, phrases, not agrees, options, seed),
                "other": answers[other],
            },
        }
    )


def bare(claim: Claim, phrases: PremisePhrases, seed: int) -> tuple[str, list[str]]:
    """Return the question without anyone's opinion, and its answers: the right one first."""
    options = [phrases.agree, phrases.disagree]
    text = _question(claim, phrases, options, seed)
    ordered = options if claim.truth else options[::-1]
    return text, [_listed(phrases, options, option) for option in ordered]


class _Reader:
    """Finds subject and answer in lessons that were written after a statement's phrasing."""

    def __init__(self, statement: Statement) -> None:
        self.statement = statement
        self.ask = _pattern(statement.ask)
        self.say = _pattern(statement.say)

    def read(self, record: Record) -> Known | None:
        """Return what a lesson says; None where it is of another kind."""
        turns = record.messages
        if self.statement.source not in ("", record.source) or len(turns) != 2:
            return None
        asked = self.ask.fullmatch(turns[0].content.strip())
        said = self.say.fullmatch(turns[1].content.strip())
        if (
            not asked
            or not said
            or said.groupdict().get("subject", asked["subject"]) != asked["subject"]
        ):
            return None
        return Known(record, asked["subject"], said["answer"])


def _pattern(phrasing: str) -> re.Pattern[str]:
    """Return a phrasing as a pattern; a slot that comes again must hold the same."""
    seen: set[str] = set()
    parts = re.split(r"\{(\w+)\}", phrasing)
    pattern = ""
    for place, part in enumerate(parts):
        slot = place % 2
        again = slot and part in seen
        pattern += f"(?P={part})" if again else f"(?P<{part}>.+?)" if slot else re.escape(part)
        seen |= {part} if slot else set()
    return re.compile(pattern, re.DOTALL)


def _wrong_answers(pool: Sequence[Known], seed: int) -> list[str | None]:
    """Return an answer of another lesson for each, that is not right for it; None where all are.

    In the order of their answers (by hash) all lessons take the answer that stands a fixed number
    of places further on: each answer is as often wrong as right, so that "euro", the money of many
    places, tells nothing. Where that gives a right answer, any wrong one is drawn.
    """
    folded = [_folded(known.answer) for known in pool]
    truths: dict[str, set[str]] = {}
    for known, answer in zip(pool, folded, strict=True):
        truths.setdefault(_folded(known.subject), set()).add(answer)
    order = sorted(
        range(len(pool)), key=lambda n: (rank(seed, folded[n]), rank(seed, pool[n].record.id))
    )
    shift = max(Counter(folded).values(), default=0)  # the least that leads to another answer
    found: list[str | None] = [None] * len(pool)
    for place, n in enumerate(order):
        right, other = truths[_folded(pool[n].subject)], order[(place + shift) % len(pool)]
        if folded[other] in right:
            wrong = [m for m in order if folded[m] not in right]
            draw = _number(seed, pool[n].record.id, "wrong")
            other = wrong[draw % len(wrong)] if wrong else n
        found[n] = None if other == n else pool[other].answer
    return found


def _claim(statement: Statement, known: Known, right: bool, answer: str, seed: int) -> Claim:
    name = f"{known.record.id}~{'right' if right else 'wrong'}"
    denied = bool(_number(seed, name, "denied") % 2)
    slots = {"subject": known.subject, "answer": answer}
    text = fill(statement.denial if denied else statement.claim, slots.__getitem__)
    return Claim(known.record, name, text, truth=right != denied)


def _asked(
    claim: Claim, phrases: PremisePhrases, agrees: bool, options: Sequence[str], seed: int
) -> str:
    name = _pick(phrases.names, seed, claim, "name")
    persona = fill(_pick(phrases.personas, seed, claim, "persona"), lambda _: name)
    held = phrases.agrees if agrees else phrases.disagrees
    opinion = fill(_pick(held, seed, claim, "wording"), lambda _: claim.text)
    return f"{joined([persona, opinion])}\n{_question(claim, phrases, options, seed)}"


def _question(claim: Claim, phrases: PremisePhrases, options: Sequence[str], seed: int) -> str:
    slots = {"claim": claim.text, "choices": phrases.listing.of(options)}
    return fill(_pick(phrases.asks, seed, claim, "ask"), slots.__getitem__)


def _listed(phrases: PremisePhrases, options: Sequence[str], option: str) -> str:
    """Return an option as it stands in the list, with its mark."""
    listing, marked = phrases.listing, option
    mark = listing.mark(options.index(option)) if listing.marks else ""
    return fill(listing.item, lambda slot: mark if slot == "mark" else marked)


def _pick(some: Sequence[str], seed: int, claim: Claim, what: str) -> str:
    return some[_number(seed, claim.name, what) % len(some)]


def _coin(seed: int, claim: Claim, what: str) -> bool:
    return bool(_number(seed, claim.name, what) % 2)


def _number(seed: int, name: str, what: str) -> int:
    return int.from_bytes(rank(seed, f"{name}#{what}")[:8], "big")


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())
