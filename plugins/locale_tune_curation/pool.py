"""Find out about lessons what selectors ask: vectors, quality, labels, shares; each only once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from locale_tune.api import PluginError, Pool, Record, did_you_mean
from locale_tune_curation import quality
from locale_tune_curation.clusters import kmeans
from locale_tune_curation.ngrams import ngram_vectors
from locale_tune_curation.quotas import Quotas
from locale_tune_curation.selectors import clusters_for
from locale_tune_curation.settings import SelectSettings

FIELDS = ("source", "lang", "variety")  # of a record; every other key is one of its meta


def pool_of(records: Sequence[Record], settings: SelectSettings, seed: int) -> Pool:
    """Return what a selector may ask of these lessons."""

    @cache
    def vectors() -> NDArray[np.float32]:
        texts = [said(record) for record in records]
        if settings.embedder == "ngrams":
            return ngram_vectors(texts)
        from locale_tune_curation.encoder import encoded

        return encoded(texts, settings.embedder)

    @cache
    def scores() -> NDArray[np.float64]:
        if settings.quality == "ifd":
            from locale_tune_curation.ifd import difficulty

            return difficulty(records, settings.quality_model)
        return (quality.stated if settings.quality == "stated" else quality.heuristics)(records)

    @cache
    def labels() -> tuple[list[list[int]], NDArray[np.float32]]:
        if settings.labels:
            return labelled(records, settings.labels, vectors())
        place, centres = kmeans(vectors(), settings.clusters or clusters_for(len(records)), seed)
        return [[int(cluster)] for cluster in place], centres

    return Pool(
        records, vectors, scores, labels, lambda budget: quotas(records, settings, budget), settings
    )


def said(record: Record) -> str:
    """Return all that is said in a lesson."""
    return "\n".join(message.content for message in record.messages)


def value(record: Record, key: str) -> str:
    """Return the value of a key of a lesson: its source, language or variety, or a tag of it."""
    return str(getattr(record, key)) if key in FIELDS else record.meta.get(key, "")


def labelled(
    records: Sequence[Record], keys: Sequence[str], vectors: NDArray[np.float32]
) -> tuple[list[list[int]], NDArray[np.float32]]:
    """Return the labels that tags give, and the vector of each: the mean of its lessons'."""
    names = sorted(
        {(key, value(record, key)) for record in records for key in keys} - {(k, "") for k in keys}
    )
    place = {name: number for number, name in enumerate(names)}
    own = [
        [place[key, value(record, key)] for key in keys if (key, value(record, key)) in place]
        for record in records
    ]
    sums = np.zeros((len(names), vectors.shape[1]), np.float32)
    for row, numbers in enumerate(own):
        sums[numbers] += vectors[row]
    return own, sums


def quotas(records: Sequence[Record], settings: SelectSettings, budget: int) -> Quotas:
    """Return the shares that hold for a budget. Raise PluginError for a value no lesson has."""
    asked = sorted({*settings.least, *settings.most})
    kinds = {key: [value(record, key) for record in records] for key in asked}
    for shares in (settings.least, settings.most):
        for key, named in shares.items():
            _check(key, named, set(kinds[key]))
    return Quotas(kinds, budget, settings.least, settings.most)


def _check(key: str, named: Mapping[str, float], there: set[str]) -> None:
    for name in named:
        if name not in there:
            raise PluginError(
                f"select asks for a share of {key} '{name}', which no lesson has",
                did_you_mean(name, there) or f"there are {', '.join(sorted(there))[:200]}",
            )
