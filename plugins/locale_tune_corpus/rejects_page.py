"""`rejects.html`: what was left out of the corpus, for somebody who speaks the language to read.

One file, no script, nothing loaded from anywhere; the same rejects give the same bytes. Of every
reason of every source a fixed draw is shown, and how many there are in all.
"""

from __future__ import annotations

import heapq
import json
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from locale_tune.api import Locale, read_json

PAGE, REJECTS, SOURCES = "rejects.html", "rejects.jsonl", "sources.json"
UNREADABLE, OVER = "unreadable", "over the cap"
SHOWN = 25
ASSETS = Path(__file__).parent / "pages"
JOINERS = "\u200c\u200d"  # part of spelling in Persian, Urdu, Indic scripts and emoji
LAYOUT = "\n\t"
HIDDEN = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}  # control, format, unassigned, private, ...
# Reasons that doubt the language: what the source says of it is not put on the text then.
DOUBTFUL = ("language", "rather", "script")


@dataclass
class Pile:
    """All rejects of one source for one reason: their number, and a draw by digest of SHOWN."""

    count: int = 0
    drawn: list[tuple[int, int, dict[str, str]]] = field(default_factory=list)

    def add(self, number: int, row: dict[str, str]) -> None:
        """Count a reject, line `number` of the file, and keep it if its digest is small enough."""
        self.count += 1
        key = f"{row['source']}\0{row['id']}\0{row['where']}\0{row['text']}"
        digest = int.from_bytes(sha256(key.encode("utf-8", "surrogatepass")).digest()[:8], "big")
        push = heapq.heappush if len(self.drawn) < SHOWN else heapq.heappushpop
        push(self.drawn, (-digest, -number, row))

    def rows(self) -> list[dict[str, str]]:
        """Return the draw in the order of the file."""
        return [row for _, _, row in sorted(self.drawn, key=lambda item: -item[1])]


Piles = dict[tuple[str, str], Pile]


def write_page(folder: Path, locale: Locale) -> None:
    """Write `rejects.html` of a corpus from its `rejects.jsonl` and `sources.json`."""
    sources = read_json(folder / SOURCES)
    with (folder / REJECTS).open(encoding="utf-8") as lines:
        piles = piles_of(lines)
    (folder / PAGE).write_text(page(sources, piles, locale), encoding="utf-8")


def piles_of(lines: Iterable[str]) -> Piles:
    """Sort the lines of a rejects.jsonl by source and reason; memory is for what is shown only."""
    piles: Piles = {}
    for number, line in enumerate(lines):
        row = json.loads(line)
        reason, _, detail = row["reason"].partition(":")
        if not row["id"]:  # what could not be read has no name; the ledger counts it as one reason
            reason, detail = UNREADABLE, row["reason"]
        row["detail"] = detail.strip()
        piles.setdefault((row["source"], reason), Pile()).add(number, row)
    return piles


def page(sources: list[Mapping[str, Any]], piles: Piles, locale: Locale) -> str:
    """Return the page: a table of sources, then each source with its reasons and texts."""
    template = Template((ASSETS / "rejects.html").read_text(encoding="utf-8"))
    return template.substitute(
        style=(ASSETS / "rejects.css").read_text(encoding="utf-8"),
        title=f"Left out of the corpus: {escape(locale.name)}",
        name=_name(locale),
        shown=SHOWN,
        rows="\n".join(_row(source) for source in sources),
        sections="\n".join(_section(source, piles, locale) for source in sources),
    )


def _name(locale: Locale) -> str:
    if locale.endonym == locale.name:
        return escape(locale.name)
    native = (
        f'<bdi lang="{escape(locale.tag)}" dir="{locale.direction}">{escape(locale.endonym)}</bdi>'
    )
    return f"{escape(locale.name)} · {native}"


def _row(source: Mapping[str, Any]) -> str:
    name, left = escape(source["id"]), sum(source["rejected"].values())
    linked = f'<a href="#{_anchor(source)}">{name}</a>' if left else name
    head = f'<th scope="row">{linked}</th>'
    if source["problem"]:
        return f'<tr>{head}<td colspan="4">not read: {escape(source["problem"])}</td></tr>'
    share = f"{left:,} ({_share(left, source['seen'])})" if left else "0"
    return (
        f"<tr>{head}<td>{escape(source['role'])}</td><td class=n>{source['seen']:,}</td>"
        f"<td class=n>{source['kept']:,}</td><td class=n>{share}</td></tr>"
    )


def _section(source: Mapping[str, Any], piles: Piles, locale: Locale) -> str:
    if not source["rejected"]:
        return ""
    note = f" · {escape(source['note'])}" if source.get("note") else ""
    reasons = sorted(source["rejected"].items(), key=lambda pair: (-pair[1], pair[0]))
    told = (_reason(source, name, count, piles, locale) for name, count in reasons)
    return (
        f'<section id="{_anchor(source)}"><h2>{escape(source["id"])}</h2>'
        f'<p class="how">{escape(source["licence"])}{note}</p>\n' + "\n".join(told) + "</section>"
    )


def _reason(
    source: Mapping[str, Any], reason: str, count: int, piles: Piles, locale: Locale
) -> str:
    share = _share(count, source["seen"])
    head = f"<h3>{escape(reason)}</h3> <span>{count:,} of {source['seen']:,} ({share})</span>"
    pile = piles.get((source["id"], reason))
    if pile is None:
        told = ": good, but there was no room for them" if reason == OVER else ""
        return f'<div class="reason">{head}{told}</div>'
    doubtful = any(word in reason for word in DOUBTFUL)
    lang = "und" if doubtful else source.get("lang") or locale.tag
    items = "\n".join(_item(row, lang) for row in pile.rows())
    some = f"<p class=how>{SHOWN} of them:</p>" if count > len(pile.drawn) else ""
    return f"<details open><summary>{head}</summary>{some}<ol>{items}</ol></details>"


def _item(row: Mapping[str, str], lang: str) -> str:
    parts = (row["where"], row["detail"])
    where = " · ".join(f"<bdi>{escape(part)}</bdi>" for part in parts if part)
    side = direction(row["text"])
    text = f'<p class="text" lang="{escape(lang)}" dir="{side}">{visible(row["text"])}</p>'
    return f"<li>{text}<p class=how>{where}</p></li>"


def direction(text: str) -> str:
    """Return `rtl` or `ltr`, as most letters are written; `auto` for a text without letters."""
    sides = [unicodedata.bidirectional(letter) for letter in text]
    right, left = sum(side in ("R", "AL") for side in sides), sides.count("L")
    return "auto" if right == left == 0 else "rtl" if right > left else "ltr"


def visible(text: str) -> str:
    """Escape a text for HTML and write hidden characters out, such as U+202E."""
    return "".join(_letters(text))


def _letters(text: str) -> Iterator[str]:
    for letter in text:
        if unicodedata.category(letter) in HIDDEN and letter not in LAYOUT + JOINERS:
            yield f'<span class="hidden" dir="ltr">U+{ord(letter):04X}</span>'
        else:
            yield escape(letter)


def _anchor(source: Mapping[str, Any]) -> str:
    return f"source-{escape(str(source['id']))}"


def _share(part: int, whole: int) -> str:
    if not whole:
        return "0 %"
    share = 100 * part / whole
    return "under 0.1 %" if 0 < share < 0.1 else f"{share:.1f} %"
