"""What a person may set about a release."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from locale_tune.api import Settings


class ReleaseSettings(Settings):
    """Settings of the stage `release`."""

    name: str = Field(default="", description="name of the model; empty: base and pack id")
    base_licence: str = Field(
        default="", description="licence of the base model; it counts when licences are rolled up"
    )
    page_language: Literal["pack", "en"] = Field(
        default="pack", description="labels of the page: the pack's own where it has them, or en"
    )
    samples: int = Field(default=12, ge=0, description="prompts shown side by side, in pack order")
    sentences: int = Field(default=8, ge=0, description="sentences shown cut into tokens")
