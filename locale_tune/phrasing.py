"""Sentences with `{slots}`, and choices listed the way a language lists them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from pydantic import Field

from locale_tune.schema import Settings

TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]|\\[nt]")


def slots_of(phrasing: str) -> tuple[str, ...]:
    """Return the names in braces, each once, in order.

    Raise ValueError for what would stand in a lesson as it is: a lone brace, a slot without a
    name, and a backslash with n or t where a new line or a tab was meant. `{{` is a brace.
    """
    names: dict[str, None] = {}
    for token in TOKEN.finditer(phrasing):
        if token[0] in ("{", "}"):
            raise ValueError(f"a brace without its other half in {phrasing!r}")
        if token[0].startswith("\\"):
            raise ValueError(f"{token[0]} in {phrasing!r} is a backslash and a letter")
        if token[1] is not None:
            if not token[1].strip():
                raise ValueError(f"a slot without a name in {phrasing!r}")
            names[token[1]] = None
    return tuple(names)


def fill(phrasing: str, value: Callable[[str], str]) -> str:
    """Return a phrasing with every slot replaced by `value(name)`, in one pass.

    What is filled in is never looked at again: braces in a text are letters like others.
    """

    def token(found: re.Match[str]) -> str:
        if found[1] is not None:
            return value(found[1])
        return found[0][0] if found[0] in ("{{", "}}") else found[0]

    return TOKEN.sub(token, phrasing)


class Listing(Settings):
    """How choices are written one after the other: `a, b u c`, or each in a line with a mark."""

    item: str = Field(default="- {choice}", description="one choice, with {choice} and {mark}")
    between: str = Field(default="\n", description="what stands between two choices")
    last: str = Field(default="", description="what stands before the last one; empty: `between`")
    marks: tuple[str, ...] = Field(default=(), description="what {mark} is, choice by choice")

    def of(self, choices: Sequence[str]) -> str:
        """Return the choices as one text. Raise ValueError where there are too few marks."""
        written = [self._item(number, choice) for number, choice in enumerate(choices)]
        if len(written) < 2:
            return "".join(written)
        head = self.between.join(written[:-1])
        return f"{head}{self.last or self.between}{written[-1]}"

    def mark(self, number: int) -> str:
        """Return the mark of a choice, counted from 0. Raise ValueError if there is none."""
        if number >= len(self.marks):
            raise ValueError(f"choice {number + 1} has no mark; {len(self.marks)} are given")
        return self.marks[number]

    def _item(self, number: int, choice: str) -> str:
        return fill(self.item, lambda name: self.mark(number) if name == "mark" else choice)
