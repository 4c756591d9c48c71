"""How many of the learned tokens to take: the fertility curve, and its knee.

The curve is exact at every size and costs one pass: with merges in rank order, the segmentation
by the first merges is what the one by all of them passes through on its way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from locale_tune_tokenizer.learning.bpe import Learned, Segment, steps
from locale_tune_tokenizer.learning.ranks import Ranks

GRID = tuple(lead * 10**power for power in range(2, 7) for lead in (1, 2, 5))


@dataclass(frozen=True)
class Curve:
    """Tokens a sample of text takes: `tokens[n]` with the first n new tokens, for `words` words."""

    tokens: Sequence[int]
    words: int

    def fertility(self, size: int) -> float:
        """Return tokens per word with the first `size` new tokens; 0.0 without words."""
        return self.tokens[size] / self.words if self.words else 0.0

    def shown(self, *also: int) -> list[tuple[int, float]]:
        """Return (new tokens, tokens per word) at 0, 100, 200, 500, 1,000 and so on."""
        last = len(self.tokens) - 1
        sizes = {0, last, *also} | {size for size in GRID if size < last}
        return [(size, self.fertility(size)) for size in sorted(sizes)]


def curve(segments: Mapping[Segment, int], learned: Learned, ranks: Ranks, words: int) -> Curve:
    """Measure `segments` (as the old tokenizer cuts them) at every number of learned tokens.

    `ranks` ranks the learned pairs. Letters are there at every size, like old tokens.
    """
    token_size = {token: place + 1 for place, token in enumerate(learned.tokens)}
    pair_size = _sizes_of_pairs(learned)
    saved = [0] * (len(learned.tokens) + 1)
    held = 0
    for segment, times in segments.items():
        held += times * len(segment)
        joins = (
            token_size.get(pair[0] + pair[1]) or pair_size.get(pair, 0)
            for pair in steps(list(segment), ranks)
        )
        # A join that an old merge makes of a new token happens at that token's size.
        for size in accumulate(joins, max):
            saved[size] += times
    return Curve([held - joined for joined in accumulate(saved)], words)


def _sizes_of_pairs(learned: Learned) -> dict[tuple[str, str], int]:
    """Return at which number of tokens each learned pair merges."""
    sizes = {}
    tokens = set(learned.tokens)
    count = 0
    for pair in learned.merges:
        sizes[pair] = min(count + 1, len(tokens))
        count += pair[0] + pair[1] in tokens
    return sizes


def knee(tokens: Sequence[int]) -> int:
    """Return the size after which more tokens save little: the knee of the curve.

    The point farthest below the straight line between the curve's ends (Satopaa et al. 2011,
    "Finding a Kneedle in a Haystack", without smoothing: the curve falls at every step it takes).
    Equal distances: the smaller size. A curve nowhere below that line has no knee, since later
    tokens save as much as earlier ones: then all of them. 0 when nothing is saved.
    """
    last = len(tokens) - 1
    drop = tokens[0] - tokens[-1]
    if last < 1 or drop <= 0:
        return 0
    below = [(tokens[0] - count) * last - n * drop for n, count in enumerate(tokens)]
    return below.index(max(below)) if max(below) > 0 else last


def frequent(learned: Learned, least: int) -> int:
    """Return how many tokens come before the first merge seen fewer than `least` times."""
    kept = next((n for n, count in enumerate(learned.counts) if count < least), None)
    if kept is None:
        return len(learned.tokens)
    tokens = set(learned.tokens)
    return sum(left + right in tokens for left, right in learned.merges[:kept])


def rows(points: Sequence[tuple[int, float]]) -> Iterator[dict[str, float]]:
    """Yield the points of a curve as the report and the files write them."""
    for size, fertility in points:
        yield {"new_tokens": size, "tokens_per_word": round(fertility, 4)}
