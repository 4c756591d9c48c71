"""Tell a question or sentence of which one word was changed from another of the same template."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

Words = tuple[str, ...]
BESIDE = 30  # how many others an item is compared with on each side, by its beginning and its end
ADDED = -1  # what `one_edit` returns when no word of the item was lost
TEMPLATE = 0.6  # share of an item's words that another one begins or ends with


def one_edit(item: Words, start: int, end: int, text: Sequence[str], place: int) -> int | None:
    """Return the place in `item` of the one word that `text` lacks, or `ADDED`, or None.

    `item[start:end]` stands at `place` of the text, and one of its sides is complete. The other
    may differ by one word added, left out or replaced, or by two neighbours that changed places.
    """
    if start == 0:
        first = place + end
        found = _edit(item[end:], text[first : first + len(item) - end + 1])
        return found if found is None or found == ADDED else end + found
    before = text[max(0, place - start - 1) : place]
    found = _edit(item[:start][::-1], before[::-1])
    return found if found is None or found == ADDED else start - 1 - found


def _edit(mine: Sequence[str], theirs: Sequence[str]) -> int | None:
    """Compare from the first word on, where the two differ; as `one_edit`."""
    mine, theirs = list(mine), list(theirs)
    swapped = [*mine[1::-1], *mine[2:]]
    if theirs[1 : len(mine) + 1] == mine or (len(mine) > 1 and theirs[: len(mine)] == swapped):
        return ADDED
    rest = mine[1:]
    if theirs[1 : len(mine)] == rest or theirs[: len(rest)] == rest:
        return 0
    return None


class Frames:
    """Knows which words of an item must not differ, from all items together.

    Words with digits never may. If another item begins and ends with `TEMPLATE` of an item's
    words, both come from one template: "the capital of Togo", "the capital of Peru". Then the
    words between fill its slot, and a text with another word there is another question.
    """

    def __init__(self) -> None:
        self._items: set[Words] = set()
        self._forward: list[Words] = []
        self._backward: list[Words] = []
        self._locked: dict[Words, set[int]] = {}

    def add(self, words: Words) -> None:
        """Take note of an item."""
        self._items.add(words)

    def locked(self, words: Words) -> set[int]:
        """Return the places of the words that must not differ."""
        if len(self._forward) != len(self._items):
            self._forward = sorted(self._items)
            self._backward = sorted(item[::-1] for item in self._items)
            self._locked.clear()
        if words not in self._locked:  # texts of a template ask for each of its items, every time
            self._locked[words] = self._compared(words)
        return self._locked[words]

    def _compared(self, words: Words) -> set[int]:
        locked = {n for n, word in enumerate(words) if any(map(str.isdigit, word))}
        others = _beside(self._forward, words)
        others += [other[::-1] for other in _beside(self._backward, words[::-1])]
        for other in others:
            first = common(words, other)
            last = min(common(words[::-1], other[::-1]), len(words) - first)
            if first + last >= TEMPLATE * len(words):
                locked |= {*range(first, len(words) - last)}
        return locked


def common(one: Sequence[str], other: Sequence[str]) -> int:
    """Return how many words two sequences have in common from their start."""
    count = 0
    for mine, theirs in zip(one, other, strict=False):
        if mine != theirs:
            break
        count += 1
    return count


def _beside(ordered: list[Words], words: Words) -> list[Words]:
    """Return the nearest others in sorted order: those that begin with most of the same words."""
    here = bisect_left(ordered, words)
    near = ordered[max(0, here - BESIDE) : here + BESIDE + 1]
    return [other for other in near if other != words]
