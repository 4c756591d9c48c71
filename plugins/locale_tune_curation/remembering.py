"""A teacher that keeps what its model said, so that a build that was stopped goes on there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from locale_tune.api import Progress
from locale_tune_curation.teacher import (
    Answer,
    Model,
    Prompt,
    Row,
    Sampling,
    prompt_hash,
    rows_of,
)

BATCHES = 4  # of one portion, which is kept as a whole
DEFAULT = Sampling()


class Remembering:
    """Asks a model in portions and keeps each in a file of JSON lines.

    A portion is kept or made as a whole, and portions follow from what is asked. So a build that
    goes on makes batches of the same shape as one that was never stopped: the bits are the same.
    """

    def __init__(
        self, model: Model, memory: Path | None = None, tell: Progress | None = None
    ) -> None:
        self.name = model.name
        self._model, self._path, self._tell = model, memory, tell
        self._kept = dict(_read(memory)) if memory and memory.exists() else {}

    def generate(
        self, prompts: Sequence[Prompt], n: int = 1, seed: int = 0, sampling: Sampling = DEFAULT
    ) -> list[Answer]:
        """Return `n` answers to each prompt, those to one prompt next to each other."""
        rows = rows_of(prompts, n, seed)
        answers: list[Answer] = []
        size = BATCHES * self._model.batch
        for start in range(0, len(rows), size):
            answers += self._portion(rows[start : start + size], sampling)
            if self._tell:
                self._tell(len(answers), len(rows), f"answers of {self.name}")
        return answers

    def close(self) -> None:
        """Give the model's memory back; what it said stays known."""
        self._model.close()

    def _portion(self, rows: Sequence[Row], sampling: Sampling) -> list[Answer]:
        asked = [self.name, list(sampling), [[prompt_hash(r.prompt), r.seed] for r in rows]]
        key = hashlib.sha256(json.dumps(asked).encode()).hexdigest()
        if key in self._kept:
            return self._kept[key]
        said = self._model.answer(rows, sampling)
        if self._path:
            self._kept[key] = said
            _append(self._path, json.dumps([key, said]))
        return said


def _append(path: Path, line: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")  # the break before it ends a line that a crash left half written


def _read(path: Path) -> Iterator[tuple[str, list[Answer]]]:
    """Yield the portions of a file; lines that a crash left half written are passed over."""
    for line in path.read_bytes().splitlines():
        try:
            key, said = json.loads(line)
            yield str(key), [Answer(str(text), bool(ended)) for text, ended in said]
        except (ValueError, TypeError):
            continue
