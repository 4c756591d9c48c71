"""The words and letters of a language and of those around it, counted in the corpus."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from locale_tune.api import Locale, read_records

OTHERS = ("contrast", "control", "replay")  # splits of the corpus in other languages
SHORTEST = 4  # letters of a word that can give a language away, as in Marchisio et al. 2024
OFTEN = 5  # times it must stand in the other language's text
TIMES = 50  # and how many times as frequent as here, a word not seen here counting half
LETTERS = 0.99  # the letters of a language: the most frequent ones that make up this share


@dataclass(frozen=True)
class Vocabulary:
    """The letters of the language, the varieties of its text, and the words that give another
    language away (word: language)."""

    letters: frozenset[str]
    varieties: frozenset[str]
    foreign: Mapping[str, str]

    @classmethod
    def of(cls, locale: Locale, corpus: Path) -> Vocabulary:
        """Count the corpus; held-out text stays out, so that it can show what the lists miss."""
        own: Counter[str] = Counter()
        letters: Counter[str] = Counter()
        varieties = set()
        for record in read_records(corpus / "text"):
            varieties.add(record.variety)
            own.update(words(record.text))
            letters.update(sign for sign in record.text.lower() if sign.isalpha())
        others: dict[str, Counter[str]] = {}
        for split in OTHERS:
            for record in read_records(corpus / split):
                if record.lang not in ("", locale.tag):
                    others.setdefault(record.lang, Counter()).update(words(record.text))
        return cls(_commonest(letters), frozenset(varieties - {""}), _foreign(own, others))

    def spells(self, text: str) -> bool:
        """Whether at least half of a text's letters are letters of the language."""
        letters = [sign for sign in text.lower() if sign.isalpha()]
        return 2 * sum(sign in self.letters for sign in letters) >= len(letters)

    def strange(self, text: str) -> list[str]:
        """Return the words of a text that give another language away."""
        return [word for word in words(text) if word in self.foreign]


def words(text: str) -> Iterator[str]:
    """Yield what stands between spaces, without the signs around it, in NFC.

    Words with a capital are left out, for they may be names; most scripts have no capitals.
    """
    for run in unicodedata.normalize("NFC", text).split():
        word = _bare(run)
        if word and word == word.lower() and not any(sign.isdigit() for sign in word):
            yield word


def _bare(run: str) -> str:
    """Return a run without what is no letter and no mark at either end."""
    inside = [place for place, sign in enumerate(run) if unicodedata.category(sign)[0] in "LMN"]
    return run[inside[0] : inside[-1] + 1] if inside else ""


def _commonest(letters: Counter[str]) -> frozenset[str]:
    total, seen, kept = sum(letters.values()), 0, set()
    for letter, count in letters.most_common():
        if seen >= LETTERS * total:
            break
        kept.add(letter)
        seen += count
    return frozenset(kept)


def _foreign(own: Counter[str], others: Mapping[str, Counter[str]]) -> dict[str, str]:
    """Return {word: language} of words far more frequent in another language than in this one."""
    here = max(1, sum(own.values()))
    found: dict[str, str] = {}
    for language in sorted(others):
        there = sum(others[language].values())
        for word, count in others[language].items():
            rarely = max(own[word], 0.5) / here
            if len(word) >= SHORTEST and count >= OFTEN and count / there >= TIMES * rarely:
                found.setdefault(word, language)
    return found
