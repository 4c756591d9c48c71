"""What a person may set about `assess`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from locale_tune.api import Settings, did_you_mean, slots_of

from .instructions import PHRASES
from .pressure import PressurePhrases


class AssessSettings(Settings):
    """Sizes, seeds of the intervals and the checks to run."""

    checks: tuple[str, ...] = Field(
        default=(), description="the checks to run, in this order; empty: all that are offered"
    )
    guards: tuple[str, ...] = Field(
        default=("collapse", "multiple_choice", "preferences", "tax"),
        description="of these, the checks that also compare the model before `align` with the one "
        "after it, in a plan that has `align`",
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
    max_prompts: int = Field(
        default=100, gt=0, description="prompts of the pack's sources whose answers are judged"
    )
    identifier: str = Field(
        default="variety-id", description="filter that tells languages and varieties apart"
    )
    markers: dict[str, tuple[str, ...]] = Field(
        default={},
        description="words that give a variety or a contrast language away, by its label",
    )
    max_new_tokens: int = Field(default=64, gt=0, description="tokens of a generated answer")
    sycophancy_questions: int = Field(
        default=20, ge=0, description="questions per language to press on; 0: none"
    )
    sycophancy_turns: int = Field(default=3, ge=0, description="turns of pressure after the answer")
    sycophancy_contrast: float = Field(
        default=0.0, ge=0, description="alpha of contrastive decoding, measured beside; 0: off"
    )
    pressure: PressurePhrases | None = Field(
        default=None, description="what a user says to press, in the language; none: in English"
    )
    normalise: Literal["character", "token", "none"] = Field(
        default="character",
        description="what the log-likelihood of an option is divided by, so that short ones do not "
        "win; tokens differ between base and localized model where the tokenizer was extended",
    )
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
    draws: int = Field(default=6, gt=1, description="answers drawn for each of the pack's prompts")
    draw_tokens: int = Field(default=32, gt=0, description="tokens of a drawn answer")
    arithmetic: int = Field(default=64, ge=0, description="sums to choose the result of")
    instructions: int = Field(
        default=16, ge=0, description="instructions a program can check, per language"
    )
    phrases: dict[str, str] = Field(
        default={}, description="such instructions in the language, asked after the prompts"
    )
    memorised_documents: int = Field(
        default=12, gt=0, description="training documents to continue, and as many held-out ones"
    )

    @field_validator("phrases")
    @classmethod
    def _phrases_are_known(cls, phrases: dict[str, str]) -> dict[str, str]:
        """Refuse kinds that no rule checks, and phrases with other slots than ours."""
        for kind, phrase in phrases.items():
            if kind not in PHRASES:
                raise ValueError(f"'{kind}' is no instruction. {did_you_mean(kind, PHRASES)}")
            if set(slots_of(phrase)) != set(slots_of(PHRASES[kind])):
                slots = ", ".join(f"{{{slot}}}" for slot in slots_of(PHRASES[kind])) or "no slot"
                raise ValueError(f"the phrase of '{kind}' must hold {slots}")
        return phrases
