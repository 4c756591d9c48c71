"""Map one row of a file to a Record: columns or `{column}` templates, named in `options`."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeVar

from pydantic import Field, ValidationError

from locale_tune.api import Bad, Message, PackError, Record, Settings, Source, did_you_mean

ROLES = {"system", "user", "assistant"}
SLOT = re.compile(r"\{([^{}]+)\}")
# `:joy:`, and the half of a surrogate pair that a broken export leaves behind it
EMOJI_CODE = re.compile(r"(?<!\s)\s*:[a-z][a-z0-9_+-]{1,40}:(?:[^\s:\w]|ud\b)*")
ROW_NUMBER = "#"
NAME_COLUMNS = {"text", "messages", "question", "answer", "translation", "rejected"}
NAME_COLUMNS |= {"gap", "group", "variety"}
SHOWN, SHOWN_ROW = 40, 200
Row = Mapping[str, Any]


class RowOptions(Settings):
    """Which rows are read, how they are tidied, and where they keep choices and their group.

    The column `#` is the row's number, for files that are aligned row by row.
    """

    choices: str | tuple[str, ...] = ""
    answer: str = ""
    fixed_choices: tuple[str, ...] = ()
    shuffle: bool = False
    cut_choices_at: str = ""
    spaces: str = Field(default="", description="characters that stand for a space, such as _")
    emoji_codes: Literal["keep", "remove"] = "keep"
    group: str = ""
    variety: str = ""
    keep: dict[str, tuple[str, ...]] = Field(default={}, description="column: starts to keep")
    skip: dict[str, tuple[str, ...]] = Field(default={}, description="column: starts to leave")


class Fields(RowOptions):
    """Where a row keeps what. A value with braces is a template, any other a column's name."""

    text: str = ""
    messages: str = ""
    turns: tuple[tuple[str, str], ...] = ()
    question: str = ""
    translation: str = ""
    translation_lang: str = ""
    rejected: str = ""
    gap: str = ""


class Placed(NamedTuple):
    """One row of a file: `where` is `file:line`, `number` counts the rows from 1."""

    row: Row
    where: str
    number: int


class Unreadable(Exception):
    """One row cannot become a record; the message is the reason."""


OptionsT = TypeVar("OptionsT", bound=Settings)
FieldsT = TypeVar("FieldsT", bound=Fields)


def options_of(model: type[OptionsT], source: Source) -> OptionsT:
    """Return a source's options, checked. Raise PackError naming the wrong one."""
    try:
        return model.model_validate(source.options)
    except ValidationError as error:
        name = ".".join(str(part) for part in error.errors()[0]["loc"])
        known = list(model.model_fields)
        raise PackError(
            f"option '{name}' of source '{source.id}' ({source.kind}): {error.errors()[0]['msg']}",
            did_you_mean(name, known) or f"the options are {', '.join(known)}",
        ) from None


def columns_of(fields: Fields) -> set[str]:
    """Return the columns the options may mean; a template may mean any word in braces."""
    named = fields.model_dump(include=NAME_COLUMNS)
    values = [value for value in named.values() if isinstance(value, str)]
    values += [name for _, name in fields.turns] + [*fields.keep, *fields.skip]
    values += [fields.choices] if isinstance(fields.choices, str) else list(fields.choices)
    slots = {slot for value in values for slot in value.replace("}", "{").split("{")}
    return (slots | set(values)) - {""}


# What a row keeps under these very names needs no options.
USUAL: dict[str, dict[str, str]] = {
    "lessons": {"messages": "messages"},
    "preferences": {"messages": "messages", "rejected": "rejected"},
    "questions": {"question": "question", "choices": "choices", "answer": "answer"},
    "parallel": {"text": "text", "translation": "translation"},
    "lexicon": {"text": "word", "translation": "translation"},
}


def fields_of(model: type[FieldsT], source: Source) -> FieldsT:
    """Return where a source's rows keep what: as its options say, else the usual names."""
    fields = options_of(model, source)
    if any((fields.text, fields.messages, fields.turns, fields.question)):
        return fields
    return fields.model_copy(update=USUAL.get(source.role, {"text": "text"}))


def records(rows: Iterable[Placed | Bad], fields: Fields, source: Source) -> Iterator[Record | Bad]:
    """Yield the record of each row that the options do not leave out, or Bad."""
    for item in rows:
        if isinstance(item, Bad):
            yield item
        elif record := record_of(item.row, fields, source, item.where, item.number):
            yield record


def record_of(
    row: Row, fields: Fields, source: Source, where: str, number: int
) -> Record | Bad | None:
    """Return the record of one row, None for a row the options leave out, or Bad with a reason.

    `where` is `file:line`; the line makes the record's id. `number` counts the rows.
    """
    try:
        row = tidied(row, fields, number)
        if not row:
            return None
        identity = f"{source.id}:{where.rpartition(':')[2]}"
        return Record(
            id=identity,
            source=source.id,
            lang=source.lang,
            variety=text_of(row, fields.variety) if fields.variety else source.variety,
            meta=_meta(row, fields, where),
            **_content(row, fields, identity),
        )
    except Unreadable as problem:
        return Bad(where, str(problem), _shown(row))


def _shown(row: Row) -> str:
    """Return what a row holds, for a list of rejects: a line each, as texts run both ways."""
    full = ((name, value) for name, value in row.items() if value and name != ROW_NUMBER)
    return "\n".join(f"{name}: {value}" for name, value in full)[:SHOWN_ROW]


def tidied(row: Row, options: RowOptions, number: int) -> Row:
    """Return a row as the options want it, with its number; an empty one for one to leave out."""
    row = {**_cleaned(row, options), ROW_NUMBER: str(number)}
    return row if _wanted(row, options) else {}


def _cleaned(row: Row, fields: RowOptions) -> Row:
    if not fields.spaces and fields.emoji_codes == "keep":
        return row
    spaces = str.maketrans(dict.fromkeys(fields.spaces, " "))
    clean = {key: text.translate(spaces) for key, text in row.items() if isinstance(text, str)}
    if fields.emoji_codes == "remove":
        clean = {key: EMOJI_CODE.sub("", text).strip() for key, text in clean.items()}
    return {**row, **clean}


def _wanted(row: Row, fields: RowOptions) -> bool:
    kept = all(_starts(row, column, starts) for column, starts in fields.keep.items())
    return kept and not any(_starts(row, column, starts) for column, starts in fields.skip.items())


def _starts(row: Row, column: str, starts: tuple[str, ...]) -> bool:
    return text_of(row, column).startswith(starts)


def _content(row: Row, fields: Fields, identity: str) -> dict[str, Any]:
    content: dict[str, Any] = {}
    if fields.text:
        content["text"] = text_of(row, fields.text)
    if fields.translation:
        content["translation"] = text_of(row, fields.translation)
    if fields.messages or fields.turns:
        content["messages"] = _messages(row, fields)
    if fields.rejected:
        content["rejected"] = _rejected(row, fields, content.get("messages", ()))
    if fields.question:
        content["question"] = text_of(row, fields.question)
        content["choices"], content["answer"] = choices_of(row, fields, identity)
    return content


def _meta(row: Row, fields: Fields, where: str) -> dict[str, str]:
    meta = {"where": where}
    if fields.group:
        meta["group"] = text_of(row, fields.group)
    if fields.gap:
        meta["gap"] = _gap(row.get(fields.gap))
    if fields.translation:
        meta["translation_lang"] = fields.translation_lang
    return meta


def _gap(value: Any) -> str:
    """Return how far apart two answers are, as text. Raise Unreadable if it is no number."""
    try:
        return str(float(value))
    except (TypeError, ValueError):
        raise Unreadable(f"the gap {str(value)[:SHOWN]!r} is not a number") from None


def text_of(row: Row, name: str) -> str:
    """Return a column's text, or a template filled. Raise Unreadable if it is not text."""
    if "{" in name:
        return SLOT.sub(lambda slot: text_of(row, slot[1]), name)
    if name not in row:
        raise Unreadable(f"no field '{name}'; {did_you_mean(name, row)}".removesuffix("; "))
    value = row[name]
    if not isinstance(value, str):
        raise Unreadable(f"field '{name}' is {kind_of(value)}, not text")
    if not value.strip():
        raise Unreadable(f"field '{name}' is empty")
    return value


@dataclass(frozen=True)
class Foreign:
    """A value that JSON has no type for, such as a date; only its kind matters here."""

    kind: str


def kind_of(value: Any) -> str:
    """Say what a value is, for messages about values that are no text."""
    if isinstance(value, Foreign):
        return value.kind
    names = {type(None): "null", bool: "true or false", list: "a list", dict: "an object"}
    return names.get(type(value), "a number")


def _messages(row: Row, fields: Fields) -> tuple[Message, ...]:
    if fields.turns:
        return tuple(_message(role, text_of(row, name)) for role, name in fields.turns)
    turns = row.get(fields.messages)
    if not isinstance(turns, list) or not turns:
        raise Unreadable(f"field '{fields.messages}' is {kind_of(turns)}, not a list of turns")
    messages = []
    for number, turn in enumerate(turns, 1):
        if not isinstance(turn, dict):
            raise Unreadable(f"turn {number} is {kind_of(turn)}, not an object")
        messages.append(_message(turn.get("role"), text_of(turn, "content")))
    return tuple(messages)


def _rejected(row: Row, fields: Fields, messages: tuple[Message, ...]) -> str:
    """Return the rejected answer to the same chat. Raise Unreadable where there is no pair."""
    rejected = text_of(row, fields.rejected)
    if not messages or messages[-1].role != "assistant":
        raise Unreadable("a preference needs a chat that ends with the preferred answer")
    if messages[-1].content.strip() == rejected.strip():
        raise Unreadable("the rejected answer is the preferred one")
    return rejected


def _message(role: Any, content: str) -> Message:
    if not isinstance(role, str) or role not in ROLES:
        known = ", ".join(sorted(ROLES))
        raise Unreadable(f"{str(role)[:SHOWN]!r} is no role; write one of {known}")
    return Message.model_validate({"role": role, "content": content})


def choices_of(row: Row, fields: RowOptions, identity: str) -> tuple[tuple[str, ...], int]:
    """Return a row's choices and which is right, shuffled by hash if that is asked for."""
    letters, choices = _offered(row, fields)
    if fields.cut_choices_at:
        choices = tuple(choice.split(fields.cut_choices_at)[0].strip() for choice in choices)
    if len(choices) < 2 or len(set(choices)) < len(choices):
        raise Unreadable("fewer than two choices, or two that are the same")
    right = answer_index(row.get(fields.answer), letters, choices)
    return shuffled(choices, right, identity) if fields.shuffle else (choices, right)


def shuffled(choices: tuple[str, ...], right: int, identity: str) -> tuple[tuple[str, ...], int]:
    """Return the choices in an order that the identity decides, and where the right one stands."""
    order = sorted(range(len(choices)), key=lambda index: _rank(identity, index))
    return tuple(choices[index] for index in order), order.index(right)


def _offered(row: Row, fields: RowOptions) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what an answer may call the choices, and the choices."""
    if fields.fixed_choices:
        return (), fields.fixed_choices
    if isinstance(fields.choices, tuple):
        return (), tuple(text_of(row, column) for column in fields.choices)
    offered = row.get(fields.choices)
    if isinstance(offered, dict):
        return tuple(offered), tuple(text_of(offered, letter) for letter in offered)
    if isinstance(offered, list):
        numbered = {str(index): choice for index, choice in enumerate(offered)}
        return (), tuple(text_of(numbered, index) for index in numbered)
    raise Unreadable(f"field '{fields.choices}' is {kind_of(offered)}, not a list of choices")


def answer_index(answer: Any, letters: tuple[str, ...], choices: tuple[str, ...]) -> int:
    """Return which choice an answer means: an index from 0, a letter, or the choice's text."""
    if isinstance(answer, str):
        answer = answer.strip()
        names = letters or tuple("ABCDEFGHIJ"[: len(choices)])
        for known in (choices, names, tuple(name.lower() for name in names)):
            if answer in known:
                return known.index(answer)
        if answer.isascii() and answer.isdigit() and len(answer) < 3:
            answer = int(answer)
    if isinstance(answer, int) and not isinstance(answer, bool) and 0 <= answer < len(choices):
        return answer
    raise Unreadable(f"the answer {str(answer)[:SHOWN]!r} is none of the {len(choices)} choices")


def _rank(identity: str, index: int) -> bytes:
    return hashlib.sha256(f"{identity}#{index}".encode()).digest()
