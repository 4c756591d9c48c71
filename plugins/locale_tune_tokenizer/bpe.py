"""Learn more merges on top of an old byte-level BPE (continued BPE, Purason et al. 2025).

The text comes in as segments: pre-tokens already cut by the old merges. New merges rank below
all old ones, so a new segmentation joins old tokens and never cuts one (*coarsening*), and a
learned token re-forms from its own bytes because training order is rank order (*reachability*).
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

LONGEST = 64

Pair = tuple[str, str]
Segment = tuple[str, ...]


@dataclass(frozen=True)
class Learned:
    """Merges in rank order, the tokens they add, each merge's count, and refused pairs by reason.

    A merge adds no token when its result is in the old vocabulary already, where this text
    could not reach it.
    """

    merges: list[Pair] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)


def merge_all(symbols: Iterable[str], ranks: Mapping[Pair, int]) -> list[str]:
    """Apply merges until none fits: lowest rank first, leftmost first among equals.

    This is the order of huggingface/tokenizers (models/bpe/word.rs).
    """
    cut = list(symbols)
    while True:
        best = min(
            ((ranks[pair], place) for place, pair in enumerate(pairwise(cut)) if pair in ranks),
            default=None,
        )
        if best is None:
            return cut
        place = best[1]
        cut[place : place + 2] = [cut[place] + cut[place + 1]]


def learn(
    segments: Mapping[Segment, int],
    old_merges: Iterable[Pair],
    vocab: Collection[str],
    *,
    protected: Collection[Pair] = frozenset(),
    refuse: Callable[[str], str] = lambda _: "",
    max_new: int,
    min_count: int,
) -> Learned:
    """Return the merges worth adding, most frequent first; equal counts in order of the pair.

    `segments` counts old segmentations; `protected` holds the adjacent pairs of texts whose ids
    must not change; `refuse(joined)` gives a reason against a token or "". Stops after `max_new`
    new tokens or at the first merge seen fewer than `min_count` times. The result does not depend
    on the order of `segments`.
    """
    ranks = {pair: rank for rank, pair in enumerate(old_merges)}
    text = _Text(segments)
    known = set(vocab)
    learned = Learned()
    judged: set[Pair] = set()
    heap = [(-count, *pair) for pair, count in text.counts.items() if count >= min_count]
    heapq.heapify(heap)
    while heap and len(learned.tokens) < max_new:
        negative, left, right = heapq.heappop(heap)
        pair = (left, right)
        if -negative != text.counts[pair] or pair in judged:
            continue
        judged.add(pair)
        if reason := "protected" if pair in protected else refuse(left + right):
            learned.refused[reason] += 1
            continue
        ranks[pair] = len(ranks)
        fresh = _note(learned, pair, -negative, known)
        for changed in text.join(pair) if fresh else text.merge(pair, ranks):
            if changed not in judged and text.counts[changed] >= min_count:
                heapq.heappush(heap, (-text.counts[changed], *changed))
    return learned


def _note(learned: Learned, pair: Pair, count: int, known: set[str]) -> bool:
    """Write a merge down; tell whether it makes a new token."""
    joined = pair[0] + pair[1]
    learned.merges.append(pair)
    learned.counts.append(count)
    if joined in known:
        return False
    known.add(joined)
    learned.tokens.append(joined)
    return True


class _Text:
    """Distinct segments with their counts, kept cut by all merges so far.

    A script without spaces makes segments of hundreds of symbols. They are learned from in parts,
    which loses the pairs between parts and keeps the work on each rewriting small.
    """

    def __init__(self, segments: Mapping[Segment, int]) -> None:
        self.segments: list[list[str]] = []
        self.weights: list[int] = []
        self.counts: Counter[Pair] = Counter()
        self.where: dict[Pair, list[int]] = {}
        for segment, count in segments.items():
            for start in range(0, len(segment), LONGEST):
                part = list(segment[start : start + LONGEST])
                if len(part) > 1:
                    self.segments.append(part)
                    self.weights.append(count)
                    self._change(len(self.segments) - 1, [], part)

    def join(self, pair: Pair) -> set[Pair]:
        """Apply a merge that makes a new token; return the pairs whose counts changed.

        No other merge can follow from it, because none knows the new token yet.
        """
        changed: set[Pair] = set()
        for number in dict.fromkeys(self.where.pop(pair, ())):
            for near, times in _join(self.segments[number], *pair):
                self.counts[near] += times * self.weights[number]
                changed.add(near)
                if times > 0:
                    self.where.setdefault(near, []).append(number)
        return changed

    def merge(self, pair: Pair, ranks: Mapping[Pair, int]) -> set[Pair]:
        """Apply a merge that makes an old token, and all merges that this token now fits."""
        changed: set[Pair] = set()
        for number in dict.fromkeys(self.where.pop(pair, ())):
            before = self.segments[number]
            after = merge_all(before, ranks)
            if after != before:
                self.segments[number] = after
                changed |= self._change(number, before, after)
        return changed

    def _change(self, number: int, before: list[str], after: list[str]) -> set[Pair]:
        """Count a segment's pairs anew; return those whose counts changed."""
        old = Counter(pairwise(before))
        more = Counter(pairwise(after))
        for pair in more.keys() - old.keys():
            self.where.setdefault(pair, []).append(number)
        more.subtract(old)
        moved = {pair for pair, times in more.items() if times}
        for pair in moved:
            self.counts[pair] += more[pair] * self.weights[number]
        return moved


def _join(segment: list[str], left: str, right: str) -> Iterator[tuple[Pair, int]]:
    """Merge a pair in place from the left; yield what that takes from and adds to its neighbours.

    The count of the pair itself is left alone: it is merged, so nobody asks again.
    """
    joined = left + right
    place = 0
    while left in segment[place:]:
        place = segment.index(left, place)
        if segment[place + 1 : place + 2] == [right]:
            segment[place : place + 2] = [joined]
            if place:
                yield (segment[place - 1], left), -1
                yield (segment[place - 1], joined), 1
            if place + 1 < len(segment):
                yield (right, segment[place + 1]), -1
                yield (joined, segment[place + 1]), 1
        place += 1
