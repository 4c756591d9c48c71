"""Pairs of held-out text and its translation, for sources that name another in `pair_with`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from locale_tune.api import Record, Source
from locale_tune_corpus.fold import rank


def pairs(
    sources: Iterable[Source],
    heldout: Callable[[str], Iterable[Record]],
    everything: Callable[[str], Iterable[Record]],
    most: int,
    seed: int,
) -> list[Record]:
    """Return up to `most` pairs of records with the same meta["item"], chosen by hash.

    `heldout(id)` yields a source's held-out records, `everything(id)` all that passed. Items are
    paired only where both sides cut the group into as many pieces.
    """
    made: list[Record] = []
    for source in sources:
        other = source.options.get("pair_with")
        if isinstance(other, str) and other:
            made += _pairs(heldout(source.id), everything(other))
    return sorted(sorted(made, key=lambda r: rank(seed, r.id))[:most], key=lambda r: r.id)


def _pairs(texts: Iterable[Record], translations: Iterable[Record]) -> Iterator[Record]:
    texts = list(texts)
    items = {record.meta["item"] for record in texts if "item" in record.meta}
    by_item = {r.meta["item"]: r for r in translations if r.meta.get("item") in items}
    for record in texts:
        item, siblings = record.meta.get("item", ""), record.meta.get("siblings")
        other = by_item.get(item)
        if other and other.meta.get("siblings") == siblings:
            yield record.model_copy(
                update={
                    "id": f"{record.id}={other.source}",
                    "translation": other.text,
                    "meta": {**record.meta, "translation_lang": other.lang},
                }
            )
