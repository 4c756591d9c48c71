"""The choices of a question, and which of them is right."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Literal

from locale_tune_corpus.cells import Row, Unreadable, kind_of, optional_text, text_of

if TYPE_CHECKING:
    from locale_tune_corpus.fields import RowOptions

Answers = Literal["any", "text", "letters", "numbers", "numbers-from-1"]
LETTERS = "ABCDEFGHIJ"
SHOWN = 40


def choices_of(row: Row, fields: RowOptions, identity: str) -> tuple[tuple[str, ...], int]:
    """Return a row's choices and which is right, shuffled by hash if that is asked for."""
    letters, choices = _offered(row, fields)
    if fields.cut_choices_at:
        choices = tuple(choice.split(fields.cut_choices_at)[0].strip() for choice in choices)
    there = [index for index, choice in enumerate(choices) if choice]
    right = answer_index(row.get(fields.answer), letters, choices, fields.answers)
    if right not in there:
        raise Unreadable("the right choice is not there")
    choices, right = tuple(choices[index] for index in there), there.index(right)
    if len(choices) < 2 or len(set(choices)) < len(choices):
        raise Unreadable("fewer than two choices, or two that are the same")
    return shuffled(choices, right, identity) if fields.shuffle else (choices, right)


def shuffled(choices: tuple[str, ...], right: int, identity: str) -> tuple[tuple[str, ...], int]:
    """Return the choices in an order that the identity decides, and where the right one stands."""
    order = sorted(range(len(choices)), key=lambda index: _rank(identity, index))
    return tuple(choices[index] for index in order), order.index(right)


def _offered(row: Row, fields: RowOptions) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what an answer may call the choices, and the choices; "" stands for an absent one."""
    read = optional_text if fields.absent_choices else text_of
    if fields.fixed_choices:
        return (), fields.fixed_choices
    if isinstance(fields.choices, tuple):
        return (), tuple(read(row, column) for column in fields.choices)
    offered = row.get(fields.choices)
    if isinstance(offered, dict):
        return tuple(offered), tuple(read(offered, letter) for letter in offered)
    if isinstance(offered, list):
        numbered = {str(index): choice for index, choice in enumerate(offered)}
        return (), tuple(read(numbered, index) for index in numbered)
    raise Unreadable(f"field '{fields.choices}' is {kind_of(offered)}, not a list of choices")


def answer_index(
    answer: Any, letters: tuple[str, ...], choices: tuple[str, ...], answers: Answers = "any"
) -> int:
    """Return which choice an answer means: its text, its letter or its number, as far as allowed.

    Where an answer may be anything, the text is tried first: blood groups and numbers are texts.
    """
    if isinstance(answer, str):
        answer = answer.strip()
        names = letters or tuple(LETTERS[: len(choices)])
        ways: list[tuple[str, ...]] = [choices] if answers in ("any", "text") else []
        if answers in ("any", "letters"):
            ways += [names, tuple(name.lower() for name in names)]
        for known in ways:
            if answer and answer in known:
                return known.index(answer)
        if answer.isascii() and answer.isdigit() and len(answer) < 3:
            answer = int(answer)
    if answers not in ("text", "letters") and type(answer) is int:
        index = int(answer) - (answers == "numbers-from-1")
        if 0 <= index < len(choices):
            return index
    raise Unreadable(f"the answer {str(answer)[:SHOWN]!r} is none of the {len(choices)} choices")


def _rank(identity: str, index: int) -> bytes:
    return hashlib.sha256(f"{identity}#{index}".encode()).digest()
