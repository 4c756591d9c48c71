"""How the differences of two runs look on a terminal."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from locale_tune.api import Finding

from .diff import Difference, Score

LONGEST = 60
DIGEST = re.compile(r"[0-9a-f]{64}")
RTL = ("R", "AL")
TITLES = {
    "build": "build",
    "settings": "settings, with defaults resolved",
    "sources": "data",
    "libraries": "libraries",
    "code and pack": "what else the steps depend on",
}


def told(value: Any) -> str:
    """Return a value on one line: short, digests cut, right-to-left text apart from the rest."""
    if value is None:
        return "-"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = DIGEST.sub(lambda match: match[0][:12], " ".join(text.split()))
    # Control characters of a pack or a model must not steer the terminal; halves of a letter cannot
    # be printed.
    text = "".join(char for char in text if unicodedata.category(char) not in ("Cc", "Cf", "Cs"))
    text = text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
    return isolated(text) or '""'


def isolated(text: str) -> str:
    """Put text with right-to-left letters between U+2068 and U+2069, so that it turns no row."""
    if any(unicodedata.bidirectional(char) in RTL for char in text):
        return f"\u2068{text}\u2069"
    return text


def tables(sections: Mapping[str, Sequence[Difference]]) -> Iterator[Table | str]:
    """Yield a table for each section that differs, and one line that names those that do not."""
    for name, found in sections.items():
        if found:
            table = _table(TITLES[name], "A", "B")
            for what, a, b in found:
                table.add_row(*map(Text, (told(what), told(a), told(b))))
            yield table
    if same := [TITLES[name] for name, found in sections.items() if not found]:
        yield f"the same: {'; '.join(same)}"


def artifacts_table(found: Sequence[Difference]) -> Table:
    """Return the steps, and which of them both runs share."""
    table = _table("artifacts", "A", "B")
    for name, a, b in found:
        shared = "the same" if a == b else told(b)[:12]
        table.add_row(*map(Text, (name, told(a)[:12], shared)))
    return table


def scores_table(scores: Sequence[Score], paired: Mapping[tuple[str, str], Finding]) -> Table:
    """Return the findings after the build of A and of B, and how sure their difference is."""
    table = Table(box=None, pad_edge=False, header_style="bold", title_justify="left")
    table.add_column("scores after the build", overflow="fold")
    for name in ("A", "B", "B - A"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("95 % interval", justify="right", no_wrap=True)
    table.add_column("read as", overflow="fold")
    for score in scores:
        arrow = " (lower is better)" if (score.a or score.b).lower_is_better else ""  # type: ignore[union-attr]  # one of them is there
        pair = paired.get((score.check, score.on))
        table.add_row(
            Text(told(score.label) + arrow),
            *(_number(found.after if found else None) for found in (score.a, score.b)),
            _number(score.change, "+"),
            _interval(pair.interval if pair else None),
            reading(score, pair),
        )
    return table


def changes_table(findings: Sequence[Finding]) -> Table:
    """Return findings before and after a build."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("measured", overflow="fold")
    for name in ("n", "base", "localized", "change"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("95 % interval", justify="right", no_wrap=True)
    table.add_column("read as", no_wrap=True)
    for found in findings:
        arrow = " (lower is better)" if found.lower_is_better else ""
        table.add_row(
            Text(told(found.label) + arrow),
            f"{found.n:,}",
            *(_number(value) for value in (found.before, found.after)),
            _number(found.change, "+"),
            _interval(found.interval),
            found.verdict,
        )
    return table


def reading(score: Score, pair: Finding | None) -> str:
    """Say what a row means, from the same items if both runs kept them."""
    if score.a is None or score.b is None:
        return f"only in {'A' if score.a else 'B'}"
    if pair:
        words = pair.verdict if pair.interval else "too few groups for an interval"
        return f"{words}, on {pair.n:,} shared items"
    if score.overlap is None:
        return "no interval"
    return "their changes overlap" if score.overlap else "their changes do not overlap"


def _number(value: float | None, sign: str = "") -> str:
    return "" if value is None else f"{value:{sign}.3f}"


def _interval(interval: Sequence[float] | None) -> Text:
    return Text(f"[{interval[0]:+.3f}, {interval[1]:+.3f}]" if interval else "")


def _table(title: str, *columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(title, overflow="fold")
    for name in columns:
        table.add_column(name, overflow="fold")
    return table
