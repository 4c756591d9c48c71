"""Find copies: the same words again, nearly the same text, one question with two answers."""

from __future__ import annotations

from array import array

from rensa import RMinHash, RMinHashLSH

from locale_tune.api import Record
from locale_tune_corpus.filters import strings
from locale_tune_corpus.fold import fingerprint, fold

PERMUTATIONS, BANDS = 120, 24  # 24 bands of 5 rows: 9,999 in 10,000 pairs of similarity 0.8
GRAM = 5


class Copies:
    """Remembers what was kept; the first of two copies, in the pack's order, stays.

    Exact copies are found by the SHA-256 of the folded text, near copies by MinHash on character
    5-grams (Broder 1997) with `threshold` as the estimated Jaccard similarity. Memory: 32 bytes
    per record and about 2 KB per running text.
    """

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._exact: dict[tuple[str, bytes], int] = {}
        self._digests: list[array[int] | None] = []
        self._index = RMinHashLSH(threshold or 1.0, PERMUTATIONS, BANDS)
        self._answers: dict[bytes, bytes] = {}
        self.disputed: set[bytes] = set()

    def find(self, record: Record, role: str) -> str:
        """Return why a record is a copy, or remember it and return an empty string."""
        key = _key(record)
        if record.question and record.answer is not None:
            self._dispute(key, fingerprint(record.choices[record.answer]))
        if (role, key) in self._exact:
            return "copy"
        if role == "text" and self._threshold and self._near(record.text):
            return "near copy"
        self._exact[role, key] = (
            len(self._digests) - 1 if role == "text" and self._threshold else -1
        )
        return ""

    def forget(self, record: Record, role: str) -> None:
        """Take a record out that is left out after all, so that no copy of it is lost with it."""
        place = self._exact.pop((role, _key(record)), -1)
        if place >= 0:
            self._digests[place] = None

    def _dispute(self, key: bytes, answer: bytes) -> None:
        if self._answers.setdefault(key, answer) != answer:
            self.disputed.add(key)

    def _near(self, text: str) -> bool:
        folded = fold(text)
        grams = {folded[i : i + GRAM] for i in range(max(1, len(folded) - GRAM + 1))}
        made = RMinHash(PERMUTATIONS, 1)
        made.update(sorted(grams))
        digest = array("I", made.digest())
        if any(
            _similar(known, digest) >= self._threshold
            for key in self._index.query(made)
            if (known := self._digests[key]) is not None
        ):
            return True
        self._index.insert(len(self._digests), made)
        self._digests.append(digest)
        return False


def _similar(one: array[int], other: array[int]) -> float:
    """Return the share of equal minima, which estimates the Jaccard similarity."""
    return sum(a == b for a, b in zip(one, other, strict=True)) / PERMUTATIONS


def _key(record: Record) -> bytes:
    if record.question:
        return question_key(record)
    return fingerprint("\n".join(strings(record)))


def question_key(record: Record) -> bytes:
    """Return one key for a question and its choices in any order."""
    return fingerprint("\n".join((record.question, *sorted(record.choices))))
