"""Answers and scores that were made once: nobody waits for the same one twice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from locale_tune.api import read_json, replace_json

Answer = TypeVar("Answer")  # what JSON gives back as it was


class Kept(Generic[Answer]):
    """What a model answered, by what was asked and how, in one file.

    The file must stand in a folder that belongs to one model, such as the step's work folder: what
    is kept does not say which model answered.
    """

    def __init__(self, file: Path | None) -> None:
        self.file = file
        self.answers: dict[str, Answer] = read_json(file) if file and file.exists() else {}

    def complete(
        self, asked: Sequence[tuple[object, ...]], make: Callable[[list[int]], list[Answer]]
    ) -> list[Answer]:
        """Return the answer to each entry; `make` gets the places of the new ones, once."""
        names = [_name(entry) for entry in asked]
        first = {name: place for place, name in reversed(list(enumerate(names)))}
        new = [first[name] for name in first if name not in self.answers]
        if new := sorted(new):
            made = make(new)
            self.answers |= {names[place]: answer for place, answer in zip(new, made, strict=True)}
            if self.file:
                replace_json(self.file, self.answers)
        return [self.answers[name] for name in names]


def _name(entry: tuple[object, ...]) -> str:
    return hashlib.sha256(json.dumps(entry).encode()).hexdigest()
