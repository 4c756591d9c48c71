"""Options of filters, checked before a build: one that no filter reads would change nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from locale_tune.api import LanguagePack, PackError, did_you_mean
from locale_tune_corpus.gate import settings_in

LANGUAGE = ("margin", "markers", "varieties", "own")
# Of the filters that check no options themselves.
KNOWN = {
    "script-share": ("min",),
    "length": ("min", "max"),
    "repetition": (),
    "hygiene": (),
    "language-id": LANGUAGE,
    "variety-id": LANGUAGE,
    "lid": ("model", "sha256", "keep", "drop", "min"),
}


def check(plan: Any, pack: LanguagePack) -> None:
    """Raise PackError for the first filter or option in `filter_options` that nothing reads."""
    for settings in settings_in(plan):
        for problem, remedy in _problems(settings.filter_options, pack.filters):
            raise PackError(f"collect.filter_options: {problem}", remedy)


def _problems(
    options: Mapping[str, Mapping[str, Any]], filters: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    for name, given in options.items():
        if name not in filters:
            listed = f"[pack] filters lists {', '.join(filters) or 'none'}"
            yield f"the pack has no filter '{name}'", did_you_mean(name, filters) or listed
        for option in given:
            known = KNOWN.get(name)
            if known is not None and option not in known:
                remedy = did_you_mean(option, known)
                remedy = remedy or f"its options are {', '.join(known) or 'none'}"
                yield f"the filter '{name}' has no option '{option}'", remedy
