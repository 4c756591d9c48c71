"""Learn more merges on top of an old BPE (continued BPE, Purason et al. 2025).

The text comes in as segments: stretches already cut by the old merges. New merges rank below
all old ones, so a new segmentation joins old tokens and never cuts one (*coarsening*), and a
learned token re-forms from its own bytes because training order is rank order (*reachability*).
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise

from locale_tune_tokenizer.learning.ranks import Pair, PairRanks, Ranks, SplitRanks

LONGEST = 64

Segment = tuple[str, ...]


@dataclass(frozen=True)
class Learned:
    """Pairs in the order learned, the tokens they add, each pair's count, refused by reason.

    A merge adds no token when its result is in the old vocabulary already, where this text
    could not reach it. `letters` are characters that had no token of their own.
    """

    merges: list[Pair] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    letters: list[str] = field(default_factory=list)

    @property
    def added(self) -> list[str]:
        """Return everything the vocabulary gains: letters first, then tokens as learned."""
        return [*self.letters, *self.tokens]

    def first(self, count: int) -> Learned:
        """Return what was learned up to the token number `count`."""
        kept = self.merges_of(count)
        return replace(
            self,
            merges=self.merges[:kept],
            tokens=self.tokens[:count],
            counts=self.counts[:kept],
        )

    def merges_of(self, count: int) -> int:
        """Return how many merges the first `count` tokens take."""
        if count >= len(self.tokens):
            return len(self.merges)
        waiting = iter(self.tokens[:count])
        token = next(waiting, None)
        for number, pair in enumerate(self.merges):
            if token is None:
                return number
            if "".join(pair) == token:
                token = next(waiting, None)
        return len(self.merges)


def steps(cut: list[str], ranks: Ranks | Mapping[Pair, int]) -> Iterator[Pair]:
    """Merge a list of symbols in place until nothing fits; yield the pair of each merge made.

    Lowest rank first, leftmost first among equals: the order of huggingface/tokenizers
    (models/bpe/word.rs).
    """
    # Symbols stay where they began, empty once merged into the one before: a word of a script
    # without spaces may have thousands, and moving them at each merge would take their square.
    before, after = list(range(-1, len(cut) - 1)), list(range(1, len(cut) + 1))
    heap = [
        (rank, place)
        for place, pair in enumerate(pairwise(cut))
        if (rank := ranks.get(pair)) is not None
    ]
    heapq.heapify(heap)
    while heap:
        rank, place = heapq.heappop(heap)
        next_one = after[place]
        if not cut[place] or next_one == len(cut):
            continue
        pair = (cut[place], cut[next_one])
        if ranks.get(pair) != rank:  # what stood here then has merged with another neighbour
            continue
        cut[place], cut[next_one] = pair[0] + pair[1], ""
        after[place] = after[next_one]
        if after[place] < len(cut):
            before[after[place]] = place
        for left, right in ((before[place], place), (place, after[place])):
            if left >= 0 and right < len(cut):
                rank_near = ranks.get((cut[left], cut[right]))
                if rank_near is not None:
                    heapq.heappush(heap, (rank_near, left))
        yield pair
    cut[:] = filter(None, cut)


def merge_all(symbols: Iterable[str], ranks: Ranks | Mapping[Pair, int]) -> list[str]:
    """Apply merges until none fits, and return what is left."""
    cut = list(symbols)
    for _ in steps(cut, ranks):
        pass
    return cut


def learn(
    segments: Mapping[Segment, int],
    old_merges: Iterable[Pair],
    vocab: Collection[str],
    *,
    protected: Collection[Pair] = frozenset(),
    refuse: Callable[[str], str] = lambda _: "",
    max_new: int,
    min_count: int,
    every_split: bool = False,
) -> Learned:
    """Return the merges worth adding, most frequent first; equal counts in order of the pair.

    `segments` counts old segmentations; `protected` holds the adjacent pairs of texts whose ids
    must not change; `refuse(joined)` gives a reason against a token or "". Stops after `max_new`
    new tokens or at the first merge seen fewer than `min_count` times. With `every_split`, a new
    piece forms from any two pieces that make it up (SentencePiece), so none may be the sum of two
    neighbours in a protected text. The result does not depend on the order of `segments`.
    """
    ranks = ranks_of(old_merges, vocab, every_split)
    guarded = {"".join(pair) for pair in protected} if every_split else set()
    taken = frozenset(vocab) if every_split else frozenset()
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
        if reason := _reason(pair, protected, guarded, taken) or refuse(left + right):
            learned.refused[reason] += 1
            continue
        merging = ranks.learn(pair)
        fresh = _note(learned, pair, -negative, known)
        simple = fresh and not every_split
        for changed in text.join(pair) if simple else text.merge(merging, ranks):
            if changed not in judged and text.counts[changed] >= min_count:
                heapq.heappush(heap, (-text.counts[changed], *changed))
    return learned


def ranks_of(
    old_merges: Iterable[Pair],
    vocab: Collection[str],
    every_split: bool,
    learned: Iterable[Pair] = (),
) -> Ranks:
    """Return the ranks of the old merges, and of pairs learned since."""
    ranks: Ranks = SplitRanks(old_merges, vocab) if every_split else PairRanks(old_merges)
    for pair in learned:
        ranks.learn(pair)
    return ranks


def _reason(
    pair: Pair, protected: Collection[Pair], guarded: Collection[str], taken: Collection[str]
) -> str:
    joined = pair[0] + pair[1]
    if pair in protected or joined in guarded:
        return "protected"
    return "already a piece" if joined in taken else ""


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

    def merge(self, pairs: Iterable[Pair], ranks: Ranks) -> set[Pair]:
        """Apply merges whose results other merges may take further, and all that follows."""
        changed: set[Pair] = set()
        touched = dict.fromkeys(n for pair in pairs for n in self.where.pop(pair, ()))
        for number in touched:
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
