"""Find training text that holds what the model is later tested on.

Texts are compared as folded words (`fold.py`). An item of 26 words or more is found by any 13
words in a row (Brown et al. 2020, arXiv:2005.14165, appendix C), one of 8 to 25 words by any 8,
one of 4 to 7 words only whole, and a still shorter one only when it is the whole text. Items of 8
to 25 words, and questions of 4 to 25, are also found when one word was added, left out or replaced
or two neighbours changed places (`near.py`).

A question always counts only together with its answer, and under 26 words only whole, because
many are poured into one template. An answer must be there word for word; of one with 8 words or
more, 8 in a row. In scripts without spaces four letters count as a word (`units.py`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from sys import intern

from locale_tune.api import Record
from locale_tune_corpus.filters import strings
from locale_tune_corpus.near import Frames, common, one_edit
from locale_tune_corpus.units import LETTERS, units, units_per_word

LONG, SHORT, WHOLE = 13, 8, 4
ROOM = 60  # words between a question that was changed and its answer: room for all choices
Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """One protected text or question: its words, and how many in a row give it away."""

    name: str
    words: Words
    answer: Words | None
    run: int
    near: bool


class Leaks:
    """An exact index of protected items, by a few runs of words of each (its seeds).

    Every run of words that gives an item away holds one of its seeds whole, so that only where a
    seed is met the item itself is compared. Memory: about 35 bytes per word of a long item, 600
    bytes for a short one. It can be pickled; `find` may be called before all is protected.
    """

    def __init__(self) -> None:
        self._items: list[Item] = []
        self._seeds: dict[int, dict[Words, list[tuple[int, int]]]] = defaultdict(dict)
        self._whole: dict[Words, str] = {}
        self._frames = Frames()

    def protect(self, record: Record) -> None:
        """Protect a text, both sides of a pair, a preference, a question with its answer."""
        name = f"{record.source} {record.id}"
        chat = " \n ".join(message.content for message in record.messages)
        for text in (record.text, record.translation, chat if record.rejected else ""):
            if words := _words(text):
                self._add_text(name, words)
        if record.question and record.answer is not None:
            words, answer = _words(record.question), _words(record.choices[record.answer])
            if words and len(words) + len(answer) >= WHOLE:
                self._add_question(name, words, answer)

    def find(self, record: Record) -> str:
        """Return which protected item a record holds, as a reason, or an empty string."""
        words = units(" \n ".join(strings(record)))
        if len(words) < WHOLE * LETTERS and (name := self._whole.get(tuple(words))):
            return f"holds a held-out text: {name}"
        for place, item, offset in self._met(words):
            if self._holds(words, place, item, offset):
                kind = "held-out text" if item.answer is None else "question and its answer"
                return f"holds a {kind}: {item.name}"
        return ""

    def _add_text(self, name: str, words: Words) -> None:
        size, one = len(words), units_per_word(words)
        whole, short, long = WHOLE * one, SHORT * one, LONG * one
        if size < whole:
            self._whole.setdefault(words, name)
            return
        run = long if size >= 2 * long else short if size >= short else size
        near = short <= size < 2 * long
        starts = set(range(0, size - whole + 1, run - whole + 1))
        if near:
            starts |= _apart(size, whole)
        self._add(Item(name, words, None, run, near), whole, starts)

    def _add_question(self, name: str, words: Words, answer: Words) -> None:
        size, one = len(words), units_per_word(words)
        if size >= 2 * LONG * one:
            starts = set(range(0, size - WHOLE * one + 1, (LONG - WHOLE) * one + 1))
            self._add(Item(name, words, answer, LONG * one, near=False), WHOLE * one, starts)
            return
        seed = 4 if size >= 9 * one else 3 if size >= 6 * one else 2 if size >= WHOLE * one else 1
        item = Item(name, words, answer, size, near=seed > 1)
        seed = seed * one if seed > 1 else size
        self._add(item, seed, _apart(size, seed))

    def _add(self, item: Item, seed: int, starts: set[int]) -> None:
        for start in sorted(starts):
            places = self._seeds[seed].setdefault(item.words[start : start + seed], [])
            places.append((len(self._items), start))
        self._items.append(item)
        if item.near:
            self._frames.add(item.words)

    def _met(self, words: list[str]) -> Iterator[tuple[int, Item, int]]:
        """Yield where a seed stands in a text, its item, and where it stands in the item."""
        for size, seeds in self._seeds.items():
            if seeds.keys().isdisjoint(_grams(words, size)):
                continue  # nearly always: one pass in C, and no more
            grams = enumerate(_grams(words, size))
            for place, gram in [(place, gram) for place, gram in grams if gram in seeds]:
                for number, offset in seeds[gram]:
                    yield place, self._items[number], offset

    def _holds(self, words: list[str], place: int, item: Item, offset: int) -> bool:
        start, rest = max(0, offset - item.run), len(item.words) - offset
        before, after = item.words[start:offset][::-1], item.words[offset : offset + item.run]
        left = common(before, words[max(0, place - len(before)) : place][::-1])
        right = common(after, words[place : place + len(after)])
        if left + right >= item.run:
            return item.answer is None or _holds_answer(words, item.answer)
        if not item.near or (left < offset and right < rest):
            return False
        found = one_edit(item.words, offset - left, offset + right, words, place - left)
        if found is None or found in self._frames.locked(item.words):
            return False
        around = words[max(0, place - offset - ROOM) : place + rest + ROOM]
        return item.answer is None or _holds_answer(around, item.answer)


def _words(text: str) -> Words:
    return tuple(map(intern, units(text)))


def _grams(words: list[str], size: int) -> Iterator[Words]:
    return zip(*(words[start:] for start in range(size)), strict=False)


def _apart(size: int, seed: int) -> set[int]:
    """Return where seeds start that no single edit can all break: side by side, and at the end."""
    return {*range(0, size - seed + 1, seed), size - seed}


def _holds_answer(words: list[str], answer: Words) -> bool:
    size = min(len(answer), SHORT * units_per_word(answer))
    parts = {answer[start : start + size] for start in range(len(answer) - size + 1)}
    return not size or not parts.isdisjoint(_grams(words, size))
