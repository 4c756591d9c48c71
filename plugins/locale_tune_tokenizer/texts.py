"""What `extend` reads of a corpus: all text once as a stream, and small samples drawn by hash."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from math import ceil
from pathlib import Path

from locale_tune.api import Record, read_records

SAMPLE_LINES = 2_000
LINE_CHARS = 10_000
RANKS = 1 << 64


@dataclass(frozen=True)
class Samples:
    """Lines a tokenizer is judged on.

    `target` is held-out native text (training text where none is held out, see `target_from`);
    `protected` and `replay` are disjoint parts of the replay text; `control` is never learned
    from nor protected; `english` is English text, with `beside` the native side of the same
    sentences where the corpus has pairs.
    """

    target: list[str]
    target_from: str
    protected: list[str]
    replay: list[str]
    control: list[str]
    english: list[str]
    beside: list[str]

    def all(self) -> list[str]:
        """Return every line once."""
        parts = (self.target, self.protected, self.replay, self.control, self.english, self.beside)
        return list(dict.fromkeys(line for part in parts for line in part))


def training_text(
    corpus: Path, share: float = 1.0, seed: int = 0, splits: Sequence[str] = ("text",)
) -> Iterator[str]:
    """Yield the training texts in the order written, or a share of them drawn by hash."""
    limit = int(share * RANKS)
    for split in splits:
        for record in read_records(corpus / split):
            if record.text and (share >= 1 or hash_rank(seed, record.text) < limit):
                yield record.text


def draw(lines: Iterable[str], count: int, seed: int) -> list[str]:
    """Return `count` distinct lines, those of the smallest hash of (seed, line).

    The draw depends on what the lines are, not on their order.
    """
    kept: dict[int, str] = {}
    largest_first: list[int] = []
    for line in lines if count else ():
        rank = hash_rank(seed, line)
        if rank in kept or (len(kept) == count and rank > -largest_first[0]):
            continue
        kept[rank] = line
        heapq.heappush(largest_first, -rank)
        if len(kept) > count:
            del kept[-heapq.heappop(largest_first)]
    return [kept[rank] for rank in sorted(kept)]


def hash_rank(seed: int, text: str) -> int:
    """Return a number that stands for chance but is a function of the seed and the text."""
    return int.from_bytes(hashlib.sha256(f"{seed}\n{text}".encode()).digest()[:8])


def lines_of(records: Iterable[Record]) -> Iterator[str]:
    """Yield the non-empty lines of records, the endless ones cut short."""
    for record in records:
        for line in record.text.splitlines():
            if line.strip():
                yield line[:LINE_CHARS]


def samples(
    corpus: Path, protected_lines: int, seed: int, protected_share: float = 0.66
) -> Samples:
    """Draw every sample.

    Of the replay lines a share is protected, `protected_lines` at most; the others are measured.
    """
    target_from = "heldout" if any(_lines(corpus, "heldout")) else "text"
    replay = draw(_lines(corpus, "replay"), protected_lines + SAMPLE_LINES, seed)
    protected = min(protected_lines, ceil(protected_share * len(replay)))
    english, beside = _english(corpus, seed)
    return Samples(
        target=draw(_lines(corpus, target_from), SAMPLE_LINES, seed),
        target_from=target_from,
        protected=replay[:protected],
        replay=replay[protected:][:SAMPLE_LINES],
        control=draw(_lines(corpus, "control"), SAMPLE_LINES, seed),
        english=english,
        beside=beside,
    )


def _lines(corpus: Path, split: str) -> Iterator[str]:
    return lines_of(read_records(corpus / split))


def _english(corpus: Path, seed: int) -> tuple[list[str], list[str]]:
    """Return English lines, and the native lines of the same sentences (empty without pairs)."""
    found = (
        (record.translation, record.text)
        for record in read_records(corpus / "parallel")
        if is_english(record.meta.get("translation_lang", "")) and record.text
    )
    if pairs := list(islice(found, SAMPLE_LINES)):
        return [english for english, _ in pairs], [native for _, native in pairs]
    control = (r for r in read_records(corpus / "control") if is_english(r.lang))
    return draw(lines_of(control), SAMPLE_LINES, seed), []


def is_english(tag: str) -> bool:
    """Tell whether a language tag (BCP 47 or ISO 639-3) means English."""
    return tag.replace("_", "-").lower().split("-")[0] in {"en", "eng"}
