"""Cut long conversations between rounds. A round that fits is never lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from locale_tune.api import Message, Record

Turns = tuple[Message, ...]
Count = Callable[[Sequence[Message]], int]


class Piece(NamedTuple):
    """Rounds that follow each other, and which turn of the conversation the first one begins."""

    start: int
    turns: Turns


def split_chat(record: Record, count: Count, most: int, rejected: Counter[str]) -> list[Record]:
    """Return a conversation in pieces of at most `most` tokens, each with its system turn.

    `count` counts a list of messages as the model will read it (`template_counter`). Only a round
    that is too long on its own is left out, with a reason; what follows it begins a new piece,
    for it may speak of what is gone. Pieces keep the conversation's group, so that held-out text
    never shares one with them. A conversation that fits is returned as it is.
    """
    system = record.messages[:1] if record.messages[:1] and _is_system(record) else ()
    spoken = record.messages[len(system) :]
    if count(record.messages) <= most:
        return [record]
    pieces, lost = cut_rounds(system, rounds_of(spoken), count, most)
    rejected[f"a round of more than {most} tokens"] += lost
    group = record.meta.get("group", record.id)
    return [
        record.model_copy(
            update={
                "id": f"{record.id}_{piece.start}",
                "messages": (*system, *piece.turns),
                "meta": {**record.meta, "group": group, "piece": f"{n} of {len(pieces)}"},
            }
        )
        for n, piece in enumerate(pieces, 1)
    ]


def _is_system(record: Record) -> bool:
    return record.messages[0].role == "system"


def rounds_of(turns: Turns) -> list[Turns]:
    """Return turns as rounds of a question and its answer; a question without one is no round."""
    return [turns[n : n + 2] for n in range(0, len(turns) - 1, 2)]


def cut_rounds(
    system: Turns, rounds: Sequence[Turns], count: Count, most: int
) -> tuple[list[Piece], int]:
    """Return the longest pieces that fit, in order, and how many rounds fit into none."""
    pieces: list[Piece] = []
    lost, turn, open_piece = 0, 0, False
    for one in rounds:
        if open_piece and count((*system, *pieces[-1].turns, *one)) <= most:
            pieces[-1] = Piece(pieces[-1].start, (*pieces[-1].turns, *one))
        elif count((*system, *one)) <= most:
            pieces.append(Piece(turn, one))
            open_piece = True
        else:
            lost += 1
            open_piece = False
        turn += len(one)
    return pieces, lost


def counter_of(base: Path) -> Count:
    """Return a counter of tokens for a model folder or a GGUF file. It needs transformers."""
    from transformers import AutoTokenizer

    gguf = base.suffix == ".gguf"
    how = {"gguf_file": base.name} if gguf else {}
    folder = base.parent if gguf else base
    return template_counter(
        AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True, **how)
    )


def template_counter(tokenizer: Any) -> Count:
    """Return a counter of tokens by the chat template of a transformers tokenizer.

    Without a template it counts what the messages say.
    """

    def count(messages: Sequence[Message]) -> int:
        if not tokenizer.chat_template:
            said = "\n".join(message.content for message in messages)
            return len(tokenizer.encode(said, add_special_tokens=False))
        chat = [message.model_dump() for message in messages]
        text = tokenizer.apply_chat_template(chat, tokenize=False)
        return len(tokenizer.encode(text, add_special_tokens=False))

    return count
