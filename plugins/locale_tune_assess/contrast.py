"""Leading-query contrastive decoding: what a leading question adds to an answer is taken off.

The combination of LQCD (arXiv 2408.11261v1), which was tested on vision-language models only, so
using it on text is an extrapolation. With the scores z of a neutral and of a leading context that
share what was said since, and over the tokens (or options) that are plausible without the leading,

    p = softmax((1 + alpha) * z_neutral - alpha * z_leading)
    plausible: z_neutral >= log(beta) + max z_neutral

Everything else has probability 0. The cut-off is a ratio to the likeliest token of the neutral
context, so at least one token survives.
"""

from __future__ import annotations

import math
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

ALPHA, BETA = 1.0, 0.1  # of the paper

Scores = TypeVar("Scores", bound=Any)  # numpy arrays and torch tensors alike


def contrasted(neutral: Scores, leading: Scores, alpha: float) -> Scores:
    """Return (1 + alpha) * neutral - alpha * leading."""
    result: Any = (1 + alpha) * neutral - alpha * leading
    return cast("Scores", result)


def implausible(neutral: Scores, best: Scores, beta: float) -> Any:
    """Return where the neutral scores are below `beta` times the chance of the `best`.

    `best` is the maximum of each row of `neutral`, kept as a column. With 0 only what is impossible
    (minus infinity) is below.
    """
    return (neutral == -math.inf) | (neutral < best + (math.log(beta) if beta else -math.inf))


def combine(
    neutral: NDArray[np.float64],
    leading: NDArray[np.float64],
    alpha: float = ALPHA,
    beta: float = BETA,
) -> NDArray[np.float64]:
    """Return combined scores [..., V] of two rows of scores; -inf for what is cut off."""
    cut = implausible(neutral, neutral.max(axis=-1, keepdims=True), beta)
    with np.errstate(invalid="ignore"):  # -inf - -inf where an option is absent: it is cut
        return np.where(cut, -np.inf, contrasted(neutral, leading, alpha))
