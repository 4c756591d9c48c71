"""Text to token ids, the same way for every check."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from locale_tune.api import LocaleTuneError, Message

from .windows import Window

# Templates that print the date would make answers depend on the day.
TEMPLATE_OPTIONS = {"date_string": "01 Jan 2026", "enable_thinking": False}


class Tokens:
    """A tokenizer and the one rule for what stands before a text.

    Every text is prefixed once with the model's beginning-of-text token, or its end-of-text token
    where it has none. That token is never scored, so the first token of a text is.
    """

    def __init__(self, folder: Path) -> None:
        from transformers import AutoTokenizer

        self.tokenizer: Any = AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
        bos, eos = self.tokenizer.bos_token_id, self.tokenizer.eos_token_id
        if bos is None and eos is None:
            raise LocaleTuneError(
                "the tokenizer has neither a beginning-of-text nor an end-of-text token",
                "set bos_token or eos_token in its tokenizer_config.json",
                str(folder.name),
            )
        self.prefix: int = eos if bos is None else bos

    def encode(self, texts: Sequence[str]) -> list[tuple[list[int], list[tuple[int, int]]]]:
        """Return (ids, spans in code points) of each text, without special tokens."""
        if not texts:
            return []
        coded = self.tokenizer(
            list(texts), add_special_tokens=False, return_offsets_mapping=True, verbose=False
        )
        spans = [[(start, end) for start, end in offsets] for offsets in coded["offset_mapping"]]
        return list(zip(coded["input_ids"], spans, strict=True))

    def whole(self, texts: Sequence[str]) -> list[Window]:
        """Return each text as one long window with the prefix, all of the text scored."""
        return [
            Window(item, (self.prefix, *ids), 1) for item, (ids, _) in enumerate(self.encode(texts))
        ]

    def continued(self, prompts: Sequence[str], texts: Sequence[str]) -> list[Window]:
        """Return prompt + text as windows that score the text.

        Both are tokenized together, as they would be in running text. A token that reaches over the
        seam is scored whole, for it holds part of the text.
        """
        joined = [prompt + text for prompt, text in zip(prompts, texts, strict=True)]
        found = []
        for item, (ids, spans) in enumerate(self.encode(joined)):
            seam = len(prompts[item])
            first = next((i for i, (_, end) in enumerate(spans) if end > seam), len(ids))
            found.append(Window(item, (self.prefix, *ids), first + 1))
        return found

    def lossy(self, texts: Sequence[str]) -> int:
        """Count the texts that decode to something else, apart from space at either end."""
        return sum(
            self.tokenizer.decode(ids, clean_up_tokenization_spaces=False).strip() != text.strip()
            for text, (ids, _) in zip(texts, self.encode(texts), strict=True)
        )

    def chat(self, prompt: str) -> list[int]:
        """Return the ids of a user message in the chat template, up to where the answer starts.

        Without a template: the prefix, the message and a line break.
        """
        if not self.tokenizer.chat_template:
            return [self.prefix, *self.encode([prompt + "\n"])[0][0]]
        messages = [{"role": "user", "content": prompt}]
        text = self.tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True, **TEMPLATE_OPTIONS
        )
        return self.encode([text])[0][0]

    def replied(self, chat: Sequence[Message], replies: Sequence[str]) -> list[Window]:
        """Return the chat with each reply to its last turn, as windows that score the reply.

        The reply's own text is scored, not what ends the turn. Without a template: the prefix, and
        a line for each message.
        """
        if not self.tokenizer.chat_template:
            before = "".join(f"{message.content}\n" for message in chat)
            return self.continued([before] * len(replies), replies)
        text = self.tokenizer.apply_chat_template(
            [message.model_dump() for message in chat],
            tokenize=False,
            add_generation_prompt=True,
            **TEMPLATE_OPTIONS,
        )
        found = []
        for item, (ids, spans) in enumerate(self.encode([text + reply for reply in replies])):
            first = next((i for i, (_, end) in enumerate(spans) if end > len(text)), len(ids))
            found.append(Window(item, tuple(ids), first))
        return found
