"""Read the documentation as data: sections, table rows, code blocks and whole files."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
NAMED = re.compile(r"^\*\*`([^`\n]+)`\*\*\n\n```\w+\n(.*?)^```$", re.DOTALL | re.MULTILINE)
UNSET = object()


def page(name: str) -> str:
    """Return the text of a page of docs/."""
    return (DOCS / name).read_text(encoding="utf-8")


def prose(text: str) -> str:
    """Return a page without its code blocks."""
    return BLOCK.sub("", text)


def section(text: str, heading: str) -> str:
    """Return what stands under a heading, up to the next one of its level or above."""
    wanted = heading.partition(" ")[0]
    lines, inside, fenced = [], False, False
    for line in text.splitlines():
        fenced ^= line.startswith("```")
        marks = "" if fenced else (re.match(r"#+(?= )", line) or [""])[0]
        if inside and marks and len(marks) <= len(wanted):
            break
        if inside:
            lines.append(line)
        inside = inside or (bool(marks) and line.startswith(heading))
    assert inside, f"no heading '{heading}'"
    return "\n".join(lines)


def rows(text: str) -> dict[str, list[str]]:
    """Return the table rows of a text by the name in code marks in their first cell."""
    found = {}
    for line in text.splitlines():
        if match := re.match(r"\| `([^`]+)`", line):
            found[match[1]] = [cell.strip() for cell in line.strip("|").split("|")]
    return found


def value_of(cell: str) -> Any:
    """Return the default that a table cell states, as TOML reads it; UNSET for `none`."""
    if cell == "none":
        return UNSET
    return tomllib.loads(f"value = {cell.strip('`')}")["value"]


def blocks(text: str, language: str) -> list[str]:
    """Return the code blocks of one language."""
    return [body for name, body in BLOCK.findall(text) if name == language]


def named_files(text: str) -> dict[str, str]:
    """Return the files that a page shows in full, by path."""
    return dict(NAMED.findall(text))


def write_files(text: str, folder: Path) -> None:
    """Write the files that a page shows into a folder."""
    for name, body in named_files(text).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(body, encoding="utf-8")


def slug(heading: str) -> str:
    """Return the anchor that mkdocs and GitHub give a heading."""
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower())
