"""From records to ids and token weights: the ids a server would make, and no text becomes control.

The chat template is rendered with marks in place of the contents, so it is known where each content
stands. Then the whole chat is encoded at once, as a server does it: where template and content
meet, one token may hold letters of both. If a content holds a control token (`<|im_end|>` in an
answer), that chat is encoded piece by piece instead, contents by a tokenizer that has no control
tokens, so they stay text. Weights follow from where contents stand: no answer can be mis-masked.
"""

from __future__ import annotations

import json
import re
import secrets
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from functools import cached_property
from itertools import groupby
from typing import Any, NamedTuple

from tokenizers import Tokenizer

from locale_tune.api import Message, StageFailed

OPEN, CLOSE = "\ue000", "\ue001"  # private use: no text that passed the filters holds them
MARK = re.compile(f"{OPEN}(\\d+){CLOSE}")
BLANK = "\u2581 \t\r\n"  # tokens of white space alone control nothing


class Encoded(NamedTuple):
    """Ids and one weight per id: the weight of predicting that id."""

    ids: list[int]
    weights: list[float]


class Piece(NamedTuple):
    """A stretch of a rendered chat: the template's, or the content of the `message` at an index."""

    text: str
    message: int | None = None


class Owned(NamedTuple):
    """Ids and, for each, the index of the message it belongs to; None is the template's own."""

    ids: list[int]
    owners: list[int | None]


class Encoder:
    """Encode text and chats for one tokenizer."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        backend = tokenizer.backend_tokenizer
        self._whole = backend
        self._control = control_ids(tokenizer)
        plain = without_control(json.loads(backend.to_str()), self._control)
        self._content = Tokenizer.from_str(json.dumps(plain))
        self._end = end_of_text(tokenizer)

    def text(self, text: str) -> Encoded:
        """Encode a document: every token counts, and it ends with the end-of-text token."""
        ids = [*self.content_ids(text), self._end]
        return Encoded(ids, [0.0] + [1.0] * (len(ids) - 1))

    def chat(
        self, messages: Sequence[Message], prompt_weight: float = 0.0, ended: bool = True
    ) -> Encoded:
        """Encode a chat: answers and their end of turn weigh 1, prompts `prompt_weight`.

        Template text weighs 0, but for what ends an assistant's turn (up to a control token, or one
        token if there is none) and white space that the model must write before its answer. Where
        the last answer has not `ended`, what ends its turn weighs 0: nobody said it.
        Raises StageFailed when the template drops or repeats a message.
        """
        pieces = self._pieces(messages)
        ids, owners = self._at_once(pieces) or self._apart(pieces)
        roles = ["" if owner is None else messages[owner].role for owner in owners]
        weights: list[float] = []
        before = ""
        for role, run in groupby(roles):
            count = len(list(run))
            counted = count if role else 0
            last = len(weights) + count == len(ids)
            if before == "assistant" and not role and (ended or not last):
                counted = self._ending(ids[len(weights) : len(weights) + count])
            weight = prompt_weight if role not in ("", "assistant") else 1.0
            weights += [weight] * counted + [0.0] * (count - counted)
            before = role
        if weights:
            weights[0] = 0.0  # nothing predicts the first token
        return Encoded(ids, weights)

    def content_ids(self, text: str) -> list[int]:
        """Encode text in which nothing is a control token."""
        return list(self._content.encode(text, add_special_tokens=False).ids)

    def _ending(self, tokens: Sequence[int]) -> int:
        """Return how many of the template's tokens after an answer end its turn."""
        return next((n for n, token in enumerate(tokens, 1) if token in self._control), 1)

    def _pieces(self, messages: Sequence[Message]) -> list[Piece]:
        """Render the template; what it does with white space around contents, it does here."""
        marked = [
            {"role": message.role, "content": _marked(message.content, index)}
            for index, message in enumerate(messages)
        ]
        rendered = self.tokenizer.apply_chat_template(marked, tokenize=False)
        found = MARK.split(rendered)
        if found[1::2] != [str(index) for index in range(len(messages))]:
            raise StageFailed(
                "the chat template of this model drops or repeats messages",
                "give the base model a template that writes every message once",
            )
        pieces = []
        for index, (message, literal) in enumerate(zip(messages, found[::2], strict=False)):
            given, blank = self._given(literal) if message.role == "assistant" else (literal, "")
            pieces += [Piece(given), Piece(blank + message.content.strip(), index)]
        return [*pieces, Piece(found[-1])]

    def _given(self, literal: str) -> tuple[str, str]:
        """Split the template's text before an answer: what a server gives, and white space after.

        Some templates write a space before an answer that is not in their generation prompt.
        """
        at = literal.rfind(self._prompt_end) + len(self._prompt_end)
        if self._prompt_end not in literal or literal[at:].strip():
            return literal, ""
        return literal[:at], literal[at:]

    @cached_property
    def _prompt_end(self) -> str:
        """What stands after the last word of a user when it is the model's turn."""
        turn = [{"role": "user", "content": _marked("", 0)}]
        rendered = self.tokenizer.apply_chat_template(
            turn, tokenize=False, add_generation_prompt=True
        )
        return str(MARK.split(rendered)[-1])

    def _at_once(self, pieces: Sequence[Piece]) -> Owned | None:
        """Encode the chat as a server does; None if text of a message would become control."""
        whole = self._whole.encode("".join(p.text for p in pieces), add_special_tokens=False)
        ids, spans = list(whole.ids), whole.offsets
        starts = [start for start, _ in spans]
        ends = [max(end, start + 1) for start, end in spans]  # an empty span stands for a place
        owners: list[int | None] = [None] * len(ids)
        at = 0
        for text, index in pieces:
            # A token with letters of both belongs to the message.
            held = slice(bisect_right(ends, at), bisect_left(starts, at + len(text)))
            at += len(text)
            if index is not None:
                if not self._control.isdisjoint(ids[held]):
                    return None
                owners[held] = [index] * (held.stop - held.start)
        return Owned(ids, owners)

    def _apart(self, pieces: Sequence[Piece]) -> Owned:
        """Encode each piece on its own: the template's with control tokens, contents without."""
        ids: list[int] = []
        owners: list[int | None] = []
        for text, index in pieces:
            encode = self._whole if index is None else self._content
            made = encode.encode(text, add_special_tokens=False).ids
            ids += made
            owners += [index] * len(made)
        return Owned(ids, owners)


def _marked(content: str, index: int) -> str:
    """Put a mark in place of a content, the white space around it kept."""
    core, mark = content.strip(), f"{OPEN}{index}{CLOSE}"
    return content.replace(core, mark, 1) if core else content + mark


def control_ids(tokenizer: Any) -> frozenset[int]:
    """Return the ids of the added tokens, but for those of white space that are not special."""
    added = tokenizer.added_tokens_decoder.items()
    return frozenset(n for n, token in added if token.special or token.content.strip(BLANK))


def without_control(spec: dict[str, Any], control: frozenset[int]) -> dict[str, Any]:
    """Return a tokenizer.json with which no text becomes a control token.

    It is not enough to take the added tokens away: a Unigram or WordPiece model finds `</s>` among
    its own pieces, and a BPE model may. So there they get names that no text can hold.
    """
    model = spec["model"]
    vocab, spared = model["vocab"], (model.get("unk_token"), model.get("unk_id"))
    hidden = f"{OPEN}{secrets.token_hex(16)}"
    if isinstance(vocab, list):  # Unigram: [piece, score], the id is the place
        for n in control.difference(spared):
            if n < len(vocab):
                vocab[n] = [f"{hidden}{n}{CLOSE}", vocab[n][1]]
        return {**spec, "added_tokens": [], "post_processor": None}
    names = {name for name, n in vocab.items() if n in control and name not in spared}
    model["vocab"] = {
        f"{hidden}{n}{CLOSE}" if name in names else name: n for name, n in vocab.items()
    }
    if "merges" in model:
        model["merges"] = [
            merge
            for merge in model["merges"]
            if "".join(merge.split(" ", 1) if isinstance(merge, str) else merge) not in names
        ]
    return {**spec, "added_tokens": [], "post_processor": None}


def end_of_text(tokenizer: Any) -> int:
    """Return the id that ends a document: `<|endoftext|>` where there is one, else eos."""
    known = tokenizer.get_vocab()
    return int(known.get("<|endoftext|>", tokenizer.eos_token_id))
