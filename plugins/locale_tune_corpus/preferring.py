"""Preferences without a judge: native text is preferred to its sibling in another language.

A source of running text with the role `preferences` says in `pair_with` which native source has the
same text. The start of the native text is asked; its rest is the preferred answer, the rest of the
sibling is the rejected one. So a model learns to go on in the language it was spoken to. What is
made here says so: its origin is synthetic, with the rule that made it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain

from locale_tune.api import Message, Record, Source

STARTS_AT, SHORTEST = 1 / 3, 40  # of a text; characters on either side
RULE = "sibling-continuation"


def is_sibling(source: Source) -> bool:
    """Return whether a source holds only the rejected sides of texts that another one holds."""
    return source.role == "preferences" and bool(source.options.get("pair_with"))


def partners(source: Source) -> list[str]:
    """Return the native sources that a sibling is paired with."""
    named = source.options.get("pair_with", "")
    return [str(name) for name in named] if isinstance(named, list | tuple) else [str(named)]


def preferred(
    siblings: Sequence[Source],
    natives: Iterable[Record],
    of: Callable[[str], Iterable[Record]],
    prompt: str,
) -> Iterator[Record]:
    """Yield a preference for each native text that has the same meta["item"] in a sibling source.

    `of(id)` yields a source's records. Items are paired only where both sides cut the group into
    as many pieces.
    """
    wanted = {name for source in siblings for name in partners(source)}
    known: dict[str, list[Record]] = {name: [] for name in wanted}
    for native in natives:
        if native.source in wanted and "item" in native.meta and len(native.text) >= SHORTEST:
            known[native.source].append(native)
    for source in siblings:
        others = {r.meta["item"]: r for r in of(source.id) if "item" in r.meta and not r.rejected}
        for native in chain.from_iterable(known[name] for name in partners(source)):
            other = others.get(native.meta["item"])
            alike = other and other.meta.get("siblings") == native.meta.get("siblings")
            if other and alike and (pair := _pair(native, other, prompt)):
                yield pair


def _pair(native: Record, other: Record, prompt: str) -> Record | None:
    """Return the preference, or None where a side is too short to be cut."""
    (start, rest), (_, rejected) = _cut(native.text), _cut(other.text)
    if len(other.text) < SHORTEST or not (start and rest and rejected) or rest == rejected:
        return None
    return Record(
        id=f"{native.id}>{other.id}",
        source=other.source,
        lang=native.lang,
        variety=native.variety,
        messages=(
            Message(role="user", content=prompt.replace("{start}", start)),
            Message(role="assistant", content=rest),
        ),
        rejected=rejected,
        meta={
            "group": native.meta.get("group") or native.id,
            "where": other.meta.get("where", ""),
            "origin": "synthetic",
            "rule": RULE,
            "rejected_lang": other.lang,
        },
    )


def _cut(text: str) -> tuple[str, str]:
    """Cut a text after its first third: at a space, or where a letter begins if there is none."""
    at = int(len(text) * STARTS_AT)
    space = text.find(" ", at)
    if space < 0:
        while at < len(text) and unicodedata.category(text[at]).startswith("M"):
            at += 1
    at = max(at, space)
    return text[:at].strip(), text[at:].strip()
