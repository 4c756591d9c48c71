"""ROUGE-L over the units of any language, and the search for near copies that it decides.

Lin 2004 (aclanthology.org/W04-1013): F1 = 2 LCS / (m + n). The usual tokenizer keeps a-z and 0-9
alone, so that two identical sentences in Arabic or Chinese score 0 there. Here the units are
words, and in scripts that write no spaces letters.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from math import ceil
from typing import NamedTuple

from locale_tune.api import spacing

UNIT = re.compile(f"[{spacing.LETTERS}]|[^{spacing.LETTERS}]+")
SHORT_UNITS = (
    (re.compile(f"[{spacing.HAN_AND_KANA}]"), 2),
    (re.compile(f"[{spacing.OTHERS}]"), 4),
)
SLACK = 1e-9


def units(text: str) -> list[str]:
    """Return the folded words of a text; in a script without spaces, letters with their marks."""
    found: list[str] = []
    for word in spacing.runs(folded(text)):
        first = len(found)
        for unit in UNIT.findall(word):
            if len(found) > first and unicodedata.category(unit[0])[0] == "M":
                found[-1] += unit
            else:
                found.append(unit)
    return found


def characters(text: str) -> list[str]:
    """Return the folded characters of a text without its white space."""
    return list("".join(folded(text).split()))


def word_count(text: str) -> float:
    """Return about how many words a text has: two letters of Han, four of Thai make one."""
    return sum(1 / _letters_per_word(unit) for unit in units(text))


def _letters_per_word(unit: str) -> int:
    return next((count for letter, count in SHORT_UNITS if letter.match(unit)), 1)


def folded(text: str) -> str:
    """Return a text in NFC without differences of case."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def lcs(one: Sequence[Hashable], other: Sequence[Hashable]) -> int:
    """Return the length of the longest common subsequence.

    Bit-parallel (Hyyrö 2004): bit i of `row` falls once the i-th unit of `one` ends a longer one.
    """
    where: defaultdict[Hashable, int] = defaultdict(int)
    for index, unit in enumerate(one):
        where[unit] |= 1 << index
    full = (1 << len(one)) - 1
    row = full
    for unit in other:
        hits = row & where.get(unit, 0)
        row = (row + hits | row - hits) & full
    return len(one) - row.bit_count()


def rouge_l(one: Sequence[Hashable], other: Sequence[Hashable]) -> float:
    """Return the ROUGE-L F1 of two lists of units: 0 if both are empty."""
    total = len(one) + len(other)
    return 2 * lcs(one, other) / total if total else 0.0


class Match(NamedTuple):
    """The known text most like another one, by its place in the order of adding, and their F1."""

    place: int
    score: float


class Known:
    """Texts to be told apart from new ones.

    `closest` is exact and looks at few of them: two texts with an F1 above t share more than
    t (m + n) / 2 units, so more than t m / (2 - t) of the m of one; what shares none of its
    rarest units cannot reach that.
    """

    def __init__(self, texts: Iterable[Sequence[str]] = ()) -> None:
        self._texts: list[Sequence[str]] = []
        self._keys: list[frozenset[tuple[str, int]]] = []
        self._holders: defaultdict[tuple[str, int], list[int]] = defaultdict(list)
        for text in texts:
            self.add(text)

    def __len__(self) -> int:
        return len(self._texts)

    def add(self, text: Sequence[str]) -> None:
        """Remember the units of a text."""
        keys = _numbered(text)
        for key in keys:
            self._holders[key].append(len(self._texts))
        self._texts.append(text)
        self._keys.append(keys)

    def closest(self, text: Sequence[str], above: float) -> Match | None:
        """Return the known text with the highest F1 above `above`, the first of equals, or None."""
        keys = _numbered(text)
        best = None
        for index in sorted(self._candidates(keys, above)):
            bound = above if best is None else best.score
            total = len(keys) + len(self._keys[index])
            if 2 * min(len(keys), len(self._keys[index])) / total <= bound:
                continue
            if 2 * len(keys & self._keys[index]) / total <= bound:
                continue
            score = rouge_l(self._texts[index], text)
            if score > bound:
                best = Match(index, score)
        return best

    def _candidates(self, keys: frozenset[tuple[str, int]], above: float) -> set[int]:
        """Return the texts that hold one of the rarest keys, of which a like one must hold one."""
        needed = max(ceil(above * len(keys) / (2 - above) - SLACK), 1)
        rare = sorted((len(self._holders.get(key, ())), key) for key in keys)
        return {
            index
            for _, key in rare[: len(keys) - needed + 1]
            for index in self._holders.get(key, ())
        }


def _numbered(text: Sequence[str]) -> frozenset[tuple[str, int]]:
    """Return each unit with its how-manieth: what two texts share of these, they share of units."""
    seen: Counter[str] = Counter()
    keys = []
    for unit in text:
        keys.append((unit, seen[unit]))
        seen[unit] += 1
    return frozenset(keys)
