"""Numbered lists in any script: how a model is shown tasks, and how it writes more of them."""

from __future__ import annotations

import re
from collections.abc import Iterable

# `\d` are the digits of every script. Han and Ethiopic also count with letters of their own.
NUMBER = "\\d{1,3}|[一二三四五六七八九十]{1,3}|[\u1369-\u137c]{1,3}"
MARK = re.compile(
    "[\\s\u200e\u200f\u061c]*[*_]*(?:"
    f"[(\\[（【]?(?:{NUMBER})[*_]*\\s?[.)\\]:：、．。）】،۔-](?!\\d)"
    "|[\u2460-\u2473]"  # numbers in circles
    "|[-*•–—](?=\\s)"
    ")[*_]*\\s*"
)


def numbered(texts: Iterable[str], first: int = 1) -> str:
    """Return texts as a numbered list, a line each."""
    return "\n".join(f"{n}. {_one_line(text)}" for n, text in enumerate(texts, first))


def items(text: str, continued: bool = False) -> list[str]:
    """Return the items of a list, each on one line; lines without a number go on with the last.

    What stands before the first number is the rest of an item that the prompt began (`continued`),
    or no item.
    """
    found: list[list[str]] = [[]]
    for line in text.splitlines():
        mark = MARK.match(line)
        if mark:
            found.append([line[mark.end() :]])
        else:
            found[-1].append(line)
    lines = found if continued else found[1:]
    return [item for parts in lines if (item := _one_line(" ".join(parts)))]


def _one_line(text: str) -> str:
    return " ".join(text.split())
