"""What is common to lessons that a model made: marks that stay with them, and what they pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from locale_tune.api import Message, Record
from locale_tune_curation.teacher import Answer, Prompt, prompt_hash

Check = Callable[[str], str]  # of a text: why it is of another language, or an empty string
CUT = "cut at the limit"


class Marks(NamedTuple):
    """What every lesson of one maker says of itself.

    `source` is that of the native text in it, whose licence it has; without one, the maker.
    """

    maker: str
    teacher: str
    lang: str
    variety: str
    source: str = ""


def language_check(keeps: Iterable[Callable[[Record], str]], lang: str, variety: str) -> Check:
    """Return a check of texts from filters of records, such as `language-id` makes.

    A filter reads `record.text`, and the variety if it was made with `own = "stated"`.
    """
    filters = list(keeps)

    def check(text: str) -> str:
        record = Record(id="made", source="made", lang=lang, variety=variety, text=text)
        return next((reason for keep in filters if (reason := keep(record))), "")

    return check


def lesson(marks: Marks, messages: Sequence[Message], prompt: Prompt, **more: str) -> Record:
    """Return a lesson with its marks. `prompt` is what the teacher was asked first.

    The id follows from maker and messages: the same lesson has the same one.
    """
    return Record(
        id=f"{marks.maker}:{prompt_hash(messages)}",
        source=marks.source or marks.maker,
        lang=marks.lang,
        variety=marks.variety,
        messages=tuple(messages),
        meta={
            "origin": "synthetic",
            "maker": marks.maker,
            "teacher": marks.teacher,
            "prompt": prompt_hash(prompt),
            **more,
        },
    )


def question(text: str) -> Message:
    """Return a turn of the user."""
    return Message(role="user", content=text)


def reply(text: str) -> Message:
    """Return a turn of the assistant."""
    return Message(role="assistant", content=text)


def passed(answer: Answer, what: str, check: Check, rejected: Counter[str]) -> str:
    """Return the text of an answer that is whole and in the language, else nothing; count why."""
    reason = CUT if not answer.ended else "" if answer.text else "nothing said"
    reason = reason or check(answer.text)
    if reason:
        rejected[f"{what}: {reason}"] += 1
    return "" if reason else answer.text


def filled(template: str, **values: str) -> str:
    """Return a template with `{name}` replaced; what a value says is never taken for a name."""
    parts = [template]
    for name in values:
        parts = [piece for part in parts for piece in _split(part, f"{{{name}}}")]
    names = {f"{{{name}}}": value for name, value in values.items()}
    return "".join(names.get(part, part) for part in parts)


def _split(part: str, name: str) -> list[str]:
    first, *rest = part.split(name)
    return [first, *(piece for other in rest for piece in (name, other))]
