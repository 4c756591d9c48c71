"""Make lessons of native text and of translations: gaps, choices, order, both directions.

The text is what people wrote; only the question around it comes from the pack. Everything is drawn
by hash, so a record gives the same lesson on every machine and beside any other records.
"""

from __future__ import annotations

import heapq
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby, pairwise
from typing import NamedTuple, TypeVar

from locale_tune.api import Message, Record, fill, joined, sentences
from locale_tune_curation.phrasings import CHOICES, ORDERED, PairPhrasings, Phrasing, TextPhrasings
from locale_tune_curation.selectors import rank

INSIDE = "'’ʼ-‑·\u200c\u200d"  # between two letters they belong to the word
SHORTEST_WORD, LEAST_WORDS = 3, 5
SHORTEST, LONGEST = 10, 300  # characters of a sentence

T = TypeVar("T")
Make = Callable[[], Record | None]


class Word(NamedTuple):
    """A word of a sentence and where it begins. In scripts without spaces it is a clause."""

    text: str
    start: int


class Cut(NamedTuple):
    """A sentence with one word cut out, after the sentence before it."""

    text: str
    sentence: str
    word: str


def from_text(
    records: Iterable[Record], phrasings: TextPhrasings, most: int, seed: int
) -> Iterator[Record]:
    """Yield up to `most` lessons of native text, at most one of a record, drawn by hash.

    Which kind a record becomes is drawn too; if it does not suit that kind, the next is tried.
    Holds `most` lessons, however many records there are.
    """
    kinds = [name for name in KINDS if getattr(phrasings, name)]

    def candidates() -> Iterator[tuple[bytes, Make]]:
        for record in records:
            yield rank(seed, record.id), partial(_lesson, record, kinds, phrasings)

    yield from _drawn(candidates() if kinds else (), most)


def from_parallel(
    records: Iterable[Record], pairs: Sequence[PairPhrasings], most: int, seed: int
) -> Iterator[Record]:
    """Yield up to `most` lessons of translation, in each direction that has phrasings, by hash.

    Only records with `text`, `translation` and a `meta["translation_lang"]` of the phrasings
    count. They must be for training: what the corpus keeps under `parallel` is for measuring.
    """
    by_lang = {pair.lang: pair for pair in pairs}

    def candidates() -> Iterator[tuple[bytes, Make]]:
        for record in records:
            pair = by_lang.get(record.meta.get("translation_lang", ""))
            if not (pair and record.text.strip() and record.translation.strip()):
                continue
            for way in ("into", "out_of"):
                if ways := getattr(pair, way):
                    key = rank(seed, f"{record.id}~{way}")
                    yield key, partial(_translated, record, way, ways)

    yield from _drawn(candidates(), most)


def words_of(sentence: str) -> list[Word]:
    """Return the words of a sentence: stretches of letters, marks and digits with their place."""
    found: list[Word] = []
    for inside, run in groupby(enumerate(sentence), lambda item: _in_word(sentence, item[0])):
        if inside:
            letters = list(run)
            found.append(Word("".join(char for _, char in letters), letters[0][0]))
    return found


def _in_word(text: str, at: int) -> bool:
    if text[at] in INSIDE:
        return 0 < at < len(text) - 1 and text[at - 1].isalpha() and text[at + 1].isalpha()
    return unicodedata.category(text[at])[0] in "LMN"


def _drawn(candidates: Iterable[tuple[bytes, Make]], most: int) -> Iterator[Record]:
    """Yield the lessons with the `most` smallest hashes, in the order of the records."""
    heap: list[tuple[int, int, Record]] = []
    for number, (key, make) in enumerate(candidates):
        place = -int.from_bytes(key[:8], "big")
        if most < 1 or (len(heap) == most and place <= heap[0][0]):
            continue
        if lesson := make():
            heapq.heappush(heap, (place, number, lesson))
            if len(heap) > most:
                heapq.heappop(heap)
    for _, _, lesson in sorted(heap, key=lambda item: item[1]):
        yield lesson


def _lesson(record: Record, kinds: list[str], phrasings: TextPhrasings) -> Record | None:
    for kind in sorted(kinds, key=lambda kind: rank(0, f"{record.id}#{kind}")):
        if lesson := KINDS[kind](record, phrasings):
            return lesson
    return None


def _gap(record: Record, phrasings: TextPhrasings) -> Record | None:
    cut = _cut(record, phrasings.blank)
    return _Asked(record, "gap", phrasings.gap).filled(cut._asdict()) if cut else None


def _choice(record: Record, phrasings: TextPhrasings) -> Record | None:
    cut = _cut(record, phrasings.blank)
    wrong = _others(record, cut) if cut else []
    if not cut or len(wrong) < CHOICES - 1:
        return None
    asked = _Asked(record, "choice", phrasings.choice)
    choices = _ranked([cut.word, *wrong], f"{record.id}#choice", str)
    listing = asked.phrasing.listing
    mark = listing.mark(choices.index(cut.word)) if listing.marks else ""
    return asked.filled({**cut._asdict(), "choices": listing.of(choices), "mark": mark})


def _order(record: Record, phrasings: TextPhrasings) -> Record | None:
    least, most = ORDERED
    asked = _Asked(record, "order", phrasings.order)
    lines = [sentences(line, record.lang) for line in record.text.splitlines()]
    usable = [parts for parts in lines if len(parts) >= least and len(set(parts)) == len(parts)]
    for parts in _ranked(usable, f"{record.id}#order", "\0".join):
        start = _number(f"{record.id}#from") % (len(parts) - least + 1)
        chosen = parts[start : start + most]
        if any(not SHORTEST <= len(part) <= LONGEST for part in chosen):
            continue
        mixed = _ranked(chosen, f"{record.id}#mixed", str)
        if mixed == chosen:
            mixed = [*mixed[1:], mixed[0]]
        listed = asked.phrasing.listing.of(mixed)
        return asked.filled({"sentences": listed, "text": joined(chosen)})
    return None


def _translated(record: Record, way: str, phrasings: Sequence[Phrasing]) -> Record:
    slots = {"text": record.text.strip(), "translation": record.translation.strip()}
    return _Asked(record, way, phrasings).filled(slots)


class _Asked:
    """A record, and the phrasing of a task that its id decides."""

    def __init__(self, record: Record, task: str, phrasings: Sequence[Phrasing]) -> None:
        self._record, self._task = record, task
        self._nth = _number(f"{record.id}#{task}") % len(phrasings)
        self.phrasing = phrasings[self._nth]

    def filled(self, slots: Mapping[str, str]) -> Record:
        """Return the lesson."""
        ask, say = (
            fill(text, slots.__getitem__).strip() for text in (self.phrasing.ask, self.phrasing.say)
        )
        said = {"task": self._task, "template": f"{self._task}.{self._nth + 1}"}
        return self._record.model_copy(
            update={
                "id": f"{self._record.id}~{self._task}",
                "text": "",
                "translation": "",
                "messages": (
                    Message(role="user", content=ask),
                    Message(role="assistant", content=say),
                ),
                "meta": {"group": self._record.id, **self._record.meta, **said},
            }
        )


def _cut(record: Record, blank: str) -> Cut | None:
    """Cut a word out of a sentence, and show the sentence before it if it has not that word."""
    places = [
        (before, part)
        for line in record.text.splitlines()
        for before, part in pairwise(["", *sentences(line, record.lang)])
        if SHORTEST <= len(part) <= LONGEST
    ]
    for before, sentence in _ranked(places, f"{record.id}#sentence", "\0".join):
        good = _to_cut(words_of(sentence), " " in sentence)
        for word in _ranked(good, f"{record.id}#word", lambda word: word.text)[:1]:
            end = word.start + len(word.text)
            gapped = f"{sentence[: word.start]}{blank}{sentence[end:]}"
            told = word.text.casefold() in {known.text.casefold() for known in words_of(before)}
            shown = [gapped] if told or not before else [before, gapped]
            return Cut(joined(shown), sentence, word.text)
    return None


def _to_cut(words: list[Word], spaced: bool) -> list[Word]:
    """Return the words worth asking: after the first, of the longer half, once in the sentence."""
    if len(words) < (LEAST_WORDS if spaced else 2):
        return []
    known = Counter(word.text.casefold() for word in words)
    middle = sorted(len(word.text) for word in words)[len(words) // 2]
    return [
        word
        for word in words[1:]
        if len(word.text) >= max(SHORTEST_WORD, middle)
        and known[word.text.casefold()] == 1
        and not any(char.isdigit() for char in word.text)
    ]


def _others(record: Record, cut: Cut) -> list[str]:
    """Return words of the same text that do not stand in what is asked, nearest in length first."""
    asked = {word.text.casefold() for word in words_of(f"{cut.text} {cut.word}")}
    others: dict[str, str] = {}
    for word in words_of(record.text):
        if len(word.text) >= SHORTEST_WORD and not any(char.isdigit() for char in word.text):
            others.setdefault(word.text.casefold(), word.text)
    fit = [word for folded, word in others.items() if folded not in asked]
    fit.sort(key=lambda word: (abs(len(word) - len(cut.word)), rank(0, f"{record.id}#{word}")))
    return fit[: CHOICES - 1]


def _number(text: str) -> int:
    return int.from_bytes(rank(0, text)[:8], "big")


def _ranked(items: Iterable[T], salt: str, name: Callable[[T], str]) -> list[T]:
    return sorted(items, key=lambda item: rank(0, f"{salt}#{name(item)}"))


KINDS: dict[str, Callable[[Record, TextPhrasings], Record | None]] = {
    "gap": _gap,
    "choice": _choice,
    "order": _order,
}
