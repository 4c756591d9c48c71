"""Settings of the training stages. `tokens` counts trained-on tokens, replay included."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from locale_tune.api import Settings

Dtype = Literal["auto", "bfloat16", "float32"]


class BaseSettings(Settings):
    """The base model needs none."""


class TrainSettings(Settings):
    """What the loop needs, whatever is trained."""

    tokens: int | None = Field(default=None, gt=0, description="None: `epochs` over the text")
    epochs: float = Field(default=3.0, gt=0)
    max_epochs: float = Field(
        default=10.0, gt=0, description="never see the text more often, whatever `tokens` says"
    )
    lr: float = Field(default=3e-4, gt=0, description="peak learning rate of AdamW")
    warmup: float = Field(default=0.05, ge=0, lt=1, description="share of the steps")
    final_lr: float = Field(default=0.1, ge=0, le=1, description="end of the cosine, of the peak")
    weight_decay: float = Field(default=0.0, ge=0)
    clip: float = Field(default=1.0, gt=0, description="largest gradient norm")
    sequence: int = Field(default=1024, ge=16, description="tokens in one packed row")
    rows_per_step: int = Field(default=2, ge=1, description="rows accumulated per update")
    dtype: Dtype = "auto"
    checkpoint_seconds: float = Field(default=120.0, ge=0)


class InjectSettings(TrainSettings):
    """Cultural injection."""

    replay: float = Field(default=0.2, ge=0, lt=1, description="share of tokens from other text")


class TuneSettings(TrainSettings):
    """Instruction tuning."""

    lr: float = Field(default=1e-4, gt=0)
    label_smoothing: float = Field(default=0.1, ge=0, lt=1)
    prompt_loss_weight: float = Field(default=0.0, ge=0, le=1)
