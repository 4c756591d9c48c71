"""Prune a vocabulary for the languages of some text: the least used leaves of the merge tree go.

A leaf is a token that no kept token is built from. Text written in kept tokens keeps its cuts,
and every kept token still forms, because the merges that build a kept token are all kept. A text
that used a removed token is cut anew: mostly at more places, and sometimes at other ones, when a
part of the removed token is free to join its other neighbour.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from locale_tune_tokenizer.formats.bytelevel import added_ids
from locale_tune_tokenizer.learning.segments import encodings, open_tokenizer
from locale_tune_tokenizer.pruning.merge_tree import Parts, parts_of
from locale_tune_tokenizer.pruning.trim_ids import ids_named, renumbered_spec, tokens_of


@dataclass(frozen=True)
class Trimmed:
    """A pruned `tokenizer.json` and the one map of its ids: `kept[new id]` is the old id.

    `unreachable` counts the removed tokens that no text could form; `rarest` is the number of
    tokens that the counted text would gain with the next token to go (None: nothing may go).
    """

    spec: dict[str, Any]
    kept: list[int]
    size_before: int
    unreachable: int
    rarest: int | None
    new_ids: dict[int, int] = field(repr=False)

    @property
    def removed(self) -> int:
        """Return how many tokens went."""
        return self.size_before - len(self.kept)


def count_use(spec: Mapping[str, Any], texts: Iterable[str]) -> Counter[str]:
    """Count how often each token is used in a stream of texts.

    The base's own `ignore_merges` holds: it changes the cut only of words that are tokens no
    merge forms, and those are in use only so.
    """
    tokenizer = open_tokenizer(spec)
    counts: Counter[int] = Counter()
    for encoding in encodings(tokenizer, texts):
        counts.update(encoding.ids)
    return Counter({tokenizer.id_to_token(number): count for number, count in counts.items()})


def prune(
    spec: Mapping[str, Any],
    counts: Mapping[str, int],
    keep: Collection[str] = (),
    target_size: int = 0,
    min_count: int = 0,
) -> Trimmed:
    """Remove the least used leaf until `target_size` tokens are left or each earns its place.

    The price of a removal is the tokens the counted text gains: uses times (parts - 1). Pruning
    ends at the first price of at least `min_count`; 0 means no such end, and both 0 no pruning.
    Tokens that no text can form go first; of equal prices the highest id, the rarest in the
    base's own text, goes first. Bytes, added tokens, tokens named by the post-processor and those
    in `keep` stay, with all they are built from. The size counts added tokens.
    Leaf pruning: Purason et al. 2025 (tokenizer extension and vocabulary pruning).
    """
    ids = tokens_of(spec)
    parts = parts_of(spec)
    leaves = _Leaves(ids, parts, counts, _locked(spec, parts, keep))
    limit = min_count if min_count or not target_size else math.inf
    removed: list[str] = []
    while leaves.price is not None and leaves.price < limit:
        if target_size and len(ids) - len(removed) <= target_size:
            break
        removed.append(leaves.pop())
    gone = set(removed)
    kept = sorted(number for token, number in ids.items() if token not in gone)
    new_ids = {old: new for new, old in enumerate(kept)}
    return Trimmed(
        spec=renumbered_spec(spec, new_ids),
        kept=kept,
        size_before=len(ids),
        unreachable=sum(token not in parts for token in removed),
        rarest=None if leaves.price is None else max(0, leaves.price),
        new_ids=new_ids,
    )


def _locked(spec: Mapping[str, Any], parts: Mapping[str, Parts], keep: Collection[str]) -> set[str]:
    """Return the tokens that must stay; what they are built from stays because it is no leaf."""
    named = set(ids_named(spec.get("post_processor")))
    by_name = {token for token, number in tokens_of(spec).items() if number in named}
    bottom = {token for token, made_of in parts.items() if not made_of}
    return {*added_ids(spec), *keep, *by_name, *bottom, spec["model"].get("unk_token") or ""}


class _Leaves:
    """The tokens that may go now, cheapest first; the rest follow as leaves fall."""

    def __init__(
        self,
        ids: Mapping[str, int],
        parts: Mapping[str, Parts],
        counts: Mapping[str, int],
        locked: Collection[str],
    ) -> None:
        self.ids, self.parts, self.locked = ids, parts, locked
        self.counts = Counter(counts)
        self.needed = Counter(part for made_of in parts.values() for part in made_of)
        self.heap = list(self._free(ids))
        heapq.heapify(self.heap)

    @property
    def price(self) -> int | None:
        """Return the price of the next leaf; -1 for an unreachable token, None at the end."""
        return self.heap[0][0] if self.heap else None

    def pop(self) -> str:
        """Remove the cheapest leaf; its uses become uses of its parts."""
        token = heapq.heappop(self.heap)[2]
        made_of = self.parts.get(token, ())
        for part in made_of:
            self.counts[part] += self.counts[token]
            self.needed[part] -= 1
        for entry in self._free(dict.fromkeys(made_of)):
            heapq.heappush(self.heap, entry)
        return token

    def _free(self, tokens: Iterable[str]) -> Iterator[tuple[int, int, str]]:
        for token in tokens:
            if token not in self.locked and not self.needed[token]:
                made_of = self.parts.get(token)
                price = self.counts[token] * (len(made_of) - 1) if made_of else -1
                yield price, -self.ids[token], token
