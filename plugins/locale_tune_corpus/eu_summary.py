"""`eu-summary.md`: the public summary of training content that the EU AI Act asks for.

Article 53(1)(d) of Regulation (EU) 2024/1689, after the template of the European Commission of
24 July 2025, section by section (`pages/eu_summary.md`). It covers what this corpus adds to the
base model. What a build cannot know, whoever publishes the model writes in.
"""

from __future__ import annotations

import html
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

from locale_tune.api import Locale, licences, read_json

FILE = "eu-summary.md"
TEMPLATE = Path(__file__).parent / "pages" / "eu_summary.md"
PUBLISHER = "_to be stated by whoever publishes the model_"
NOT_STATED = "not stated"
PUBLIC = ("https", "npm", "pypi", "hub", "package")
SIZES = {
    1_000_000_000: "less than 1 billion tokens",
    10_000_000_000_000: "1 billion to 10 trillion tokens",
}
LARGEST = "more than 10 trillion tokens"
BYTES_A_TOKEN = 4  # of running text, about; only the range of the template depends on it
CONTENT = {
    "text": "running text",
    "replay": "running text in other languages",
    "lessons": "conversations",
    "preferences": "pairs of answers, one preferred",
}
# Reasons that say nothing about a text itself.
COPIES = ("copy", "over the cap", "held-out", "question", "tested", "answers")
Rows = Sequence[Mapping[str, Any]]


def write(folder: Path, locale: Locale, facts: Mapping[str, Any]) -> None:
    """Write `eu-summary.md` of a corpus from its sources.json and what `collect` returns."""
    text = summary(locale, read_json(folder / "sources.json"), facts)
    (folder / FILE).write_text(text, encoding="utf-8")


def summary(locale: Locale, rows: Rows, facts: Mapping[str, Any]) -> str:
    """Return the summary as Markdown; `rows` are the entries of the corpus's sources.json."""
    used = [
        {**row, "bytes": row["bytes"] - row.get("heldout_bytes", 0)}  # nobody is trained on it
        for row in rows
        if row["role"] in licences.TRAINED and row["kept"]
    ]
    parts = _general(locale, used) | _sources(used) | _processing(rows, used, facts)
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(parts, publisher=PUBLISHER)


def _general(locale: Locale, used: Rows) -> dict[str, str]:
    dates = sorted({row["collected"] for row in used if row.get("collected")})
    kinds = [CONTENT[role] for role in CONTENT if any(row["role"] == role for row in used)]
    return {
        "name": _name(locale),
        "size": _size(sum(row["bytes"] for row in used)),
        "content": ", ".join(kinds) or "none",
        "latest": _cell(dates[-1]) if dates else NOT_STATED,
        "languages": _table(("language or variety", "bytes", "share"), _languages(used), "lrr"),
    }


def _size(count: int) -> str:
    inside = (words for most, words in SIZES.items() if count < most * BYTES_A_TOKEN)
    return f"{next(inside, LARGEST)} ({count:,} bytes of text)"


def _languages(used: Rows) -> Iterator[tuple[str, ...]]:
    sizes: dict[str, int] = defaultdict(int)
    for row in used:
        sizes[row.get("variety") or row.get("lang") or NOT_STATED] += row["bytes"]
    total = sum(sizes.values()) or 1
    for name, size in sorted(sizes.items(), key=lambda pair: (-pair[1], pair[0])):
        yield _cell(name), f"{size:,}", f"{100 * size / total:.1f} %"


def _sources(used: Rows) -> dict[str, str]:
    """Return the tables of section 2; each source stands in one of them, synthetic ones twice."""
    own = [row for row in used if row["uri"].startswith("data/")]
    public = [row for row in used if row not in own and _open(row)]
    private = [row for row in used if row not in own and row not in public]
    made = [(row["id"], f"{row['bytes']:,} bytes") for row in used if row["origin"] == "synthetic"]
    return {
        "public": _listed(public),
        "private": _listed(private),
        "own": _listed(own),
        "synthetic": _items(made),
    }


def _open(row: Mapping[str, Any]) -> bool:
    """Whether everybody can get a text: as its pack states, else by where it lies."""
    if row.get("access"):
        return bool(row["access"] == "open")
    return row["uri"].partition(":")[0] in PUBLIC


def _listed(rows: Rows) -> str:
    head = ("source", "address", "licence", "from", "language", "collected", "bytes")
    return _table(head, map(_listing, rows), "llllllr")


def _listing(row: Mapping[str, Any]) -> tuple[str, ...]:
    credit, steward = row.get("credit", ""), row.get("steward", "")
    people = [credit, f"kept by {steward}" if steward and steward not in credit else ""]
    return (
        _cell(row["id"]),
        _cell(row["uri"]),
        _cell(licences.normalise(row["licence"])),
        _cell("; ".join(part for part in people if part)) or NOT_STATED,
        _cell(row.get("variety") or row.get("lang") or NOT_STATED),
        _cell(row.get("collected") or NOT_STATED),
        f"{row['bytes']:,}",
    )


def _processing(rows: Rows, used: Rows, facts: Mapping[str, Any]) -> dict[str, str]:
    left = sorted(facts.get("rejected", {}).items(), key=lambda pair: (-pair[1], pair[0]))
    copies = [pair for pair in left if any(word in pair[0] for word in COPIES)]
    head = ("left out because", "records")
    return {
        "licence": _licence(rows),
        "grounds": _items((row["id"], row["consent"]) for row in used if row.get("consent")),
        "refused": _items((row["id"], row["problem"]) for row in rows if row.get("problem")),
        "removed": _table(head, (_counted(pair) for pair in left if pair not in copies), "lr"),
        "copies": _table(head, map(_counted, copies), "lr"),
    }


def _licence(rows: Rows) -> str:
    found = licences.roll_up(rows)
    return f"{_cell(found.licence)} ({found.words})"


def _counted(pair: tuple[str, int]) -> tuple[str, str]:
    return _cell(pair[0]), f"{pair[1]:,}"


def _items(pairs: Iterable[tuple[str, str]]) -> str:
    return "\n".join(f"- {_cell(name)}: {_cell(text)}" for name, text in pairs) or "None."


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], align: str) -> str:
    """Return a Markdown table; `align` has l or r for each column."""
    body = [f"| {' | '.join(row)} |" for row in rows]
    if not body:
        return "None."
    ruler = f"|{'|'.join('---:' if side == 'r' else '---' for side in align)}|"
    return "\n".join([f"| {' | '.join(head)} |", ruler, *body])


def _name(locale: Locale) -> str:
    tag = _cell(locale.tag)
    if locale.endonym == locale.name:
        return f"{_cell(locale.name)} ({tag})"
    native = f'<bdi lang="{html.escape(locale.tag)}" dir="{locale.direction}">'
    return f"{_cell(locale.name)} ({tag}), {native}{_cell(locale.endonym)}</bdi>"


def _cell(text: str) -> str:
    """Keep a text in one Markdown cell or list item, as text."""
    plain = html.escape(" ".join(str(text).split()), quote=False)
    return re.sub(r"([|\\`*_\[\]#~])", r"\\\1", plain)
