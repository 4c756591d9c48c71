"""What a person may set about `assess`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from locale_tune.api import Settings


class AssessSettings(Settings):
    """Sizes, seeds of the intervals and the checks to run."""

    checks: tuple[str, ...] = Field(
        default=(), description="the checks to run, in this order; empty: all that are offered"
    )
    max_documents: int = Field(
        default=200, gt=0, description="held-out documents per language, drawn with the seed"
    )
    max_questions: int = Field(
        default=200, gt=0, description="questions per language and split (dev, test)"
    )
    max_parallel: int = Field(default=24, gt=0, description="sentence pairs to translate")
    max_preferences: int = Field(
        default=200, gt=0, description="held-out pairs of a preferred and a rejected answer"
    )
    max_new_tokens: int = Field(default=64, gt=0, description="tokens of a generated answer")
    bins: int = Field(default=15, gt=0, description="equal-width bins of the reliability diagram")
    resamples: int = Field(
        default=10_000, ge=100, description="bootstrap resamples; p-values have no finer step"
    )
    window: int = Field(
        default=1024, ge=8, description="tokens of context; longer documents take strided windows"
    )
    batch_tokens: int = Field(
        default=4096, gt=0, description="tokens in one batch, padding included"
    )
    dtype: Literal["float32", "bfloat16"] = Field(
        default="float32",
        description="bfloat16 halves the memory of a large model, but rounds its scores",
    )
    keep_both_below: int = Field(
        default=4 << 30,
        ge=0,
        description="keep both models loaded while their weights take fewer bytes than this",
    )
