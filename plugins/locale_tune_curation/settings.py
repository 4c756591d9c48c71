"""Settings of `select`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from locale_tune.api import Settings
from locale_tune_curation.back_translation import BackTranslationSettings
from locale_tune_curation.conversations import ConversationSettings
from locale_tune_curation.dialogues import DialogueSettings
from locale_tune_curation.phrasings import PairPhrasings, TextPhrasings
from locale_tune_curation.premise_phrases import PremisePhrases, Statement
from locale_tune_curation.self_instruct import SelfInstructSettings
from locale_tune_curation.teacher import TeacherSettings

Shares = dict[str, dict[str, float]]


class SelectSettings(Settings):
    """How lessons are chosen, and whether native text is made into lessons too."""

    selector: str = Field("all", description="the selector that chooses among clean lessons")
    budget: int | None = Field(None, gt=0, description="lessons to choose; none: all")
    budget_share: float | None = Field(
        None, gt=0, le=1, description="share of the clean lessons to choose, in place of a number"
    )
    budget_kilobytes: float | None = Field(
        None, gt=0, description="stop where the chosen lessons have so much text"
    )
    budget_tokens: int | None = Field(
        None, gt=0, description="stop where they have so many tokens of the base model"
    )
    least: Shares = Field(
        default={},
        description="least shares: {variety = {rm-sursilv = 0.2}}, also source, lang, tags",
    )
    most: Shares = Field(default={}, description="largest shares, in the same form")
    embedder: str = Field(
        "ngrams", description="what makes vectors of lessons: ngrams, or an encoder"
    )
    quality: Literal["heuristics", "stated", "ifd"] = Field(
        "heuristics", description="how good a lesson is: by its form, as it states, or by a model"
    )
    quality_model: str = Field("", description="the folder of the model that ifd asks")
    labels: tuple[str, ...] = Field(
        default=(), description="tags whose values are labels for mig; none: clusters"
    )
    clusters: int = Field(
        0, ge=0, description="number of clusters; 0: the root of half the number of lessons"
    )
    diversity: bool = Field(True, description="say how diverse the lessons are before and after")
    tags: tuple[str, ...] = Field(
        default=("culture",), description="tags whose loss from pool to lessons is reported"
    )
    novelty_neighbours: int = Field(10, ge=1, description="neighbours that make a density")
    novelty_density_power: float = Field(0.5, ge=0, description="power of the density")
    novelty_distance_power: float = Field(1.0, ge=0, description="power of the rank of a distance")
    novelty_reference: int = Field(
        10_000, ge=2, description="lessons that the density is measured against"
    )
    novelty_quality: bool = Field(False, description="multiply novelty by quality")
    mig_threshold: float = Field(
        0.9, ge=-1, le=1, description="labels from this cosine on are near"
    )
    mig_power: float = Field(0.8, gt=0, le=1, description="power of what a label has")
    mig_spread: float = Field(1.0, ge=0, description="how much goes over to near labels")
    mig_divide: bool = Field(False, description="whether the labels of a lesson share its quality")
    mdaq_quality_share: float = Field(
        6 / 7, ge=0, le=1, description="part of the budget that is chosen for quality"
    )
    conversations: ConversationSettings = Field(
        ConversationSettings.model_validate({}),
        description="how shared conversations are cleaned and cut",
    )
    teacher: TeacherSettings = Field(
        TeacherSettings.model_validate({}),
        description="the model that makes lessons, where any are wanted",
    )
    self_instruct: SelfInstructSettings = Field(
        SelfInstructSettings.model_validate({}),
        description="tasks that the teacher makes after examples",
    )
    dialogues: DialogueSettings = Field(
        DialogueSettings.model_validate({}),
        description="dialogues that the teacher holds with itself",
    )
    back_translation: BackTranslationSettings = Field(
        BackTranslationSettings.model_validate({}),
        description="questions that the teacher makes to native text",
    )
    continuation_lessons: int = Field(
        0, ge=0, description="lessons made of native text: its start is asked, the rest answers"
    )
    continuation_prompt: str = Field(
        "{start}", description="what is asked, in the language; {start} is the text's start"
    )
    text_lessons: int = Field(
        0, ge=0, description="lessons made of native text with `text_phrasings`"
    )
    text_phrasings: TextPhrasings | None = Field(
        None, description="gaps, choices and orders in the language"
    )
    pair_lessons: int = Field(
        0, ge=0, description="lessons made of text with its translation, in both directions"
    )
    pair_phrasings: tuple[PairPhrasings, ...] = Field(
        default=(), description="how a translation is asked for, by its language"
    )
    premise_lessons: int = Field(
        0, ge=0, description="lessons against sycophancy: claims, opinions on them, and the truth"
    )
    premise_statements: tuple[Statement, ...] = Field(
        default=(), description="which lessons hold claims, and how these are put in the language"
    )
    premise_phrases: PremisePhrases | None = Field(
        None, description="people and opinions in the language; none: in English"
    )
    premise_judged: bool = Field(
        False, description="leave out claims that the base model misjudges without an opinion"
    )

    @field_validator("least", "most")
    @classmethod
    def _are_shares(cls, shares: Shares) -> Shares:
        for key, named in shares.items():
            if not all(0 <= share <= 1 for share in named.values()):
                raise ValueError(f"a share of {key} is not between 0 and 1")
        return shares
