"""Four-way cloze questions from held-out text: which sentence comes next?

After the idea of SWAG (Zellers et al. 2018, arXiv:1808.05326) without its machine-written
endings: the wrong sentences are true sentences of other held-out groups in the same variety, near
the right one in length. For languages that have no test of their own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from locale_tune.api import Record, joined, sentences
from locale_tune_corpus.fold import rank
from locale_tune_corpus.sides import group_of, half

SHORTEST, LONGEST = 25, 300
CONTEXT = 3
CHOICES = 4
PER_DOCUMENT = 2
LEAST_GROUPS = 8


class Sentence(NamedTuple):
    """One sentence and the group and variety it comes from."""

    text: str
    group: str
    variety: str


def cloze_questions(records: Iterable[Record], most: int, seed: int) -> list[Record]:
    """Return up to `most` questions, at most two per document, chosen by hash.

    A variety with fewer than eight held-out groups gets none: the same few wrong sentences would
    stand in every question.
    """
    pool: dict[str, list[Sentence]] = defaultdict(list)
    places: list[tuple[bytes, Record, list[str], int]] = []
    for record in records if most else ():
        parts = sentences(record.text, record.lang)
        usable = [i for i, s in enumerate(parts) if SHORTEST <= len(s) <= LONGEST]
        own = (Sentence(parts[i], group_of(record), record.variety) for i in usable)
        pool[record.variety].extend(own)
        ranked = sorted((rank(seed, record.id, str(i)), i) for i in usable if i > 0)
        places += [(key, record, parts, i) for key, i in ranked[:PER_DOCUMENT]]
    made: list[Record] = []
    rich = {v for v, own in pool.items() if len({s.group for s in own}) >= LEAST_GROUPS}
    for _, record, parts, index in sorted(places, key=lambda place: place[0]):
        if len(made) < most and record.variety in rich:
            made.extend(_question(record, parts, index, pool[record.variety], seed))
    return made


def _question(
    record: Record, parts: list[str], index: int, pool: list[Sentence], seed: int
) -> Iterator[Record]:
    right, group = parts[index], group_of(record)
    identity = f"{record.id}~{index}"

    def unlike(sentence: Sentence) -> tuple[bool, bytes]:
        close = 0.6 <= len(sentence.text) / len(right) <= 1.6
        return not close, rank(seed, identity, sentence.text)

    wrong: list[str] = []
    for sentence in sorted((s for s in pool if s.group != group), key=unlike):
        if sentence.text not in (right, *wrong) and len(wrong) < CHOICES - 1:
            wrong.append(sentence.text)
    if len(wrong) < CHOICES - 1:
        return
    place = rank(seed, identity)[0] % CHOICES
    choices = (*wrong[:place], right, *wrong[place:])
    yield Record(
        id=identity,
        source=record.source,
        lang=record.lang,
        variety=record.variety,
        question=joined(parts[max(0, index - CONTEXT) : index]),
        choices=choices,
        answer=place,
        meta={"group": group, "format": "cloze", "split": half(group), "split_by": "group"},
    )
