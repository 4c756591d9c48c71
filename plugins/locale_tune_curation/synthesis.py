"""All lessons that a teacher makes, one maker after the other, and the facts about them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from locale_tune.api import Locale, Progress, Record, StageFailed
from locale_tune_curation.back_translation import (
    BACK,
    FORWARD,
    BackTranslationSettings,
    back_translated,
    preferred,
)
from locale_tune_curation.dialogues import DialogueSettings, make_dialogues, topics
from locale_tune_curation.instances import Work, make_lessons
from locale_tune_curation.self_instruct import SelfInstructSettings, make_tasks, seed_tasks
from locale_tune_curation.synthetic import Check, Marks
from locale_tune_curation.teacher import Teacher, TeacherSettings

Records = Callable[[], Iterable[Record]]  # opens the records anew, as a stream


class Wanted(Protocol):
    """The settings of `select` that the makers read."""

    @property
    def teacher(self) -> TeacherSettings: ...
    @property
    def self_instruct(self) -> SelfInstructSettings: ...
    @property
    def dialogues(self) -> DialogueSettings: ...
    @property
    def back_translation(self) -> BackTranslationSettings: ...


@dataclass(frozen=True)
class Source:
    """What lessons are made from and for. `check` is None where no filter tells languages apart."""

    locale: Locale
    lessons: Records
    texts: Records
    check: Check | None
    seed: int
    tell: Progress


@dataclass
class Made:
    """Lessons that were made, and what the report says of them."""

    records: list[Record] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)


def is_wanted(settings: Wanted) -> bool:
    """Whether any maker is to make a lesson, so that a teacher is needed."""
    return bool(
        settings.self_instruct.tasks
        or settings.dialogues.dialogues
        or settings.back_translation.lessons
    )


def synthesize(settings: Wanted, source: Source, open_teacher: Callable[[], Teacher]) -> Made:
    """Return the lessons of all makers that are wanted. Nothing is opened when none is.

    Native answers come first: back-translation, dialogues, then Self-Instruct. The teacher's
    memory is given back whatever happens. Raise StageFailed without a check of languages: nobody
    would see what the teacher drifts into.
    """
    if not is_wanted(settings):
        return Made()
    if settings.back_translation.lessons and "{text}" not in settings.back_translation.ask:
        raise StageFailed(
            "select.back_translation.ask does not hold {text}",
            "write, in the language, what asks for the question that {text} is the answer to",
        )
    if source.check is None:
        raise StageFailed(
            "lessons are to be made by a model, but no filter would see another language",
            'add "language-id" or "variety-id" to the filters of the pack',
        )
    teacher = open_teacher()
    try:
        return _Makers(settings, source, source.check, teacher).make()
    finally:
        teacher.close()


class _Makers:
    """The makers, with what all of them need."""

    def __init__(self, settings: Wanted, source: Source, check: Check, teacher: Teacher) -> None:
        self._settings, self._source, self._check = settings, source, check
        self._teacher = teacher
        self._sampling = settings.teacher.sampling()

    def make(self) -> Made:
        made = Made()
        makers = {
            BACK: self._back_translation,
            "dialogues": self._dialogues,
            "self-instruct": self._self_instruct,
        }
        rejected: dict[str, dict[str, int]] = {}
        counts: dict[str, int] = {}
        for n, (name, maker) in enumerate(makers.items()):
            self._source.tell(n, len(makers), f"lessons by {name}")
            reasons: Counter[str] = Counter()
            records = maker(reasons)
            counts[name] = len(records)
            rejected[name] = {why: count for why, count in sorted(reasons.items()) if count}
            made.records += records
        made.facts = self._facts(counts, rejected)
        return made

    def _marks(self, maker: str) -> Marks:
        locale = self._source.locale
        variety = self._settings.teacher.variety or locale.id
        return Marks(maker, self._teacher.name, locale.tag, variety)

    def _back_translation(self, reasons: Counter[str]) -> list[Record]:
        settings = self._settings.back_translation
        if not settings.lessons:
            return []
        return back_translated(
            self._source.texts(),
            self._teacher,
            settings,
            self._check,
            self._marks(BACK),
            self._source.seed,
            self._sampling,
            reasons,
        )

    def _dialogues(self, reasons: Counter[str]) -> list[Record]:
        settings = self._settings.dialogues
        if not settings.dialogues:
            return []
        texts = self._source.texts() if settings.material else ()
        return make_dialogues(
            topics(texts, settings, self._source.seed),
            self._teacher,
            settings,
            self._check,
            self._marks("dialogues"),
            self._source.seed,
            self._sampling,
            reasons,
        )

    def _self_instruct(self, reasons: Counter[str]) -> list[Record]:
        settings, seed = self._settings.self_instruct, self._source.seed
        if not settings.tasks:
            return []
        seeds = seed_tasks(self._source.lessons(), settings)
        reasons["no seed task"] += not seeds
        tasks = make_tasks(
            seeds, self._teacher, settings, self._check, seed, self._sampling, reasons
        )
        marks = self._marks("self-instruct")
        work = Work(self._teacher, settings, self._check, marks, seed, self._sampling, reasons)
        return make_lessons(tasks, work)

    def _facts(self, counts: dict[str, int], rejected: dict[str, dict[str, int]]) -> dict[str, Any]:
        locale = self._source.locale
        back = counts[BACK]
        forward = sum(counts.values()) - back
        used = [way for way, count in ((BACK, back), (FORWARD, forward)) if count]
        facts: dict[str, Any] = {
            "teacher": self._teacher.name,
            "lessons": {name: count for name, count in counts.items() if count},
            "rejected": {name: reasons for name, reasons in rejected.items() if reasons},
            "way": {BACK: back, FORWARD: forward},
            "preferred": preferred(locale),
            "line": f"{back + forward:,} lessons by {self._teacher.name}"
            f" ({' and '.join(used) or 'none was sound'})",
        }
        if forward and preferred(locale) == BACK:
            others = ", ".join(dict.fromkeys([*locale.contrasts, locale.variety_of])).strip(", ")
            facts["warning"] = (
                f"{forward:,} answers were written by a model, which may drift into {others}; "
                "back-translation from native text keeps answers native"
            )
        return facts
