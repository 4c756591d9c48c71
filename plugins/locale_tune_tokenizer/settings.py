"""What a pack or a person may set about `extend`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from locale_tune.api import Settings

RECOMMENDED_BYTES = 5_000_000


class ExtendSettings(Settings):
    """Settings of the stage `extend`. The thresholds are starting points, to be tuned per pack."""

    max_new_tokens: int = Field(4096, ge=0, description="never more new tokens than this")
    min_frequency: int = Field(
        100, ge=2, description="no token from the first merge on that the text has fewer times"
    )
    size: Literal["knee", "frequency"] = Field(
        "knee",
        description="stop where more tokens save little, or only by min_frequency",
    )
    pretokenizer: Literal["keep", "marks"] = Field(
        "keep",
        description="marks: keep combining marks with their letters, if replay text allows it",
    )
    letter_coverage: float = Field(
        0.9995,
        ge=0,
        le=1,
        description="share of characters to cover with pieces before merges (SentencePiece style)",
    )
    min_bytes: int = Field(
        RECOMMENDED_BYTES, ge=0, description="UTF-8 bytes of text needed to extend at all"
    )
    learn_bytes: int = Field(
        100_000_000, ge=1, description="learn from at most this much text, drawn with the seed"
    )
    max_token_chars: int = Field(24, ge=2, description="longest new token, in characters")
    compact_ratio: float = Field(
        1.5,
        ge=0,
        description="do not extend below this multiple of the English tokens per word; 0: no rule",
    )
    floor_margin: float = Field(
        0.05,
        ge=0,
        description="do not extend when tokens per word exceed the floor by less than this share",
    )
    protected_lines: int = Field(
        4000, ge=0, description="replay lines whose ids must not change, drawn with the seed"
    )
    protected_share: float = Field(
        0.66, ge=0, le=1, description="share of replay lines to protect; the others are measured"
    )
    max_changed_share: float = Field(
        0.005,
        ge=0,
        le=1,
        description="share of unprotected replay and control lines that may change without a note",
    )
    initializer: Literal["edge", "mean", "hewitt", "focus", "lexicon", "random", "zero"] = Field(
        "edge", description="what the first embeddings of new tokens are made of"
    )
    tokens: int | None = Field(
        None, ge=0, description="tokens of row-only warm-up; none: one epoch up to row_tokens_cap"
    )
    row_tokens_cap: int = Field(200_000, ge=0, description="most tokens when `tokens` is not set")
    row_length: int = Field(128, ge=8, description="tokens per sequence of the warm-up")
    row_batch: int = Field(8, ge=1, description="sequences per step of the warm-up")
    row_lr: float = Field(1e-3, gt=0, description="learning rate of the new rows, constant")
    row_warmup_steps: int = Field(10, ge=0, description="steps of linear rise to row_lr")
    compute: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="arithmetic of the frozen layers; new rows are float32 always"
    )
    # Trimming.
    trim_to: int = Field(
        0,
        ge=0,
        description="first prune the base's vocabulary to this many tokens; 0: to no set size",
    )
    trim_min_count: int = Field(
        0,
        ge=0,
        description="prune only tokens whose loss adds fewer tokens to text and replay than this; "
        "0: no such end, and with trim_to 0 no pruning",
    )
    # Rows.
    rows_loss: Literal["auto", "next-token", "distillation"] = Field(
        "auto", description="what new rows learn by; auto: a short probe of both decides"
    )
    row_weight_decay: float = Field(0.0, ge=0, description="weight decay of the new rows (AdamW)")
