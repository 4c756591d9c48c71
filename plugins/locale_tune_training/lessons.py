"""Lessons as tokens: which ones, how much their prompts weigh, how their languages mix."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from locale_tune.api import Job, Record, read_records
from locale_tune_training.batches import Order, Tokens, packed, shuffled, write_tokens
from locale_tune_training.encoding import Encoded, Encoder
from locale_tune_training.mixing import Tally, by_share, chosen, lengths_of, shares

BEST_SHORT = 0.242  # best prompt loss weight where answers are far shorter than prompts ...
SHORT_RATIO = 0.08  # ... in a set whose answers have this many times the tokens of its prompts

Weights = dict[tuple[str, str], dict[str, float]]


def lessons_of(job: Job) -> Iterator[Record]:
    """Yield the lessons this step is for: those of its sources and tags."""
    settings = job.settings
    for record in read_records(job.inputs["lessons"].path / "lessons"):
        if chosen(record, settings.only_sources, settings.only_tags):
            yield record


def prompt_weight(ratio: float) -> float:
    """Return the weight of prompt tokens where answers have `ratio` times the prompts' tokens.

    Huerta-Enochian & Ko 2024 (arXiv 2401.13586) find an effect for short answers only, best at
    0.242 for a ratio of 0.08. From there the weight falls to 0 at a ratio of 1, evenly in the
    logarithm: the two ends are theirs, the line between them is ours.
    """
    if ratio <= 0:
        return BEST_SHORT
    through = math.log(ratio) / math.log(SHORT_RATIO)
    return BEST_SHORT * min(1.0, max(0.0, through))


def prompt_weights(job: Job, encoder: Encoder) -> Weights:
    """Return for every source and language its ratio and the weight of its prompts."""
    counts: dict[tuple[str, str], list[int]] = {}
    for record in lessons_of(job):
        weights = encoder.chat(record.messages, 0.5).weights
        have = counts.setdefault((record.source, record.lang), [0, 0])
        have[0] += weights.count(1.0)
        have[1] += weights.count(0.5)
    found: Weights = {}
    for key, (answer, prompt) in sorted(counts.items()):
        ratio = answer / max(1, prompt)
        found[key] = {"ratio": round(ratio, 4), "weight": round(prompt_weight(ratio), 4)}
    return found


def encode(job: Job, encoder: Encoder) -> tuple[Tokens, Tally, Weights]:
    """Write the lessons into `job.work`; return them, their tally and the weights of `auto`.

    A lesson longer than a row is left out: the end of its last turn must be inside what is kept,
    or the model never learns to stop.
    """
    fixed, found = job.settings.prompt_loss_weight, {}
    if fixed == "auto":
        found = prompt_weights(job, encoder)
    tally = Tally()

    def encoded() -> Iterator[Encoded]:
        for record in lessons_of(job):
            key = (record.source, record.lang)
            chat = encoder.chat(record.messages, found[key]["weight"] if found else fixed)
            if 2 <= len(chat.ids) <= job.settings.sequence:
                size = sum(len(m.content.encode()) for m in record.messages)
                tally.add(record, len(chat.ids), size)
                yield chat

    return write_tokens(job.work / "lessons", encoded()), tally, found


class Mix:
    """The order of the lessons, and how often each language's come round."""

    def __init__(self, lessons: Tokens, tally: Tally, settings: Any, seed: int) -> None:
        self.lessons, self.settings, self.seed = lessons, settings, seed
        self.tokens = tally.by_language()
        self.shares: dict[str, float] = {}
        self.order: Order = shuffled(len(lessons), seed)
        self.fit = settings.packing == "best-fit"
        if settings.temperature != 1 or settings.min_shares:
            self.shares = shares(self.tokens, settings.temperature, settings.min_shares)
            self.order = by_share(lengths_of(lessons), tally.languages, self.shares, seed)

    def most_tokens(self, max_epochs: float) -> float:
        """Return how many tokens may be drawn until a language has been seen `max_epochs` times."""
        limits = [self.tokens[name] / share for name, share in self.shares.items()]
        return min(limits, default=self.lessons.total) * max_epochs

    def tokens_per_row(self) -> float:
        """Return the mean of the first epoch: whole lessons leave rows that are not full."""
        seed = f"{self.seed}:0" if self.fit else ""
        rows = list(packed(self.lessons, self.order(0), self.settings.sequence, True, seed))
        return sum(end - start for row in rows for _, start, end in row) / len(rows)

    def facts(self, trained: int) -> dict[str, Any]:
        """Return tokens, share and passes of each language, after `trained` tokens."""
        return {
            name: {
                "tokens": self.tokens[name],
                "share": round(share, 4),
                "passes": round(trained * share / self.tokens[name], 3),
            }
            for name, share in self.shares.items()
        }
