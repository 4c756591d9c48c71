"""Which conversations can be learned from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from itertools import pairwise

from locale_tune.api import Record


def flaw(record: Record) -> str:
    """Return what is wrong with a conversation, or an empty string.

    A lesson may open with one system turn; then user and assistant take turns, and the assistant,
    who is learned from, has the last word.
    """
    roles = [message.role for message in record.messages]
    if any(not message.content.strip() for message in record.messages):
        return "an empty turn"
    if "assistant" not in roles:
        return "no assistant turn"
    spoken = roles[1:] if roles[0] == "system" else roles
    if "system" in spoken:
        return "a system turn that is not the first"
    if spoken[0] != "user" or any(one == next_one for one, next_one in pairwise(spoken)):
        return "roles that do not alternate"
    return "" if spoken[-1] == "assistant" else "the user has the last word"


def asks(record: Record, prompts: Iterable[str]) -> bool:
    """Whether a lesson asks one of the prompts that the models are asked as something new."""
    known = {_folded(prompt) for prompt in prompts}
    return any(m.role == "user" and _folded(m.content) in known for m in record.messages)


def key(record: Record) -> bytes:
    """Return the same bytes for conversations that say the same."""
    said = "\0".join(f"{message.role}\0{_folded(message.content)}" for message in record.messages)
    return hashlib.sha256(said.encode()).digest()


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())
