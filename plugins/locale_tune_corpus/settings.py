"""Settings of `collect`. Light: read by every command that plans."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, JsonValue, field_validator

from locale_tune.api import CHANGES_NOTHING, Settings, licences


class PrivacyOptions(Settings):
    """Which personal numbers are looked for, and the key of what is written instead."""

    phone_regions: tuple[str, ...] | None = Field(
        default=None, description="countries whose telephone numbers count without their code"
    )
    key: str = Field(default="locale-tune", description="key that chooses the stand-ins")
    patterns: dict[str, str] = Field(
        default={}, description="more kinds: a name and a regular expression each"
    )


class CollectSettings(Settings):
    """How much text is held out, what counts as a copy, and when a source is too broken."""

    heldout_share: float = Field(0.1, ge=0, lt=1, description="share of the native text held out")
    heldout_max: int = Field(400, ge=0, description="at most this many held-out documents")
    control_max: int = Field(400, ge=0, description="at most this many texts of other languages")
    parallel_max: int = Field(24, ge=0, description="at most this many pairs made by pair_with")
    cloze_questions: int = Field(60, ge=0, description="next-sentence questions; 0 makes none")
    preference_prompt: str = Field(
        "{start}",
        description="what is asked where a text is preferred to its sibling; {start} is its start",
    )
    near_duplicates: float = Field(
        0.8, ge=0, le=1, description="similarity from which a text is a copy; 0 looks for none"
    )
    max_bad_share: float = Field(
        0.05, ge=0, le=1, description="share of unreadable records that fails the build"
    )
    workers: int = Field(
        0,
        ge=0,
        description="processes that read the sources; 0: one per core, fewer for little text",
        json_schema_extra=CHANGES_NOTHING,
    )
    part_megabytes: float = Field(
        64,
        gt=0,
        description="size of the parts a large file is read in",
        json_schema_extra=CHANGES_NOTHING,
    )
    executor: Literal["processes", "datatrove-local", "datatrove-slurm", "datatrove-ray"] = Field(
        "processes",
        description="who deals out the parts: this program, or an executor of datatrove",
        json_schema_extra=CHANGES_NOTHING,
    )
    executor_options: dict[str, JsonValue] = Field(
        default={},
        description="options of datatrove's executor, such as tasks, time and partition",
        json_schema_extra=CHANGES_NOTHING,
    )
    filter_options: dict[str, dict[str, JsonValue]] = Field(
        default={}, description="options of a filter by its name"
    )
    privacy: Literal["replace", "drop", "off"] = Field(
        "replace", description="what happens to personal data in text"
    )
    privacy_options: dict[str, JsonValue] = Field(
        default={}, description="which personal data is looked for"
    )

    allow_licences: tuple[str, ...] = Field(
        default=(), description="SPDX ids or rank words; others are not read; empty: all known"
    )
    residency: tuple[str, ...] = Field(
        default=(), description="countries, stewards and hosts; sources of others are not read"
    )

    @field_validator("privacy_options")
    @classmethod
    def _known_options(cls, given: dict[str, JsonValue]) -> dict[str, JsonValue]:
        PrivacyOptions.model_validate(given)
        return given

    @field_validator("allow_licences")
    @classmethod
    def _known_licences(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        if wrong := next((said for word in words if (said := licences.problem_of(word))), ""):
            raise ValueError(wrong)
        return words
