"""Words that only one variety uses: how many answers hold one, and how far the list can be trusted.

The lists are the pack's (`[settings.assess.markers]`): under the pack's id or a variety, words that
its near relatives do not use; under a contrast language, words of that language alone. Folded as
little as comparing needs, so a list says what is written: NFC, small letters, no signs around.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping

from locale_tune.api import LocaleTuneError, did_you_mean

Lists = Mapping[str, Iterable[str]]


class Markers:
    """The markers of each label; one is a word or several."""

    def __init__(self, lists: Lists) -> None:
        self.lists = {
            label: frozenset(" ".join(folded(word)) for word in words)
            for label, words in lists.items()
        }

    def found(self, text: str) -> dict[str, frozenset[str]]:
        """Return the different markers of each label that a text holds."""
        here = folded(text)
        known, whole = set(here), f" {' '.join(here)} "
        return {
            label: frozenset(
                word
                for word in markers
                if (word in known if " " not in word else f" {word} " in whole)
            )
            for label, markers in self.lists.items()
        }

    def says(self, text: str, labels: Iterable[str], prompt: str = "") -> bool:
        """Whether a text holds a marker of one of these labels that its prompt does not hold."""
        found, echoed = self.found(text), self.found(prompt)
        return any(
            found.get(label, frozenset()) - echoed.get(label, frozenset()) for label in labels
        )


def folded(text: str) -> list[str]:
    """Return the words of a text in small letters, without the signs around and between them."""
    tidy = unicodedata.normalize("NFC", text).lower()
    letters = (sign if unicodedata.category(sign)[0] in "LMN" else " " for sign in tidy)
    return "".join(letters).split()


def check_labels(lists: Lists, own: Iterable[str], others: Iterable[str]) -> None:
    """Raise LocaleTuneError when a list stands under a label that means nothing here."""
    known = sorted({*own, *others})
    for label in lists:
        if label not in known:
            raise LocaleTuneError(
                f"there are markers of '{label}', which is no variety of this pack's text and no "
                "contrast language",
                did_you_mean(label, known) or f"use one of {', '.join(known)}",
                "settings assess.markers",
            )
