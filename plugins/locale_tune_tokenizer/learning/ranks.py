"""In which order merges act: the old ones first, then the new ones as they were learned."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Protocol

Pair = tuple[str, str]
LONGER_THAN_ANY_PIECE = 1 << 10


class Ranks(Protocol):
    """The rank of a pair of neighbours, or None when they do not merge; lower goes first."""

    def get(self, pair: Pair) -> int | None:
        """Return the rank of a pair."""

    def learn(self, pair: Pair) -> list[Pair]:
        """Let a pair merge from now on; return every pair that merges because of it."""

    def new_merges(self) -> list[Pair]:
        """Return all merges that came with learning, in order of rank."""


class PairRanks:
    """Byte-level BPE: one merge for each pair learned."""

    def __init__(self, old_merges: Iterable[Pair]) -> None:
        self._ranks = {pair: rank for rank, pair in enumerate(old_merges)}
        # Not the number of pairs: a file that lists one twice ranks it by the later place.
        self._next = max(self._ranks.values(), default=-1) + 1
        self._learned: list[Pair] = []
        self.get = self._ranks.get

    def learn(self, pair: Pair) -> list[Pair]:
        """Rank a pair below all others."""
        self._learned.append(pair)
        self._ranks[pair] = self._next
        self._next += 1
        return [pair]

    def new_merges(self) -> list[Pair]:
        """Return the pairs learned, in order of rank."""
        return self._learned


class SplitRanks:
    """SentencePiece-style BPE: whatever two pieces make up a known piece merge.

    A merge ranks as the piece it makes, and of two ways to make one the shorter left part goes
    first; `pieces` are the old ones in the order of their ids. So a new piece that, with a
    neighbour, makes up an old one becomes that at once. Two old pieces that the old file does not
    merge into a third are left alone.
    """

    def __init__(self, old_merges: Iterable[Pair], pieces: Collection[str]) -> None:
        self._old = {pair: rank for rank, pair in enumerate(old_merges)}
        self._first = max(self._old.values(), default=-1) + 1
        self._place = {piece: place for place, piece in enumerate(pieces)}
        self._old_pieces = len(self._place)

    def get(self, pair: Pair) -> int | None:
        """Return the rank of a pair."""
        old = self._old.get(pair)
        if old is not None:
            return old
        left, right = pair
        place = self._place.get(left + right)
        if place is None or not (place >= self._old_pieces or self._new(left) or self._new(right)):
            return None
        return self._first + place * LONGER_THAN_ANY_PIECE + len(left)

    def learn(self, pair: Pair) -> list[Pair]:
        """Make the joined pair a piece, unless it is one; return every way to put it together."""
        joined = pair[0] + pair[1]
        self._place.setdefault(joined, len(self._place))
        return list(self._splits(joined))

    def new_merges(self) -> list[Pair]:
        """Return all merges that new pieces bring, in order of rank."""
        found = {
            split: self.get(split)
            for piece, place in self._place.items()
            for split in self._splits(piece)
            if split not in self._old
            and (place >= self._old_pieces or self._new(split[0]) or self._new(split[1]))
        }
        return sorted(found, key=lambda split: found[split] or 0)

    def _new(self, piece: str) -> bool:
        return self._place.get(piece, -1) >= self._old_pieces

    def _splits(self, piece: str) -> Iterator[Pair]:
        for cut in range(1, len(piece)):
            if piece[:cut] in self._place and piece[cut:] in self._place:
                yield piece[:cut], piece[cut:]
