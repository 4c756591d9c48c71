"""Tell the languages and varieties of a pack apart, by a classifier learnt from its corpus.

The classifier is offered by a filter (`Filter.chances`; the corpus plugin's `variety-id` by
default), so no plugin imports another. It is trained here anew, on the splits that hold text to
learn from (`text`, and other languages in `contrast`, `control` and `replay`): the corpus stays a
folder of texts, and held-out text, which the classifier has not seen, says how far it can be
trusted. It only knows the languages of these splits: an answer in any other is taken for the
nearest, or for none when its letters are not those of the language.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from locale_tune.api import Filter, Locale, LocaleTuneError, did_you_mean, read_records

from .languages import count_words
from .vocabulary import OTHERS, Vocabulary

LEAST_WORDS = 5  # Marchisio et al. 2024 test lines of five tokens or more
LEAST_CHANCE = 0.3  # ... and call a line unknown that is no likelier than this
SHORT, UNKNOWN, SCRIPT = "too short", "unknown", "another script"
Chances = Callable[[str], Mapping[str, float]]


@dataclass
class Languages:
    """The classifier of one corpus; trained when it is first asked, kept in the folder `work`.

    `told`: the labels that it weighed for the texts so far. One without text to learn from is
    never among them, so its absence from answers says nothing.
    """

    locale: Locale
    corpus: Path
    filters: Mapping[str, Filter]
    name: str
    work: Path
    seed: int
    facts: dict[str, Any] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)

    @property
    def known(self) -> bool:
        """Whether there are other languages to tell this one from, and a filter that can."""
        return self._filter is not None and any(self._others())

    @property
    def _filter(self) -> Filter | None:
        """Return the filter that is asked for. Raise LocaleTuneError where it cannot tell."""
        able = {name: each for name, each in self.filters.items() if each.chances}
        if able and self.name not in able:
            raise LocaleTuneError(
                f"the filter '{self.name}' cannot say how likely a language is",
                did_you_mean(self.name, able) or f"choose from {', '.join(sorted(able))}",
                "settings assess.identifier",
            )
        return able.get(self.name)

    @cached_property
    def words(self) -> Vocabulary:
        """The words and letters of this language and of the others."""
        return Vocabulary.of(self.locale, self.corpus)

    @cached_property
    def own(self) -> frozenset[str]:
        """The labels that mean this language: its id, and the varieties of its text."""
        return frozenset({self.locale.id, *self.words.varieties})

    @cached_property
    def _chances(self) -> Chances:
        given = {"seed": self.seed, "texts": self._texts, "facts": self.facts, "work": self.work}
        able = self._filter
        if able is None or able.chances is None:
            return lambda text: {}
        return able.chances(self.locale, given)

    def label(self, text: str) -> str:
        """Return what a text is: a variety, another language, or why that cannot be said.

        The varieties of the language stand together against every other language.
        """
        if count_words(text) < LEAST_WORDS:
            return SHORT
        if not self.words.spells(text):
            return SCRIPT
        chances = self._chances(" ".join(text.split()))
        if not chances:
            return SHORT
        self.told |= set(chances)
        own = {name: chance for name, chance in chances.items() if name in self.own}
        others = {name: chance for name, chance in chances.items() if name not in self.own}
        rival = max(sorted(others), key=lambda name: others[name], default="")
        ours = sum(own.values())
        if max(ours, others.get(rival, 0.0)) <= LEAST_CHANCE:
            return UNKNOWN
        if rival and others[rival] > ours:
            return rival
        return max(sorted(own), key=lambda name: own[name])

    def _texts(self) -> Iterator[tuple[str, str, str]]:
        """Yield (language, variety, text) to learn from."""
        for record in read_records(self.corpus / "text"):
            yield self.locale.id, record.variety, record.text
        yield from self._others()

    def _others(self) -> Iterator[tuple[str, str, str]]:
        for split in OTHERS:
            for record in read_records(self.corpus / split):
                if record.text and record.lang not in ("", self.locale.tag):
                    yield record.lang, record.variety, record.text
