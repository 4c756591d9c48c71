"""Run text through a tokenizer and look at the cuts: segments, pairs, boundaries, figures."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate, islice, pairwise
from typing import Any

from tokenizers import Tokenizer

from locale_tune_tokenizer.bpe import Pair, Segment
from locale_tune_tokenizer.words import words

BATCH = 512


def open_tokenizer(spec: Mapping[str, Any]) -> Any:
    """Return the raw tokenizer of a `tokenizer.json`, which never truncates or pads."""
    tokenizer = Tokenizer.from_str(json.dumps(spec))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def encodings(tokenizer: Any, texts: Iterable[str]) -> Iterator[Any]:
    """Encode texts in batches, with no special tokens around them."""
    stream = iter(texts)
    while batch := list(islice(stream, BATCH)):
        yield from tokenizer.encode_batch(batch, add_special_tokens=False)


def count_segments(tokenizer: Any, texts: Iterable[str]) -> Counter[Segment]:
    """Count pre-tokens by how the tokenizer cuts them; added tokens in the text stand alone.

    The tokenizer's own normalizer and pre-tokenizer decide, because the text is encoded: tokens
    of one pre-token share their word id.
    """
    counts: Counter[tuple[int, ...]] = Counter()
    for encoding in encodings(tokenizer, texts):
        counts.update(_segments(encoding.ids, encoding.word_ids))
    return Counter(
        {
            tuple(tokenizer.id_to_token(number) for number in segment): count
            for segment, count in counts.items()
        }
    )


def _segments(ids: list[int], places: list[int]) -> Iterator[tuple[int, ...]]:
    start = 0
    for end in range(1, len(ids) + 1):
        if end == len(ids) or places[end] != places[start]:
            yield tuple(ids[start:end])
            start = end


def pairs(tokenizer: Any, texts: Iterable[str]) -> set[Pair]:
    """Return every pair of neighbours inside a pre-token: merging none of them keeps the ids."""
    return {pair for segment in count_segments(tokenizer, texts) for pair in pairwise(segment)}


def boundaries(tokens: list[str]) -> set[int]:
    """Return the places (in letters of the byte alphabet) where a token ends."""
    return set(accumulate(len(token) for token in tokens))


@dataclass(frozen=True)
class Figures:
    """How a tokenizer cuts some text.

    `fertility`: tokens per word, each word encoded after a space; `floor`: pre-tokens per word,
    below which no vocabulary can go; `bytes_per_token` over whole lines.
    """

    words: int
    fertility: float
    floor: float
    bytes_per_token: float


def measure(tokenizer: Any, lines: list[str]) -> Figures:
    """Measure tokens and pre-tokens per word, and bytes per token, of lines of text."""
    seen = Counter(word for line in lines for word in words(line))
    tokens = floor = 0
    for count, encoding in zip(
        seen.values(), encodings(tokenizer, (f" {word}" for word in seen)), strict=True
    ):
        tokens += count * len(encoding.ids)
        floor += count * len(set(encoding.word_ids))
    total = seen.total()
    size = sum(len(line.encode()) for line in lines)
    pieces = sum(len(encoding.ids) for encoding in encodings(tokenizer, lines))
    return Figures(
        words=total,
        fertility=tokens / total if total else 0.0,
        floor=floor / total if total else 0.0,
        bytes_per_token=size / pieces if pieces else 0.0,
    )
