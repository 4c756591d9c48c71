"""`language-id` and `variety-id`: keep text that is not another language or variety.

Public language identifiers do not know most varieties (lid.176 finds Rumantsch Grischun in 46 of
100 sentences, Vallader in 12, and calls every Arabic `ar`), so a classifier is trained during the
build from the pack's own text and its contrast texts (`identify.py`). Lists of words that give a
variety away (`markers.py`) are added to its verdict, and decide alone where there is too little
text to train on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from locale_tune.api import Locale, PackError, Record, did_you_mean
from locale_tune_corpus.fold import fold
from locale_tune_corpus.identify import SHOWN, Identifier, identifier
from locale_tune_corpus.markers import Markers, weighed

JUDGED = 40


def language_id(locale: Locale, settings: Mapping[str, Any]) -> Verdict:
    """Return a filter that drops a text when another language wins by `margin` (0.5).

    `collect` passes `texts` (a function that yields (language, variety, text)), `seed`, `work` (a
    folder where the trained models are kept) and `facts`, to write the confusion matrix and the
    held-out accuracy to. Without contrast texts and markers nothing is dropped; `facts` says so.
    """
    own = settings.get("own", "any")
    if own not in ("any", "stated"):
        raise PackError(
            f"the filter's option own is '{own}'",
            '"any" keeps every variety of the language, "stated" only the one a source states',
        )
    known = identifier(
        locale.id,
        settings.get("texts", tuple),
        int(settings.get("seed", 0)),
        bool(settings.get("varieties", False)),
        Path(settings["work"]) if settings.get("work") else None,
    )
    markers = _markers(locale, known, settings.get("markers", {}))
    verdict = Verdict(
        locale.id,
        known,
        markers,
        float(settings.get("margin", 0.5)),
        own == "stated",
    )
    facts = settings.get("facts", {})
    facts |= known.facts
    if markers.labels:
        facts["decided"] = verdict.decided
    return verdict


def variety_id(locale: Locale, settings: Mapping[str, Any]) -> Verdict:
    """Return `language_id` with the own language told apart by the varieties of its sources."""
    return language_id(locale, {**settings, "varieties": True})


def language_id_chances(
    locale: Locale, settings: Mapping[str, Any]
) -> Callable[[str], dict[str, float]]:
    """Return what tells how likely each language is, as `language_id` sees it before its margin.

    The settings are those of `language_id`. A text too short to tell has no chances.
    """
    verdict = language_id(locale, settings)
    return lambda text: verdict.judge(text)[0]


def variety_id_chances(
    locale: Locale, settings: Mapping[str, Any]
) -> Callable[[str], dict[str, float]]:
    """Return the same with the own language told apart by the varieties of its texts."""
    return language_id_chances(locale, {**settings, "varieties": True})


class Verdict:
    """Judges texts. `decided` counts what decided: the classifier, the markers or both."""

    def __init__(
        self, own: str, known: Identifier, markers: Markers, margin: float, stated: bool
    ) -> None:
        self.decided: Counter[str] = Counter()
        self._name, self._known, self._markers = own, known, markers
        self._margin, self._stated = margin, stated
        self._own = (known.own if known.models else markers.labels & known.own) or {own}
        self._rivals = frozenset({*known.labels, *markers.labels}) - self._own - {own}

    def __call__(self, record: Record) -> str:
        """Return why a text is rather of another language or variety, or an empty string."""
        chances, how = self.judge(record.text)
        if not chances:
            return ""
        self.decided[how] += 1
        ours = sum(chances[label] for label in self._own)
        best = max(sorted(self._rivals), key=lambda name: chances[name], default="")
        if best and chances[best] - ours > self._margin:
            return f"rather {best} than {self._name}"
        found = self._other(record, chances) if self._stated else ""
        return f"rather {found} than {record.variety}" if found else ""

    def _other(self, record: Record, chances: Mapping[str, float]) -> str:
        """Return another own variety than the stated one that wins by the margin, or nothing."""
        if record.variety not in self._own or not chances:
            return ""
        best = max(sorted(self._own), key=lambda name: chances[name])
        return best if chances[best] - chances[record.variety] > self._margin else ""

    def judge(self, text: str) -> tuple[dict[str, float], str]:
        """Return the chance of each label, and what decided; none where nothing speaks of it."""
        labels = self._own | self._rivals
        found = self._markers.found(text[:SHOWN])
        learnt = bool(self._known.models) and len(fold(text[:SHOWN])) >= JUDGED
        if len(labels) < 2 or not (learnt or found):
            return {}, ""  # a greeting or a name looks like any language
        for label in self._own:  # a marker of the language speaks for each of its varieties
            found[label] = found.get(label, 0) + (label != self._name) * found.get(self._name, 0)
        chances = self._known.chances(text) if learnt else {}
        evenly = {label: chances.get(label, 1 / len(labels)) for label in labels}
        how = "classifier" if not any(found.values()) else "both" if learnt else "markers"
        return weighed(evenly, found), how


def _markers(locale: Locale, known: Identifier, lists: Mapping[str, Any]) -> Markers:
    """Return the markers under the labels of the classifier. Raise PackError for an unknown one."""
    names = {locale.id, locale.variety_of, *locale.contrasts, *known.labels, *known.own} - {""}
    for label in lists:
        if label not in names:
            raise PackError(
                f"the filter's markers name '{label}', which is no contrast and no variety here",
                did_you_mean(label, names) or f"use one of {', '.join(sorted(names))}",
            )
    return Markers(lists)
