"""Dialogues of two roles that one teacher plays: the user's and the assistant's.

Ding et al. 2023 (UltraChat, arXiv:2305.14233) let one model ask and one answer, about the world,
about things to write, and about a given text. To play the user, the teacher reads the dialogue
with the roles exchanged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from heapq import nsmallest
from typing import Literal, get_args

from pydantic import Field

from locale_tune.api import Message, Record, Settings
from locale_tune_curation.rouge import Known, units
from locale_tune_curation.selectors import rank
from locale_tune_curation.synthetic import Check, Marks, filled, lesson, passed, question, reply
from locale_tune_curation.teacher import Answer, Prompt, Sampling, Teacher

Kind = Literal["world", "creation", "material"]
ALIKE = 0.7  # the ROUGE-L above which a question or an answer repeats another one


class DialogueSettings(Settings):
    """What dialogues are about, and how the teacher is asked to play the user. All in the language.

    A kind of dialogue is made if it has topics (or material) and an opening.
    """

    dialogues: int = Field(0, ge=0, description="how many dialogues to begin; 0: none")
    rounds: int = Field(3, ge=1, description="the most rounds of question and answer")
    least_rounds: int = Field(1, ge=1, description="shorter dialogues are left out")
    world: tuple[str, ...] = Field((), description="topics to ask about")
    creation: tuple[str, ...] = Field((), description="things to have written")
    material: bool = Field(False, description="whether native texts are asked about")
    least_bytes: int = Field(200, ge=0, description="the shortest native text to ask about")
    most_bytes: int = Field(2000, gt=0, description="the longest native text to ask about")
    world_opening: str = Field("", description="asks for a question about {topic}")
    creation_opening: str = Field("", description="asks for a request to write {topic}")
    material_opening: str = Field("", description="asks for a request that {text} is needed for")
    user: str = Field("", description="tells the teacher to go on as the user would; may be empty")
    assistant: str = Field("", description="tells the teacher to answer; not part of the lesson")


@dataclass(frozen=True)
class Topic:
    """What a dialogue is about; of material, the native text and the record it comes from."""

    kind: Kind
    text: str
    record: str = ""
    source: str = ""


@dataclass
class Talk:
    """A dialogue that goes on. `opened` is the prompt that its first question came from."""

    topic: Topic
    opened: Prompt
    turns: list[Message] = field(default_factory=list)
    over: bool = False


def topics(texts: Iterable[Record], settings: DialogueSettings, seed: int) -> list[Topic]:
    """Return what to talk about: the kinds take turns, which topics depends on the seed.

    Topics of the pack come again once all were taken; a native text comes once.
    """
    wanted = settings.dialogues
    named = {"world": settings.world, "creation": settings.creation}
    lines: list[list[Topic]] = [
        _line(kind, named[kind], wanted, seed)
        for kind in get_args(Kind)
        if kind in named and _opening(kind, settings)
    ]
    if settings.material and settings.material_opening:
        lines.append(_material(texts, settings, seed))
    longest = max(map(len, lines), default=0)
    return [line[n] for n in range(longest) for line in lines if n < len(line)][:wanted]


def _opening(kind: Kind, settings: DialogueSettings) -> str:
    return {
        "world": settings.world_opening,
        "creation": settings.creation_opening,
        "material": settings.material_opening,
    }[kind]


def _line(kind: Kind, names: Sequence[str], wanted: int, seed: int) -> list[Topic]:
    ordered = sorted(names, key=lambda name: rank(seed, name))
    return [Topic(kind, ordered[n % len(ordered)]) for n in range(wanted)] if ordered else []


def _material(texts: Iterable[Record], settings: DialogueSettings, seed: int) -> list[Topic]:
    fit = (
        text
        for text in texts
        if settings.least_bytes <= len(text.text.encode()) <= settings.most_bytes
    )
    chosen = nsmallest(settings.dialogues, fit, key=lambda text: rank(seed, text.id))
    return [Topic("material", text.text.strip(), text.id, text.source) for text in chosen]


def make_dialogues(
    about: Sequence[Topic],
    teacher: Teacher,
    settings: DialogueSettings,
    check: Check,
    marks: Marks,
    seed: int,
    sampling: Sampling,
    rejected: Counter[str],
) -> list[Record]:
    """Return a lesson per dialogue that has `least_rounds` sound rounds.

    All dialogues go on together, a turn at a time. A turn that is cut, of another language or a
    repetition ends its dialogue before the round it stands in; `rejected` counts why.
    """
    maker = _Maker(teacher, settings, check, sampling, rejected)
    talks = [Talk(topic, _first(topic, settings)) for topic in about]
    for turn in range(2 * settings.rounds):
        maker.turn(talks, seed + turn)
    finished = [_lesson(talk, marks) for talk in talks if len(talk.turns) >= 2]
    long = [talk for talk in finished if len(talk.messages) >= 2 * settings.least_rounds]
    rejected["dialogue: too few rounds"] += len(talks) - len(long)
    return [record for record in long if _is_spoken(record, check, rejected)]


class _Maker:
    """Adds a turn to each dialogue that goes on."""

    def __init__(
        self,
        teacher: Teacher,
        settings: DialogueSettings,
        check: Check,
        sampling: Sampling,
        rejected: Counter[str],
    ) -> None:
        self._teacher, self._settings, self._check = teacher, settings, check
        self._sampling, self._rejected = sampling, rejected
        self._openings = Known()

    def turn(self, talks: Sequence[Talk], seed: int) -> None:
        going = [talk for talk in talks if not talk.over]
        prompts = [self._prompt(talk) for talk in going]
        answers = self._teacher.generate(prompts, 1, seed, self._sampling)
        for talk, answer in zip(going, answers, strict=True):
            self._add(talk, answer)

    def _prompt(self, talk: Talk) -> Prompt:
        if not talk.turns:
            return talk.opened
        if len(talk.turns) % 2:
            return (*_told(self._settings.assistant), *talk.turns)
        turned = [m.model_copy(update={"role": _other(m)}) for m in talk.turns]
        # The teacher has the last word here, so what the user says next is what it says now. Chats
        # begin with a question, so what opened the dialogue stands before it.
        return (*_told(self._settings.user), *talk.opened, *turned)

    def _add(self, talk: Talk, answer: Answer) -> None:
        asks = len(talk.turns) % 2 == 0
        said = passed(answer, "question" if asks else "answer", self._check, self._rejected)
        if said and self._repeats(talk, said):
            self._rejected[f"{'question' if asks else 'answer'}: said before"] += 1
            said = ""
        if not said:
            talk.over = True
            del talk.turns[len(talk.turns) // 2 * 2 :]
            return
        if not talk.turns and talk.topic.kind == "material":
            said = f"{said}\n\n{talk.topic.text}"
        talk.turns.append(question(said) if asks else reply(said))

    def _repeats(self, talk: Talk, said: str) -> bool:
        """Whether a turn says again what the dialogue said, or opens it as another one did."""
        told = units(said)
        if talk.turns:
            return bool(Known(units(m.content) for m in talk.turns).closest(told, ALIKE))
        found = self._openings.closest(told, ALIKE)
        self._openings.add(told)
        return bool(found)


def _told(text: str) -> tuple[Message, ...]:
    return (Message(role="system", content=text),) if text else ()


def _other(message: Message) -> str:
    return "assistant" if message.role == "user" else "user"


def _first(topic: Topic, settings: DialogueSettings) -> Prompt:
    template = _opening(topic.kind, settings)
    return (question(filled(template, topic=topic.text, text=topic.text)),)


def _lesson(talk: Talk, marks: Marks) -> Record:
    own = marks._replace(source=talk.topic.source)
    origin = {"from": talk.topic.record} if talk.topic.record else {}
    return lesson(own, talk.turns, talk.opened, about=talk.topic.kind, **origin)


def _is_spoken(record: Record, check: Check, rejected: Counter[str]) -> bool:
    reason = check("\n".join(message.content for message in record.messages))
    if reason:
        rejected[f"dialogue: {reason}"] += 1
    return not reason
