"""Every type that flows through a build. Frozen: a stage cannot change what it was given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, JsonValue

Role = Literal[
    "text",
    "replay",
    "control",
    "lessons",
    "preferences",
    "questions",
    "prompts",
    "parallel",
    "contrast",
    "lexicon",
]
Direction = Literal["ltr", "rtl"]
Verdict = Literal["better", "worse", "no clear change", "measured"]
Section = Literal[
    "language",
    "knowledge",
    "calibration",
    "culture",
    "retention",
    "generation",
    "align",
    "tokenizer",
    "",
]
SPLITS = (
    "text",
    "replay",
    "lessons",
    "preferences",
    "questions",
    "heldout",
    "heldout_preferences",
    "control",
    "parallel",
    "contrast",
    "lexicon",
    "prompts",
)


class Frozen(BaseModel):
    """Base of all schema types: immutable, and unknown keys are mistakes."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Locale(Frozen):
    """One language or variety: our id, and the world's names for it."""

    id: str = Field(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$")
    tag: str = Field(description="BCP 47 tag the world knows, e.g. afb for our ar-gulf")
    script: str = Field(pattern=r"^[A-Z][a-z]{3}$", description="ISO 15924, e.g. Arab")
    name: str
    endonym: str
    direction: Direction
    variety_of: str = ""
    contrasts: tuple[str, ...] = ()


class Asked(Frozen):
    """How the questions of a source are put to a model, and which half of them it holds."""

    format: Literal["plain", "cloze", "letters"] = Field(
        default="plain", description="what the model sees, see the check multiple_choice"
    )
    letters: tuple[str, ...] = Field(
        default=(), description="letters of the options, for the format letters; none: A to J"
    )
    answer_word: str = Field(default="", description="what stands before the letter")
    split: Literal["", "dev", "test"] = Field(
        default="", description="the half that all of them are in; empty: drawn by group"
    )


class Source(Frozen):
    """One named, pinned and licensed text. The repository holds none of it."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")
    kind: str
    uri: str
    licence: str
    role: Role
    lang: str = ""
    variety: str = ""
    origin: Literal["native", "translated", "synthetic"] = "native"
    credit: str = ""
    collected: str = ""
    access: Literal["", "open", "on request", "internal"] = ""
    steward: str = Field(default="", description="who keeps the text and answers for it")
    residency: str = Field(default="", pattern=r"^([A-Z]{2})?$", description="ISO 3166 country")
    consent: str = Field(default="", description="on what ground people's words may be used")
    revision: str = ""
    sha256: str = Field(default="", pattern=r"^([0-9a-f]{64})?$")
    size: int | None = Field(default=None, gt=0)
    weight: float = Field(default=1.0, gt=0)
    cap: int | None = Field(default=None, gt=0, description="at most this many records")
    on: bool = True
    note: str = ""
    options: dict[str, JsonValue] = {}
    options_file: str = Field(default="", description="file of the pack with more options")
    tags: dict[str, str] = Field(default={}, description="put into `meta` of every record")
    asked: Asked | None = Field(default=None, description="how questions are put to a model")


class Bound(Frozen):
    """A limit that fails the build: on a finding after tuning, its change, or its ratio.

    With `clear`, a change fails it only where the whole 95 % interval is beyond the limit.
    """

    check: str
    on: str = ""
    of: Literal["after", "change", "ratio"] = "after"
    min: float | None = None
    max: float | None = None
    clear: bool = Field(default=False, description="noise alone does not break it")


class LanguagePack(Frozen):
    """What a person writes about a language; the rest follows from it."""

    locale: Locale
    base_model: str
    stages: tuple[str, ...]
    sources: tuple[Source, ...] = ()
    filters: tuple[str, ...] = ()
    settings: dict[str, dict[str, JsonValue]] = {}
    bounds: tuple[Bound, ...] = ()
    prompts: tuple[str, ...] = ()
    ui: dict[str, str] = Field(default={}, description="labels of the report in the language")
    licence: str = ""
    authors: tuple[str, ...] = ()
    code: bool = False
    version: str = ""
    distribution: str = ""
    root: Path


class Message(Frozen):
    """One turn of a chat."""

    role: Literal["system", "user", "assistant"]
    content: str


class Record(Frozen):
    """One document, chat, question or sentence pair, whatever its source.

    `text` holds running text; `messages` a chat; `question`, `choices` and `answer` (an index
    into `choices`) a multiple-choice item; `text` and `translation` a pair (`translation` is in
    `meta["translation_lang"]`); `messages` and `rejected` a preference: the last answer of the
    chat was preferred to the rejected one. `meta["group"]` keeps records together when held-out
    text is drawn: no group stands on both sides.
    """

    id: str
    source: str
    lang: str = ""
    variety: str = ""
    text: str = ""
    messages: tuple[Message, ...] = ()
    question: str = ""
    choices: tuple[str, ...] = ()
    answer: int | None = None
    translation: str = ""
    rejected: str = ""
    meta: dict[str, str] = {}


@dataclass(frozen=True)
class Bad:
    """What could not be read of a source: where, why, and how many records are lost with it."""

    where: str
    reason: str
    text: str = ""
    records: int = 1


class Machine(Frozen):
    """What the bits of a heavy stage depend on besides its inputs."""

    device: str = "cpu"
    threads: int = 1
    dtype: Literal["bfloat16", "float32"] = Field(
        default="float32", description="what the device computes fast in"
    )


class Settings(BaseModel):
    """Base of a stage's settings: typed, frozen, no unknown keys, a description per field."""

    model_config = ConfigDict(frozen=True, extra="forbid")


# Given to a field that says when or where something is told, never what comes out: it is left out
# of the step's fingerprint, so that changing it runs nothing again.
CHANGES_NOTHING: dict[str, JsonValue] = {"changes": "nothing"}


def without_result(settings: type[BaseModel]) -> tuple[str, ...]:
    """Return the names of the settings marked with CHANGES_NOTHING."""
    fields = settings.model_fields.items()
    return tuple(name for name, field in fields if field.json_schema_extra == CHANGES_NOTHING)


class Step(Frozen):
    """One stage of one plan. `needs` maps a kind to the step that makes it."""

    name: str
    stage: str
    provider: str
    needs: dict[str, str]
    makes: str
    settings: dict[str, JsonValue]
    covers: dict[str, JsonValue] = Field(default={}, description="what else the fingerprint covers")
    uncovered: tuple[str, ...] = Field(default=(), description="settings it does not cover")
    seed: int = 0
    fingerprint: str


class Found(Frozen):
    """A source and where its file was found; `path` is None when it is missing."""

    source: str
    path: Path | None
    sha256: str = ""
    how: str = ""
    problem: str = ""


class Plan(Frozen):
    """A build, decided: written to plan.json before anything runs."""

    pack: LanguagePack
    base: str
    base_path: Path | None
    seed: int
    machine: Machine
    steps: tuple[Step, ...]
    sources: tuple[Found, ...] = ()
    overrides: tuple[str, ...] = ()
    budget: str = ""
    resolved: dict[str, int] = Field(default={}, description="token counts from the budget probe")
    notes: tuple[str, ...] = ()
    unread: tuple[str, ...] = Field(
        default=(), description="sources that no step reads: they are not fetched"
    )
    command: str = Field(default="", description="what makes this plan again")


@dataclass(frozen=True)
class Artifact:
    """A finished, verified folder and the artifacts it was made from."""

    kind: str
    path: Path
    fingerprint: str
    step: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    made_from: Mapping[str, Artifact] = field(default_factory=dict)


class Finding(Frozen):
    """One measured number before and after, on the same items.

    `interval` is the 95 % paired-bootstrap interval of `change` (after minus before), `p` its
    two-sided p-value; `p_holm` is adjusted for all findings of the build (those of the section
    `align` among themselves), and the verdict follows it. `section` says where a reader looks for
    the finding; in `align`, before is not the base but the model that `align` started from.
    """

    check: str
    on: str
    label: str
    before: float | None
    after: float
    change: float | None = None
    interval: tuple[float, float] | None = None
    n: int
    unit: str = ""
    lower_is_better: bool = False
    verdict: Verdict = "measured"
    p: float | None = None
    p_holm: float | None = None
    section: Section = ""
    note: str = ""


@dataclass(frozen=True)
class Report:
    """What a build ended in."""

    plan: Plan
    release: Artifact | None
    findings: tuple[Finding, ...]
    broken: tuple[str, ...]
    ran: tuple[str, ...]
    reused: tuple[str, ...]


class Progress(Protocol):
    """How a stage tells a person where it is; the host decides how that is shown."""

    def __call__(self, done: float, total: float, note: str = "") -> None: ...
