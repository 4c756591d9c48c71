"""One model's answers to multiple-choice questions: scores, probabilities, right or wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from locale_tune.api import Record

from . import calibration as cal
from .calibration import Array, Integers
from .formats import format_of, lengths_of

Normalise = Literal["character", "token", "none"]


@dataclass(frozen=True)
class Answers:
    """Scores [N, K] with -inf for absent options, and the right option [N]."""

    scores: Array
    right: Integers

    @property
    def probabilities(self) -> Array:
        """Return option probabilities [N, K]."""
        return cal.softmax(self.scores)

    @property
    def confidence(self) -> Array:
        """Return the largest option probability [N]."""
        result: Array = self.probabilities.max(axis=1)
        return result

    @property
    def correct(self) -> Array:
        """Return 1 where the most likely option is the right one [N]."""
        result: Array = (self.scores.argmax(axis=1) == self.right).astype(np.float64)
        return result

    def part(self, chosen: Sequence[int]) -> Answers:
        """Return the answers to some of the questions."""
        return Answers(self.scores[list(chosen)], self.right[list(chosen)])


def answers(
    questions: Sequence[Record],
    logprobs: Sequence[Sequence[float]],
    normalise: Normalise = "character",
    tokens: Sequence[Sequence[int]] | None = None,
) -> Answers:
    """Turn log-likelihoods into scores.

    score = log-likelihood / length * mean length of the question's options. The most likely option
    is that of lm-eval's `acc_norm` (characters) or lighteval's token normalisation; the factor, the
    same for all options of a question, keeps the evidence of a whole option, so equally long
    options get their exact conditional probability. Characters do not depend on the tokenizer;
    `tokens` [N][K] is how many each option has in this model. With "none" a score is the
    log-likelihood, and shorter options win. Lettered options always are scored as they are.
    """
    widest = max(len(record.choices) for record in questions)
    scores = np.full((len(questions), widest), -np.inf)
    for row, (record, values) in enumerate(zip(questions, logprobs, strict=True)):
        lengths = np.ones(len(values))
        if format_of(record) != "letters":
            if normalise == "character":
                lengths = np.array(lengths_of(record), dtype=np.float64)
            elif normalise == "token" and tokens is not None:
                lengths = np.array(tokens[row], dtype=np.float64)
        scores[row, : len(values)] = np.array(values) / lengths * lengths.mean()
    right = np.array([record.answer or 0 for record in questions], dtype=np.int64)
    return Answers(scores, right)
