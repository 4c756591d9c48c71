"""Settings of the training stages. `tokens` counts trained-on tokens, replay included."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from locale_tune.api import CHANGES_NOTHING, Settings

Dtype = Literal["auto", "bfloat16", "float32"]
Normalizer = Literal["sum_w", "completion", "nonzero"]


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
    schedule: Literal["cosine", "wsd"] = Field(
        default="cosine", description="wsd: warm-up, stable, 1-sqrt tail"
    )
    final_lr: float = Field(default=0.1, ge=0, le=1, description="at the end, of the peak")
    decay: float = Field(default=0.2, gt=0, le=1, description="tail of wsd, share of the steps")
    weight_decay: float = Field(default=0.0, ge=0)
    clip: float = Field(default=1.0, gt=0, description="largest gradient norm")
    sequence: int = Field(default=1024, ge=16, description="tokens in one packed row")
    rows_per_step: int = Field(default=2, ge=1, description="rows accumulated per update")
    normalizer: Normalizer = Field(
        default="sum_w", description="what the summed loss of an update is divided by"
    )
    skip_spikes: float = Field(
        default=0.0, ge=0, description="skip updates this many sigmas above the last 128; 0: none"
    )
    adapter: Literal["none", "lora", "dora"] = "none"
    adapter_rank: int = Field(default=16, ge=1)
    adapter_alpha: int = Field(default=32, ge=1)
    gradient_checkpointing: bool = Field(default=False, description="less memory, more time")
    shard: bool = Field(default=False, description="split the model over processes (FSDP2)")
    dtype: Dtype = "auto"
    compile: bool = Field(default=False, description="torch.compile the layers")
    checkpoint_seconds: float = Field(
        default=120.0,
        ge=0,
        description="between two checkpoints",
        json_schema_extra=CHANGES_NOTHING,
    )
    report_to: tuple[str, ...] = Field(
        default=(),
        description="trackers of accelerate, such as tensorboard",
        json_schema_extra=CHANGES_NOTHING,
    )


class InjectSettings(TrainSettings):
    """Cultural injection."""

    replay: float = Field(default=0.2, ge=0, lt=1, description="share of tokens from other text")
    replay_by: Literal["tokens", "bytes"] = Field(
        default="tokens", description="what `replay` is a share of"
    )
    replay_min_shares: dict[str, float] = Field(
        default={}, description="least share of the replay by language"
    )
    goldfish: Literal["off", "auto", "on"] = Field(
        default="off", description="auto: below 20 MB of text seen 10 times or more"
    )
    goldfish_k: int = Field(default=8, ge=2, description="one target in k is left out")
    goldfish_h: int = Field(default=13, ge=1, description="tokens before it that decide")
    protect: Literal["none", "ssu"] = "none"
    protect_samples: int = Field(default=500, ge=1, description="records SSU looks at")
    anneal: float = Field(default=0.0, ge=0, le=1, description="last share of the steps")
    anneal_tags: tuple[str, ...] = Field(default=("culture",), description="text of the anneal")
    anneal_sources: tuple[str, ...] = Field(default=(), description="and that of these sources")
    forgetting: Literal["off", "measure", "stop", "replay"] = "off"
    forgetting_budget: float = Field(
        default=0.02, ge=0, description="bits per byte the control may lose"
    )
    forgetting_every: int = Field(default=50, ge=1, description="updates between measurements")
    forgetting_lines: int = Field(default=32, ge=1, description="control lines measured")
    replay_raise: float = Field(default=0.1, gt=0, lt=1, description="added to the share")
    replay_most: float = Field(default=0.5, gt=0, lt=1, description="never a larger share")


class TuneSettings(TrainSettings):
    """Instruction tuning."""

    lr: float = Field(default=1e-4, gt=0)
    label_smoothing: float = Field(default=0.1, ge=0, lt=1)
    smooth_over: Literal["vocabulary", "language"] = Field(
        default="vocabulary", description="language: tokens that its text uses"
    )
    prompt_loss_weight: Annotated[float, Field(ge=0, le=1)] | Literal["auto"] = Field(
        default=0.0, description="auto: from the lengths of answers and prompts of each source"
    )
    neftune: float = Field(default=0.0, ge=0, description="noise on the embeddings, alpha")
    packing: Literal["in-order", "best-fit"] = "in-order"
    only_sources: tuple[str, ...] = Field(default=(), description="lessons of these sources only")
    only_tags: tuple[str, ...] = Field(default=(), description="lessons with one of these tags")
    pinpoint: float = Field(
        default=0.0, ge=0, le=1, description="train this share of the heads only; 0: everything"
    )
    pinpoint_pairs: int = Field(default=32, ge=1, description="lessons that the heads are found on")
    temperature: float = Field(default=1.0, ge=1, description="of the mix of languages")
    min_shares: dict[str, float] = Field(
        default={}, description="least share of the tokens by language; '!en' is all but English"
    )

    @field_validator("smooth_over")
    @classmethod
    def _nothing_to_smooth(cls, over: str, info: ValidationInfo) -> str:
        """Without smoothing there is nothing to spread, so both are one and the same model."""
        return over if info.data.get("label_smoothing") else "vocabulary"


class AlignSettings(TrainSettings):
    """Preferences."""

    epochs: float = Field(default=1.0, gt=0)
    max_epochs: float = Field(default=3.0, gt=0)
    lr: float = Field(default=5e-6, gt=0)
    normalizer: Literal["sum_w"] = Field(
        default="sum_w", description="the loss of an update is a mean over its pairs"
    )
    pairs: Literal["given", "claims", "spin", "judged"] = Field(
        default="given", description="where the pairs come from"
    )
    loss: Literal["dpop", "dpo", "dpo-length", "ipo", "hinge", "rloo"] = Field(
        default="dpop", description="dpop keeps the chosen answer as likely as it was"
    )
    beta: float = Field(default=0.1, gt=0, description="how soon a margin is enough")
    dpop_lambda: float = Field(
        default=50.0, ge=0, description="of the penalty where the chosen answer gets less likely"
    )
    label_smoothing: float = Field(
        default=0.0, ge=0, lt=0.5, description="chance that a preference is the wrong way round"
    )
    only_sources: tuple[str, ...] = Field(default=(), description="pairs of these sources only")
    only_tags: tuple[str, ...] = Field(default=(), description="pairs with one of these tags")
    order: Literal["shuffled", "widest-first"] = Field(
        default="shuffled", description="widest-first: by the gap of their scores"
    )
    curriculum_stage: int = Field(
        default=0, ge=0, description="only the n-th widest pair of each prompt; 0: all pairs"
    )
    prompts: int = Field(default=200, ge=1, description="lessons whose prompts the model answers")
    samples: int = Field(default=4, ge=2, description="answers to each prompt that are judged")
    temperature: float = Field(default=1.0, gt=0, description="of the model's own answers")
    max_new_tokens: int = Field(default=128, ge=1, description="of the model's own answers")
    judge: str = Field(
        default="rules:", description="who ranks answers: rules:, or a reward model's folder"
    )
