"""Find training text that holds what the model is later tested on.

Folded words (`fold.py`): items of 26 words or more are found by any 13 words in a row (Brown et
al. 2020, arXiv:2005.14165, appendix C), shorter ones by 8, items of 4 to 7 words only whole, and
still shorter ones only when they are the whole text. A question of under 26 words counts only
whole, because many are poured into one template, and always only together with its answer.
"""

from __future__ import annotations

from collections import defaultdict

from locale_tune.api import Record
from locale_tune_corpus.filters import strings
from locale_tune_corpus.fold import fold

LONG, SHORT, WHOLE = 13, 8, 4
Words = tuple[int, ...]


class Leaks:
    """An exact index of protected items: word numbers, so that no hash can err."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._grams: dict[int, dict[Words, set[Words]]] = defaultdict(lambda: defaultdict(set))
        self._whole: set[Words] = set()

    def protect(self, record: Record) -> None:
        """Protect a text, both sides of a pair, and a question together with its answer."""
        for text in (record.text, record.translation):
            if text:
                self._add(self._learn(text))
        if record.question and record.answer is not None:
            answer = self._learn(record.choices[record.answer])
            question = self._learn(record.question)
            if len(question) + len(answer) >= WHOLE:
                size = LONG if len(question) >= 2 * LONG else len(question)
                self._windows(question, size, answer)

    def find(self, record: Record) -> str:
        """Return which kind of protected item a record holds, or an empty string."""
        words = [self._numbers.get(word, -1) for word in fold(" \n ".join(strings(record))).split()]
        if tuple(words) in self._whole:
            return "holds a held-out text"
        for size, grams in self._grams.items():
            known = 0  # how many words up to here occur in protected items at all
            for end, word in enumerate(words, 1):
                known = known + 1 if word >= 0 else 0
                if known < size or not (answers := grams.get(tuple(words[end - size : end]))):
                    continue
                if () in answers:
                    return "holds a held-out text"
                if any(_inside(answer, words) for answer in answers):
                    return "holds a question and its answer"
        return ""

    def _learn(self, text: str) -> Words:
        return tuple(self._numbers.setdefault(w, len(self._numbers)) for w in fold(text).split())

    def _add(self, words: Words) -> None:
        size = LONG if len(words) >= 2 * LONG else SHORT if len(words) >= SHORT else len(words)
        if size < WHOLE:
            self._whole.add(words)
        else:
            self._windows(words, size, ())

    def _windows(self, words: Words, size: int, answer: Words) -> None:
        for start in range(len(words) - size + 1):
            self._grams[size][words[start : start + size]].add(answer)


def _inside(part: Words, words: list[int]) -> bool:
    size = len(part)
    return any(tuple(words[i : i + size]) == part for i in range(len(words) - size + 1))
