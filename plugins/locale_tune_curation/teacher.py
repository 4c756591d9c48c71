"""The teacher: a model on this machine, or one that a local server answers for.

There is no third kind: lessons of a language are made where its texts are, or not at all.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from pydantic import Field

from locale_tune.api import Machine, Message, Progress, Settings, StageFailed

Prompt = Sequence[Message]


class Answer(NamedTuple):
    """What the teacher said, and whether it came to an end before the limit."""

    text: str
    ended: bool


class Sampling(NamedTuple):
    """How answers are drawn. A temperature of 0 takes the likeliest token."""

    temperature: float = 0.7
    top_p: float = 0.9
    presence_penalty: float = 0.0
    tokens: int = 256


class Row(NamedTuple):
    """One question, and the seed that its answer is drawn with."""

    prompt: Prompt
    seed: int


class Teacher(Protocol):
    """Answers chats. `name` is what lessons say their teacher was."""

    name: str

    def generate(
        self, prompts: Sequence[Prompt], n: int = 1, seed: int = 0, sampling: Sampling = ...
    ) -> list[Answer]:
        """Return `n` answers to each prompt, those to one prompt next to each other.

        What is drawn depends on the seed, the prompt and which of its answers it is, not on the
        other prompts, but for rounding in batches of another shape.
        """

    def close(self) -> None:
        """Give the memory back. The next `generate` loads the model again."""


class Model(Protocol):
    """What a teacher speaks with: a model in this process, or a server."""

    name: str
    batch: int

    def answer(self, rows: Sequence[Row], sampling: Sampling) -> list[Answer]:
        """Return the answer to each prompt, drawn with its seed."""

    def close(self) -> None:
        """Give the memory back."""


class TeacherSettings(Settings):
    """Which model makes lessons, and how it answers."""

    model: str = Field(
        "",
        description="none: the base model; a folder of a transformers model; or the address of an "
        "OpenAI-compatible server on this machine or in its private network, "
        'such as "http://127.0.0.1:8080/v1"',
    )
    variety: str = Field(
        "", description="the variety that made lessons are in, as sources name it; none: our id"
    )
    served: str = Field("", description="the name under which the server knows the model")
    temperature: float = Field(0.7, ge=0, description="0: always the likeliest token")
    top_p: float = Field(0.9, gt=0, le=1, description="tokens are drawn from this share of chances")
    tokens: int = Field(256, gt=0, description="the longest answer, in tokens")
    batch: int = Field(16, gt=0, description="answers made at once")

    def sampling(self) -> Sampling:
        """Return how answers are drawn."""
        return Sampling(self.temperature, self.top_p, 0.0, self.tokens)


def open_teacher(
    settings: TeacherSettings,
    base: Path | None,
    base_name: str,
    machine: Machine,
    memory: Path | None = None,
    tell: Progress | None = None,
) -> Teacher:
    """Return the teacher that settings ask for; nothing is loaded before its first answer.

    `base` is the base model: a model folder or a GGUF file. `memory` is a file that survives a
    crash: what was said is kept there. Raise StageFailed where there is no model, or where the
    address is not a local one.
    """
    from locale_tune_curation.remembering import Remembering

    return Remembering(_model(settings, base, base_name, machine), memory, tell)


def _model(settings: TeacherSettings, base: Path | None, base_name: str, machine: Machine) -> Model:
    if settings.model.startswith(("http://", "https://")):
        from locale_tune_curation.endpoint import Endpoint

        return Endpoint(settings.model, settings.served, settings.batch)
    path = Path(settings.model).expanduser() if settings.model else base
    if path is None or not path.exists():
        raise StageFailed(
            f"the teacher {settings.model or base_name} is not on this machine",
            "set select.teacher.model to the folder of a model, or fetch the base model",
        )
    from locale_tune_curation.local_model import LocalModel

    name = path.name if settings.model else base_name
    return LocalModel(path, name, machine, settings.batch)


def ask(text: str) -> Prompt:
    """Return a chat that asks one thing."""
    return (Message(role="user", content=text),)


def prompt_hash(prompt: Prompt) -> str:
    """Return 16 hexadecimal digits that tell prompts apart; lessons carry them."""
    said = json.dumps([[m.role, m.content] for m in prompt], ensure_ascii=False)
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def rows_of(prompts: Sequence[Prompt], n: int, seed: int) -> list[Row]:
    """Return `n` rows for each prompt; one that comes again gets other seeds."""
    asked: Counter[str] = Counter()
    rows = []
    for prompt in prompts:
        said = prompt_hash(prompt)
        rows += [Row(prompt, draw_seed(seed, prompt, asked[said] + k)) for k in range(n)]
        asked[said] += n
    return rows


def draw_seed(seed: int, prompt: Prompt, answer: int) -> int:
    """Return the seed of one answer: 31 bits, since servers take no more."""
    said = f"{seed}\0{prompt_hash(prompt)}\0{answer}"
    return int.from_bytes(hashlib.sha256(said.encode()).digest()[:4]) >> 1
