"""Conversations as people share them: the page around them removed, what is left kept whole.

The steps are those that Vicuna's data went through (github.com/lm-sys/FastChat at 0e6d3e4), but
each asks what the language is: noise is what the pack says it is, and shortness counts bytes.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import takewhile
from typing import Literal

from pydantic import Field

from locale_tune.api import Message, Record, Settings
from locale_tune_curation.clean import flaw
from locale_tune_curation.markdown import is_rendered, rebuild_fences, to_markdown
from locale_tune_curation.rouge import folded
from locale_tune_curation.rounds import Count, split_chat

COUNTER = re.compile(
    r"\d+ ?/ ?\d+"
)  # which of several answers is shown: `2 / 3`, digits of any kind
INTERFACE = (
    "copied!",
    "copy",
    "copy code",
    "edit",
    "network error",
    "regenerate",
    "regenerate response",
    "share prompt",
    "stop generating",
)
SIZES = re.compile(r"(?:copy ?)?\d+ chars? ?/ ?\d+ words?")


class ConversationSettings(Settings):
    """How conversations that people shared are cleaned, and cut where they are too long."""

    sources: tuple[str, ...] = Field(
        (), description="ids of the sources whose lessons are cleaned so; none: no source"
    )
    html: Literal["answers", "all", "off"] = Field(
        "answers", description="which turns become Markdown where they are HTML as a whole"
    )
    interface: tuple[str, ...] = Field(
        (), description="lines of the chat page to remove, besides the usual English ones"
    )
    copy_labels: tuple[str, ...] = Field(
        ("Copy code",), description="what the page wrote over a block of code"
    )
    blocked_words: tuple[str, ...] = Field(
        ("openai", "chatgpt"), description="a conversation that holds one of them is left out"
    )
    least_bytes: int = Field(16, ge=0, description="shorter conversations are left out")
    most_tokens: int | None = Field(
        None, gt=0, description="longer conversations are cut between rounds; none: not cut"
    )


def tidied(
    records: Iterable[Record],
    settings: ConversationSettings,
    count: Count | None,
    rejected: Counter[str],
) -> Iterator[Record]:
    """Yield lessons in their order: those of `settings.sources` cleaned and cut, others as is.

    `count` is needed with `most_tokens` (`rounds.counter_of`).
    """
    seen: set[bytes] = set()
    for record in records:
        if record.source not in settings.sources:
            yield record
            continue
        for chat in clean_chats([record], settings, rejected, seen):
            if settings.most_tokens and count:
                yield from split_chat(chat, count, settings.most_tokens, rejected)
            else:
                yield chat


def clean_chats(
    records: Iterable[Record],
    settings: ConversationSettings,
    rejected: Counter[str],
    seen: set[bytes] | None = None,
) -> Iterator[Record]:
    """Yield the conversations that are left, cleaned; the first of those that begin alike.

    `seen` holds how earlier ones began, and learns how these do.
    """
    seen = set() if seen is None else seen
    for record in records:
        cleaned = clean_chat(record, settings)
        reason = flaw_of(cleaned, settings)
        if not reason and (start := first_turns(cleaned)) in seen:
            reason = "begins like another conversation"
        if reason:
            rejected[reason] += 1
        else:
            seen.add(start)
            yield cleaned


def clean_chat(record: Record, settings: ConversationSettings) -> Record:
    """Return a conversation without the page around it; it may have no turn left."""
    noise = frozenset({*INTERFACE, *(folded(line).strip() for line in settings.interface)})
    turns = [
        message.model_copy(update={"content": clean_text(message, settings, noise)})
        for message in record.messages
    ]
    return record.model_copy(update={"messages": whole_rounds(turns)})


def clean_text(message: Message, settings: ConversationSettings, noise: frozenset[str]) -> str:
    """Return what a turn says, in NFC: Markdown, its code in fences, without lines of `noise`."""
    text = message.content
    read = settings.html == "all" or (settings.html == "answers" and message.role == "assistant")
    if read and is_rendered(text):
        text = to_markdown(text)
    text = rebuild_fences(text, settings.copy_labels)
    lines = unicodedata.normalize("NFC", text).splitlines()
    if message.role == "assistant":
        lines = list(_said(lines, noise))
    return "\n".join(lines).strip("\n").rstrip()


def _said(lines: Iterable[str], noise: frozenset[str]) -> Iterator[str]:
    """Yield the lines that are no part of the page. Code is left alone: it may say "edit"."""
    fenced = False
    for line in lines:
        bare = folded(line).strip()
        fenced ^= bare.startswith("```")
        if fenced or not (bare in noise or COUNTER.fullmatch(bare) or SIZES.fullmatch(bare)):
            yield line


def whole_rounds(turns: list[Message]) -> tuple[Message, ...]:
    """Return the system turn and the turns from the first question to the last answer.

    What follows an empty turn is left out: it answers something that is no longer there.
    """
    system = [turn for turn in turns[:1] if turn.role == "system" and turn.content.strip()]
    spoken = turns[1:] if turns and turns[0].role == "system" else turns
    first = next((n for n, turn in enumerate(spoken) if _is_question(turn)), len(spoken))
    kept = list(takewhile(lambda turn: turn.content.strip(), spoken[first:]))
    while kept and kept[-1].role != "assistant":
        kept.pop()
    return (*system, *kept) if kept else ()


def _is_question(turn: Message) -> bool:
    return turn.role == "user" and bool(turn.content.strip())


def flaw_of(record: Record, settings: ConversationSettings) -> str:
    """Return why a cleaned conversation is left out, or an empty string."""
    if not record.messages:
        return "no whole round of question and answer"
    texts = [folded(message.content) for message in record.messages]
    if any(folded(word) in text for word in settings.blocked_words for text in texts):
        return "a blocked word"
    size = sum(len(m.content.encode()) for m in record.messages if m.role != "system")
    if size < settings.least_bytes:
        return f"under {settings.least_bytes} bytes"
    return flaw(record)


def first_turns(record: Record) -> bytes:
    """Return the same bytes for conversations whose first question and answer say the same."""
    spoken = [message for message in record.messages if message.role != "system"][:2]
    said = "\0".join(" ".join(folded(message.content).split()) for message in spoken)
    return hashlib.sha256(said.encode()).digest()
