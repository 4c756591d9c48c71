"""What a rater compares: two answers per prompt, in an order that only the key knows.

The order is balanced: for every prompt the second rater of a pair sees the reverse of what the
first one sees, so a habit of choosing the first answer favours neither model.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

FORMAT = "locale-tune rate 1"
SIDES = ("before", "after")


def key_of(samples: Sequence[Mapping[str, Any]], findings: str, seed: int, raters: int) -> Any:
    """Return the key of all pages: which answer is A, by page and item.

    `samples` are prompts with both answers, `findings` is the fingerprint of what measured them.
    Prompts with two equal answers are no items. One page is one rater.
    """
    return {
        "format": FORMAT,
        "findings": findings,
        "pages": {
            _name(findings, seed, rater): {
                "rater": rater,
                "items": _items(samples, findings, seed, rater),
            }
            for rater in range(1, raters + 1)
        },
    }


def to_judge(samples: Sequence[Mapping[str, Any]]) -> list[int]:
    """Return the numbers of the prompts whose two answers differ."""
    return [
        number
        for number, sample in enumerate(samples)
        if sample["before"].strip() != sample["after"].strip()
    ]


def _items(
    samples: Sequence[Mapping[str, Any]], findings: str, seed: int, rater: int
) -> dict[str, dict[str, Any]]:
    items = {}
    for number in to_judge(samples):
        pair = (rater - 1) // 2
        coin = int(_name(findings, seed, "order", pair, number), 16) + rater
        first, second = SIDES if coin % 2 else SIDES[::-1]
        name = _name(findings, seed, "item", rater, number)
        items[name] = {"prompt": number, "A": first, "B": second}
    return items


def _name(*parts: object) -> str:
    text = "\x1f".join(map(str, parts))
    return hashlib.sha256(text.encode()).hexdigest()[:12]
