"""The words of the page for raters: English, or the pack's language where it has all of them."""

from __future__ import annotations

from collections.abc import Mapping

from locale_tune.api import Locale, labels

ENGLISH = {name: text for name, text in labels.ENGLISH.items() if name.startswith("rate-")}


def words(ui: Mapping[str, str], locale: Locale) -> tuple[Mapping[str, str], str, str]:
    """Return the words, and the language and direction they are in.

    A page half in English would help nobody: one missing word leaves all of them English.
    """
    if all(ui.get(name, "").strip() for name in ENGLISH):
        return {name: ui[name] for name in ENGLISH}, locale.tag, locale.direction
    return ENGLISH, "en", "ltr"
