"""`sharegpt`: conversations as ShareGPT and as OpenAI's interface write them, read strictly.

`{"conversations": [{"from": "human", "value": ...}, ...]}` or `{"messages": [{"role": "user",
"content": ...}, ...]}`, in a JSON array or one in each line. What a turn says is left as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from locale_tune.api import Bad, Locale, Message, PackError, Record, Settings, Source
from locale_tune_corpus.fields import options_of
from locale_tune_corpus.json_items import Item, read_items

ROLES = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "assistant": "assistant",
    "system": "system",
}
STYLES = (("conversations", "from", "value"), ("messages", "role", "content"))
PIECE = re.compile(r"_\d+$")  # of a long conversation that was cut up: `abc_0`, `abc_1`
Turn = tuple[str, str]


def read_sharegpt(source: Source, path: Path, locale: Locale) -> Iterator[Record | Bad]:
    """Yield a chat per conversation in which user and assistant take turns, or Bad with a reason.

    Empty turns at either end, answers before the first question and questions after the last
    answer are left out, which `meta["left_out"]` says; inside, they are a reason.
    """
    options_of(Settings, source)
    if source.role != "lessons":
        raise PackError(
            f"source '{source.id}': conversations are read for lessons, not as {source.role}",
            'give it the role "lessons"',
        )
    for item in read_items(source, path):
        if isinstance(item, Bad):
            yield item
            continue
        try:
            yield _record(source, item)
        except ValueError as reason:
            yield Bad(item.where, str(reason), str(item.value)[:200])


def _record(source: Source, item: Item) -> Record:
    turns, left_out = _trimmed(_turns(item.value))
    _check(turns)
    meta = {"where": item.where, **({"left_out": left_out} if left_out else {})}
    name = item.value.get("id")
    if isinstance(name, str) and name:
        meta["group"] = f"{source.id}-{PIECE.sub('', name)}"
    return Record(
        id=f"{source.id}:{item.number}",
        source=source.id,
        lang=source.lang,
        variety=source.variety,
        messages=tuple(Message.model_validate({"role": r, "content": c}) for r, c in turns),
        meta=meta,
    )


def _turns(value: dict[str, Any]) -> list[Turn]:
    """Return (role, content) of every turn, a system prompt beside the turns first."""
    style = next((style for style in STYLES if isinstance(value.get(style[0]), list)), None)
    if not style:
        raise ValueError("no list 'conversations' or 'messages'")
    name, role, content = style
    turns = [_turn(number, turn, role, content) for number, turn in enumerate(value[name], 1)]
    system = value.get("system")
    if isinstance(system, str) and system.strip() and turns and turns[0][0] != "system":
        return [("system", system), *turns]
    return turns


def _turn(number: int, turn: Any, role: str, content: str) -> Turn:
    if not isinstance(turn, dict):
        raise ValueError(f"turn {number} is no object")
    who, said = turn.get(role), turn.get(content)
    if not isinstance(who, str) or who not in ROLES:
        raise ValueError(f"turn {number} is of {who!r}, which is none of {', '.join(ROLES)}")
    if turn.get("tool_calls") or turn.get("function_call"):
        raise ValueError(f"turn {number} calls a tool")
    if isinstance(said, list):
        said = _joined(number, said)
    if not isinstance(said, str):
        raise ValueError(f"turn {number} has no text '{content}'")
    return ROLES[who], said


def _joined(number: int, parts: list[Any]) -> str:
    """Return the text of content in parts. Raise ValueError for a picture or a sound."""
    texts = [part.get("text") if isinstance(part, dict) else None for part in parts]
    if not all(isinstance(text, str) for text in texts):
        raise ValueError(f"turn {number} holds more than text")
    return "\n".join(str(text) for text in texts)


def _trimmed(turns: list[Turn]) -> tuple[list[Turn], str]:
    """Return the turns from the first question to the last answer, and what was left out."""
    system = [turn for turn in turns[:1] if turn[0] == "system" and turn[1].strip()]
    spoken = turns[1:] if turns and turns[0][0] == "system" else turns
    first, last = 0, len(spoken)
    while first < last and (spoken[first][0] == "assistant" or not spoken[first][1].strip()):
        first += 1
    while last > first and (spoken[last - 1][0] == "user" or not spoken[last - 1][1].strip()):
        last -= 1
    if first == last:
        raise ValueError("no answer to a question")
    counts = {
        "an empty system prompt": len(turns) - len(spoken) - len(system),
        f"{first} before the first question": first,
        f"{len(spoken) - last} after the last answer": len(spoken) - last,
    }
    left_out = ", ".join(text for text, count in counts.items() if count)
    return [*system, *spoken[first:last]], left_out


def _check(turns: list[Turn]) -> None:
    """Raise ValueError unless user and assistant take turns, after at most one system prompt."""
    spoken = turns[1:] if turns[0][0] == "system" else turns
    if any(role == "system" for role, _ in spoken):
        raise ValueError("a system turn stands between others")
    if any(not said.strip() for _, said in spoken):
        raise ValueError("a turn between others is empty")
    for number, (one, other) in enumerate(pairwise(spoken), 2):
        if one[0] == other[0]:
            raise ValueError(f"turn {number} is of the {other[0]} again")
