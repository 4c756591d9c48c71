"""Settings of `select`."""

from __future__ import annotations

from pydantic import Field

from locale_tune.api import Settings


class SelectSettings(Settings):
    """How lessons are chosen, and whether native text is made into lessons too."""

    selector: str = Field("all", description="the selector that chooses among clean lessons")
    budget: int | None = Field(None, gt=0, description="lessons to choose; none: all")
    continuation_lessons: int = Field(
        0, ge=0, description="lessons made of native text: its start is asked, the rest answers"
    )
    continuation_prompt: str = Field(
        "{start}", description="what is asked, in the language; {start} is the text's start"
    )
