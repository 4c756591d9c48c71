"""Run text through a tokenizer and look at the cuts: segments, pairs, figures."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from tokenizers import Tokenizer

from locale_tune_tokenizer.formats.sentencepiece import SPACE
from locale_tune_tokenizer.learning.bpe import Segment
from locale_tune_tokenizer.learning.ranks import Pair
from locale_tune_tokenizer.learning.words import words

BATCH = 512
BATCH_CHARS = 500_000  # an encoding takes about 100 bytes for each character
BYTE_PIECE = "<0x00>"  # only SentencePiece-style vocabularies hold it
MOST_SEGMENTS = 2_000_000  # distinct ones held while counting: about 500 MB


def open_tokenizer(spec: Mapping[str, Any]) -> Any:
    """Return the raw tokenizer of a `tokenizer.json`, which never truncates or pads."""
    tokenizer = Tokenizer.from_str(json.dumps(spec))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def encodings(tokenizer: Any, texts: Iterable[str]) -> Iterator[Any]:
    """Encode texts in batches, with no special tokens around them."""
    for batch in _batched(texts):
        yield from tokenizer.encode_batch(batch, add_special_tokens=False)


def _batched(texts: Iterable[str]) -> Iterator[list[str]]:
    """Yield up to 512 texts at a time, fewer of long ones: a text may be a whole document."""
    batch: list[str] = []
    size = 0
    for text in texts:
        batch.append(text)
        size += len(text)
        if len(batch) == BATCH or size >= BATCH_CHARS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def count_segments(
    tokenizer: Any, texts: Iterable[str], most: int = MOST_SEGMENTS
) -> Counter[Segment]:
    """Count the stretches that merges act within, by how the tokenizer cuts them.

    The tokenizer's own normalizer and pre-tokenizer decide, because the text is encoded: tokens
    of one pre-token share their word id. Where there is no pre-tokenizer (SentencePiece), a
    stretch also begins at each piece that opens with the space mark. Added tokens in the text
    stand alone, and so does the token for letters that have none. Only the counts are held, and
    `most` of them: when there are more, the rarest go (Manku and Motwani 2002), so that a corpus
    may be larger than memory.
    """
    opening, unknown = _opening(tokenizer), _unknown(tokenizer)
    counts: Counter[tuple[int, ...]] = Counter()
    for encoding in encodings(tokenizer, texts):
        counts.update(_segments(encoding.ids, encoding.word_ids, opening, unknown))
        if len(counts) > most:
            counts = _frequent(counts, most // 2)
    return Counter(
        {
            tuple(tokenizer.id_to_token(number) for number in segment): count
            for segment, count in counts.items()
        }
    )


def _opening(tokenizer: Any) -> frozenset[int]:
    """Return the ids of pieces that open with SentencePiece's space mark; none in byte level."""
    vocab = tokenizer.get_vocab(with_added_tokens=False)
    if BYTE_PIECE not in vocab:
        return frozenset()
    return frozenset(number for token, number in vocab.items() if token.startswith(SPACE))


def _unknown(tokenizer: Any) -> int | None:
    """Return the id of what stands for letters without a token, None where nothing does."""
    unknown = tokenizer.model.unk_token
    number: int | None = tokenizer.token_to_id(unknown) if unknown else None
    return number


def _frequent(counts: Counter[tuple[int, ...]], most: int) -> Counter[tuple[int, ...]]:
    """Drop what was seen once, then twice, and so on, until at most `most` are left."""
    least = 2
    while len(counts) > most:
        counts = Counter({segment: n for segment, n in counts.items() if n >= least})
        least += 1
    return counts


def _segments(
    ids: list[int], places: list[int], opening: frozenset[int], unknown: int | None
) -> Iterator[tuple[int, ...]]:
    start = 0
    for end in range(1, len(ids) + 1):
        if (
            end == len(ids)
            or places[end] != places[start]
            or ids[end] in opening
            or unknown in (ids[end - 1], ids[end])
        ):
            yield tuple(ids[start:end])
            start = end


def pairs(tokenizer: Any, texts: Iterable[str]) -> set[Pair]:
    """Return every pair of neighbours that could merge: merging none of them keeps the ids."""
    return {pair for segment in count_segments(tokenizer, texts) for pair in pairwise(segment)}


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
        seen.values(), encodings(tokenizer, in_text(tokenizer, seen)), strict=True
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


def in_text(tokenizer: Any, seen: Iterable[str]) -> list[str]:
    """Return words as they stand inside a text, after a space.

    A tokenizer that itself puts a space before every text would make it two.
    """
    tokens = tokenizer.encode("x", add_special_tokens=False).tokens
    adds_one = any(token.startswith(SPACE) for token in tokens[:1])
    return [word if adds_one else f" {word}" for word in seen]
