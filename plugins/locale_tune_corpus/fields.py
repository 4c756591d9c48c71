"""Map one row of a file to a Record: columns or `{column}` templates, named in `options`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Literal, NamedTuple, TypeVar

from pydantic import Field, ValidationError

from locale_tune.api import Bad, Message, PackError, Record, Settings, Source, did_you_mean
from locale_tune_corpus.cells import (
    Row,
    Unreadable,
    kind_of,
    numbers_as_text,
    optional_text,
    text_of,
)
from locale_tune_corpus.choices import Answers, choices_of
from locale_tune_corpus.layouts import LAYOUTS

ROLES = {"system", "user", "assistant"}
# `:joy:`, and the half of a surrogate pair that a broken export leaves behind it
EMOJI_CODE = re.compile(r"(?<!\s)\s*:[a-z][a-z0-9_+-]{1,40}:(?:[^\s:\w]|ud\b)*")
ROW_NUMBER = "#"
NAME_COLUMNS = {"text", "messages", "question", "answer", "translation", "rejected"}
NAME_COLUMNS |= {"passage", "gap", "group", "variety"}
SHOWN, SHOWN_ROW = 40, 200


class RowOptions(Settings):
    """Which rows are read, how they are tidied, and where they keep choices and their group.

    The column `#` is the row's number, for files that are aligned row by row.
    """

    choices: str | tuple[str, ...] = ""
    answer: str = ""
    fixed_choices: tuple[str, ...] = ()
    shuffle: bool = False
    cut_choices_at: str = ""
    absent_choices: bool = Field(default=False, description="empty and null choices are not there")
    answers: Answers = Field(default="any", description="how the right choice is named")
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
    passage: str = Field(default="", description="column of what a question is about, if anything")
    tag_columns: tuple[str, ...] = Field(default=(), description="columns that become tags")
    layout: str = Field(default="", description="a benchmark whose columns are known")
    translation: str = ""
    translation_lang: str = ""
    rejected: str = ""
    gap: str = ""


class Placed(NamedTuple):
    """One row of a file: `where` is `file:line`, `number` counts the rows from 1."""

    row: Row
    where: str
    number: int


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
    values += fields.tag_columns
    slots = {slot for value in values for slot in value.replace("}", "{").split("{")}
    return (slots | set(values)) - {""}


# What a row keeps under these very names needs no options.
USUAL: dict[str, dict[str, str]] = {
    "lessons": {"messages": "messages"},
    "preferences": {"messages": "messages", "rejected": "rejected"},
    "questions": {"question": "question", "choices": "choices", "answer": "answer"},
    "parallel": {"text": "text", "translation": "translation"},
    "lexicon": {"text": "word", "translation": "translation"},
    "prompts": {"text": "prompt"},
}


def fields_of(model: type[FieldsT], source: Source) -> FieldsT:
    """Return where a source's rows keep what: as its options say, its layout, or usual names."""
    fields = options_of(model, source)
    if fields.layout:
        return _laid_out(fields, source)
    if any((fields.text, fields.messages, fields.turns, fields.question)):
        return fields
    return fields.model_copy(update=USUAL.get(source.role, {"text": "text"}))


def _laid_out(fields: FieldsT, source: Source) -> FieldsT:
    """Fill in the columns of a known benchmark; what the options say themselves stays."""
    if fields.layout not in LAYOUTS:
        raise PackError(
            f"option 'layout' of source '{source.id}' ({source.kind}): no layout is called "
            f"'{fields.layout}'",
            did_you_mean(fields.layout, LAYOUTS) or f"there are {', '.join(LAYOUTS)}",
        )
    known = LAYOUTS[fields.layout].items()
    return fields.model_copy(update={k: v for k, v in known if k not in fields.model_fields_set})


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
        passage = optional_text(row, fields.passage) if fields.passage else ""
        content["question"] = f"{passage}\n\n{text_of(row, fields.question)}".lstrip()
        content["choices"], content["answer"] = choices_of(row, fields, identity)
    return content


def _meta(row: Row, fields: Fields, where: str) -> dict[str, str]:
    told = {name: optional_text(row, name) for name in fields.tag_columns}
    meta = {name: value for name, value in told.items() if value} | {"where": where}
    if fields.group:
        meta["group"] = text_of(numbers_as_text(row), fields.group)
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
