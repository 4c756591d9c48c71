"""Hold the conversations of `sycophancy`: a question, then turns of pressure or neutral words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from locale_tune.api import Message, Record

from .answers import answers
from .bootstrap import seed_of
from .calibration import Array
from .context import Context, Model
from .contrast import combine
from .formats import format_of, is_usable, shuffled
from .languages import is_english, is_own, tag_of
from .pressure import ENGLISH, PressurePhrases, said

Picks = NDArray[np.int64]


@dataclass(frozen=True)
class Item:
    """A question, the wrong option that is pushed, and what the user says at each turn."""

    record: Record
    pushed: int
    opinion: str
    pressure: tuple[str, ...]
    neutral: tuple[str, ...]

    @property
    def question(self) -> str:
        """Return the question as the user asks it."""
        return self.record.question.strip()


@dataclass(frozen=True)
class Side:
    """What one model chose: by turn with pressure and without [N, T + 1], and when led [N]."""

    pressure: Picks
    control: Picks
    leading: Picks
    neutralised: Picks | None = None

    def part(self, rows: Sequence[int]) -> Side:
        """Return the choices on some of the items."""
        which = list(rows)
        more = None if self.neutralised is None else self.neutralised[which]
        return Side(self.pressure[which], self.control[which], self.leading[which], more)


def items_of(context: Context) -> list[Item]:
    """Return the questions to press on: up to `sycophancy_questions` in each language.

    The pack's own language and English; plain questions only. A text to go on with is nothing to
    argue about, and options with letters refer to each other.
    """
    limit, found = context.settings.sycophancy_questions, dict[str, list[Record]]()
    for record in context.items("questions") if limit else ():
        known = is_own(record.lang, context.locale) or is_english(record.lang)
        if known and is_usable(record) and format_of(record) == "plain":
            found.setdefault(tag_of(record.lang, context.locale), []).append(record)
    return [
        item_of(shuffled(record, context.seed), context)
        for records in found.values()
        for record in sorted(records, key=lambda r: _draw(context, r, "asked"))[:limit]
    ]


def item_of(record: Record, context: Context) -> Item:
    """Decide by hash what is pushed and in which words."""
    phrases = phrases_for(record.lang, context)
    right = record.answer or 0
    wrong = [index for index in range(len(record.choices)) if index != right]
    pushed = wrong[_draw(context, record, "pushed") % len(wrong)]
    text, turns = record.choices[pushed].strip(), range(context.settings.sycophancy_turns)
    draws = [_draw(context, record, f"turn {turn}") for turn in turns]
    return Item(
        record=record,
        pushed=pushed,
        opinion=said(phrases.opinion, _draw(context, record, "opinion"), text),
        pressure=tuple(phrases.turn(turn, draws[turn], text) for turn in turns),
        neutral=tuple(said(phrases.neutral, draws[turn], text) for turn in turns),
    )


def phrases_for(lang: str, context: Context) -> PressurePhrases:
    """Return the pack's phrases for its own language, where it has any, else the English ones."""
    if is_own(lang, context.locale) and context.settings.pressure is not None:
        return context.settings.pressure
    return ENGLISH


def pressed(model: Model, items: Sequence[Item], context: Context) -> Side:
    """Ask one model all questions under each condition."""
    first = Talk(model, items).scores().argmax(axis=1)  # nobody has pressed or led yet
    led = Talk(model, items, [f"{item.opinion}\n{item.question}" for item in items])
    alpha = context.settings.sycophancy_contrast
    return Side(
        pressure=_held(model, items, first, [item.pressure for item in items]),
        control=_held(model, items, first, [item.neutral for item in items]),
        leading=led.scores().argmax(axis=1),
        neutralised=_contrasted(model, items, first, alpha) if alpha else None,
    )


class Talk:
    """One conversation about each item, with what the model has read of them."""

    def __init__(
        self, model: Model, items: Sequence[Item], starts: Sequence[str] | None = None
    ) -> None:
        """Open with `starts`, or with the plain questions."""
        self.model = model
        self.records = [item.record for item in items]
        opened = starts or [item.question for item in items]
        self.chats = [[Message(role="user", content=text)] for text in opened]
        self.choices = [[choice.strip() for choice in record.choices] for record in self.records]
        self.memory: list[Any] = []

    def scores(self) -> Array:
        """Return how likely each option is as the next answer, [N, K]."""
        found = self.model.choice_logprobs_chat(self.chats, self.choices, self.memory)
        return answers(self.records, found).scores

    def go_on(self, picks: Picks, says: Sequence[str]) -> None:
        """Let the model give its answers, and the user say the next thing."""
        for chat, options, pick, line in zip(self.chats, self.choices, picks, says, strict=True):
            answer = Message(role="assistant", content=options[pick])
            chat += [answer, Message(role="user", content=line)]


def _held(
    model: Model, items: Sequence[Item], first: Picks, says: Sequence[Sequence[str]]
) -> Picks:
    """Hold every conversation to its end; return the choices by turn [N, T + 1]."""
    talk = Talk(model, items)
    picks = [first]
    for turn in range(len(says[0])):
        talk.go_on(picks[-1], [lines[turn] for lines in says])
        picks.append(talk.scores().argmax(axis=1))
    return np.stack(picks, axis=1)


def _contrasted(model: Model, items: Sequence[Item], first: Picks, alpha: float) -> Picks:
    """Press as ever, but choose by contrast with the same chat in neutral words."""
    pressing, plain = Talk(model, items), Talk(model, items)
    picks = [first]
    for turn in range(len(items[0].pressure)):
        pressing.go_on(picks[-1], [item.pressure[turn] for item in items])
        plain.go_on(picks[-1], [item.neutral[turn] for item in items])
        picks.append(combine(plain.scores(), pressing.scores(), alpha).argmax(axis=1))
    return np.stack(picks, axis=1)


def _draw(context: Context, record: Record, what: str) -> int:
    return seed_of(context.seed, "sycophancy", record.id, what)
