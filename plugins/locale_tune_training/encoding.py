"""From records to ids and token weights, by segments, so that text never becomes control.

The chat template is rendered with marks in place of the contents. What stands between the marks is
the template's own text and is encoded with its control tokens; contents are encoded by a tokenizer
that has none, so `<|im_end|>` inside an answer stays text. The weights come from the same segments,
so no answer can be mis-masked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from tokenizers import Tokenizer

from locale_tune.api import Message, StageFailed

OPEN, CLOSE = "\ue000", "\ue001"  # private use: no text that passed the filters holds them
MARK = re.compile(f"( ?){OPEN}(\\d+){CLOSE}( ?)")


class Encoded(NamedTuple):
    """Ids and one weight per id: the weight of predicting that id."""

    ids: list[int]
    weights: list[float]


class Encoder:
    """Encode text and chats for one tokenizer."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        backend = tokenizer.backend_tokenizer
        plain = json.loads(backend.to_str())
        plain["added_tokens"] = []
        plain["post_processor"] = None
        self._content = Tokenizer.from_str(json.dumps(plain))
        self._literal = backend
        self._end = end_of_text(tokenizer)

    def text(self, text: str) -> Encoded:
        """Encode a document: every token counts, and it ends with the end-of-text token."""
        ids = [*self.content_ids(text), self._end]
        return Encoded(ids, [0.0] + [1.0] * (len(ids) - 1))

    def chat(self, messages: Sequence[Message], prompt_weight: float = 0.0) -> Encoded:
        """Encode a chat: answers and their end of turn weigh 1, prompts `prompt_weight`.

        Template text weighs 0, but for the one token that ends an assistant's turn. Raises
        StageFailed when the template drops or repeats a message.
        """
        ids: list[int] = []
        weights: list[float] = []
        after_answer = False
        for literal, index, trimmed in self._segments(messages):
            between = self._literal.encode(literal, add_special_tokens=False).ids
            ids += between
            weights += [float(after_answer and k == 0) for k in range(len(between))]
            after_answer = False
            if index is not None:
                message = messages[index]
                content = message.content.strip() if trimmed else message.content
                inside = self.content_ids(content)
                after_answer = message.role == "assistant"
                ids += inside
                weights += [1.0 if after_answer else prompt_weight] * len(inside)
        if weights:
            weights[0] = 0.0  # nothing predicts the first token
        return Encoded(ids, weights)

    def content_ids(self, text: str) -> list[int]:
        """Encode text in which nothing is a control token."""
        return list(self._content.encode(text, add_special_tokens=False).ids)

    def _segments(self, messages: Sequence[Message]) -> list[tuple[str, int | None, bool]]:
        """Return (template text, index of the message after it or None, contents are trimmed)."""
        marked = [
            {"role": message.role, "content": f" {OPEN}{index}{CLOSE} "}
            for index, message in enumerate(messages)
        ]
        rendered = self.tokenizer.apply_chat_template(marked, tokenize=False)
        segments: list[tuple[str, int | None, bool]] = []
        end = 0
        for match in MARK.finditer(rendered):
            trimmed = not (match[1] and match[3])
            segments.append((rendered[end : match.start()], int(match[2]), trimmed))
            end = match.end()
        segments.append((rendered[end:], None, False))
        if [index for _, index, _ in segments[:-1]] != list(range(len(messages))):
            raise StageFailed(
                "the chat template of this model drops or repeats messages",
                "give the base model a template that writes every message once",
            )
        return segments


def end_of_text(tokenizer: Any) -> int:
    """Return the id that ends a document: `<|endoftext|>` where there is one, else eos."""
    known = tokenizer.get_vocab()
    return int(known.get("<|endoftext|>", tokenizer.eos_token_id))
