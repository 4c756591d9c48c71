"""How tokens lie on a text: blocks of whole letters to colour, each with its count of tokens."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence

from .clusters import borders
from .figures import number

Block = tuple[str, int]


def blocks(text: str, offsets: Sequence[Sequence[int]]) -> list[Block]:
    """Cut a text into blocks and say how many tokens each holds (0: between tokens).

    Offsets are (start, end) in characters, one pair per token. A block ends where a token does
    and no letter is torn from its marks: tokens that share a letter (byte-level BPE and byte
    fallback need several for one) or that cut off its mark fall into one block. Offsets outside
    the text are clipped; empty ones are left out.
    """
    merged: list[list[int]] = []
    for start, end in _widened(text, offsets):
        if merged and start < merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], end)
            merged[-1][2] += 1
        else:
            merged.append([start, end, 1])
    found: list[Block] = []
    done = 0
    for start, end, count in merged:
        found += [(text[done:start], 0)] if start > done else []
        found.append((text[start:end], count))
        done = end
    return found + ([(text[done:], 0)] if done < len(text) else [])


def _widened(text: str, offsets: Sequence[Sequence[int]]) -> list[tuple[int, int]]:
    """Return the offsets in order, each from the start of a letter to the end of one."""
    places = borders(text)
    pairs = ((max(0, int(start)), min(len(text), int(end))) for start, end in offsets)
    return sorted(
        (places[bisect_right(places, start) - 1], places[bisect_left(places, end)])
        for start, end in pairs
        if start < end
    )


def shared(found: Sequence[Block]) -> str:
    """Say how many blocks hold several tokens, and how many; "" when none does."""
    counts = Counter(count for _, count in found if count > 1)
    if not counts:
        return ""
    parts = [f"{number(times)} of {held} pieces" for held, times in sorted(counts.items())]
    some = "stretch" if counts.total() == 1 else "stretches"
    return f"striped {some}: {', '.join(parts)}"
