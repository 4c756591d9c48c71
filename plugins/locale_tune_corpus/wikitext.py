"""Wikitext to plain paragraphs.

mwparserfromhell needs a time that grows with the square of what is never closed: 80 KB of `{{a|`
took it minutes. So templates, tables and notes are taken out first, in one pass, and it reads what
is left paragraph by paragraph: those whose links close, and none over `PARAGRAPH_LIMIT`.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import mwparserfromhell
from mwparserfromhell import nodes

PARAGRAPH_LIMIT, TEMPLATE_LIMIT = 16_000, 2_000
QUOTES_LIMIT, OPEN_LIMIT = 200, 20
NESTED = 4
# Noncharacters of Unicode: what stood here is gone (HOLE), and without it nothing reads (GAP).
HOLE, GAP = "\ufdd0", "\ufdd1"
DROPPED = {"ref", "references", "gallery", "timeline", "imagemap", "templatestyles", "indicator"}
DROPPED |= {"mapframe", "graph", "pre"}
NEEDED = {"math", "chem", "ce", "hiero", "score", "syntaxhighlight", "source", "maplink"}
CLOSING_TAG = {name: re.compile(rf"</{name}\s*>", re.IGNORECASE) for name in DROPPED | NEEDED}
TAKEN = re.compile(rf"<({'|'.join(sorted(CLOSING_TAG))})\b([^<>]*)>", re.IGNORECASE)
MARKS = re.compile(r"\{\{|\}\}|^[ \t:]*\{\||^[ \t]*\|\}(?!\})", re.MULTILINE)
RAISED = re.compile(r"<(sup|sub)>([-+\d]{1,9})</\1>", re.IGNORECASE)
RAISE = {
    "sup": str.maketrans("0123456789+-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻"),
    "sub": str.maketrans("0123456789+-", "₀₁₂₃₄₅₆₇₈₉₊₋"),
}
TAG = re.compile(r"</?[a-zA-Z][^<>]{0,300}>")
SWITCH = re.compile(r"__[^\W\d_]{3,40}__")
# A page of another wiki or language, by its prefix: `[[de:Bern]]`.
INTERWIKI = re.compile(r"[a-z]{2,3}(?:-[a-z]{2,10})*|simple|wikt|commons|species")
LEFTOVER = re.compile(r"\{\{|\}\}|\{\||-\{|</?[a-zA-Z]|<!--")
LINK = re.compile(r"\[\[|\]\]")
OPENING = re.compile(rf"(?<=[(（])(?:[\s,;:،؛]{{0,9}}{HOLE})+[\s,;:،؛]{{0,9}}")
CLOSING = re.compile(rf"[\s,;:،؛]{{0,9}}{HOLE}(?=[\s{HOLE}]{{0,9}}[)）])")
SPACED = re.compile(rf"\s+{HOLE}+(?=[\s.,;:!?)،؛؟。、]|$)|(?:^|(?<=\s)){HOLE}+\s+")
QUOTES = re.compile("''+")  # of bold and italic letters, unpaired
EMPTY = re.compile(r"\s?[(（]\s*[)）]")


@dataclass(frozen=True)
class Wiki:
    """What one wiki calls things: its namespaces in small letters, and templates with a text.

    `templates` maps a template's name in small letters to the parameter that is its text.
    """

    hidden: frozenset[str] = frozenset({"file", "image", "category", "media"})
    namespaces: frozenset[str] = frozenset()
    templates: Mapping[str, str] = field(default_factory=dict)
    lists: bool = False
    headings: bool = False


def paragraphs(text: str, wiki: Wiki, title: str = "") -> list[str]:
    """Return the paragraphs of a page without markup, notes, tables and templates.

    A paragraph whose markup does not close, or that needs a formula to be read, is left out.
    """
    text = text.replace(HOLE, "").replace(GAP, "")
    found: list[str] = []
    heading = ""
    for kind, raw in _blocks(_without_blocks(text, wiki, title)):
        if (kind == "list" and not wiki.lists) or len(raw) > PARAGRAPH_LIMIT:
            continue
        plain = _plain(raw, wiki)
        if kind == "heading":
            heading = plain
        elif plain:
            found += [heading] if heading and wiki.headings else []
            found.append(plain)
            heading = ""
    return found


def _without_blocks(text: str, wiki: Wiki, title: str, depth: int = 0) -> str:
    text = _without_taken(_without_comments(text))
    made, start = [], 0
    for left, right in _outermost(text):
        made += [text[start:left], _template(text[left:right], wiki, title, depth)]
        start = right
    text = "".join([*made, text[start:]])
    text = RAISED.sub(lambda found: found[2].translate(RAISE[found[1].lower()]), text)
    return SWITCH.sub("", TAG.sub(_tag, text))


def _tag(tag: re.Match[str]) -> str:
    """Return what an HTML tag means for running text: a new paragraph, a space or nothing."""
    name = tag[0].strip("</>").partition(" ")[0].lower()
    return "\n\n" if name in ("p", "blockquote", "div", "poem") else " " if name == "br" else ""


def _without_comments(text: str) -> str:
    made, start = [], 0
    while (left := text.find("<!--", start)) >= 0 and (right := text.find("-->", left)) >= 0:
        made.append(text[start:left])
        start = right + 3
    return "".join([*made, text[start:]])


def _without_taken(text: str) -> str:
    """Take out elements whose content is no text of the page.

    A formula leaves a gap, and so does what is never closed: it may be the rest of the paragraph.
    """
    made, start = [], 0
    unclosed: set[str] = set()  # is looked for once: the time stays linear
    for tag in TAKEN.finditer(text):
        if tag.start() < start:
            continue
        name, end = tag[1].lower(), tag.end()
        fill = GAP if name in NEEDED else HOLE
        if not tag[2].rstrip().endswith("/"):
            closing = None if name in unclosed else CLOSING_TAG[name].search(text, end)
            unclosed |= set() if closing else {name}
            fill, end = (fill, closing.end()) if closing else (GAP, end)
        made += [text[start : tag.start()], fill]
        start = end
    return "".join([*made, text[start:]])


def _outermost(text: str) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of the templates and tables that stand in no other; one pass.

    What is never closed is no template; what stands in it is looked at by itself.
    """
    stack: list[tuple[str, int]] = []
    waiting: Counter[str] = Counter()
    found: list[tuple[int, int]] = []
    for mark in MARKS.finditer(text):
        sign = mark[0].strip(" \t:")
        if sign in ("{{", "{|"):
            stack.append((sign, mark.end() - len(sign)))
            waiting[sign] += 1
            continue
        opened = "{{" if sign == "}}" else "{|"
        while waiting[opened]:
            last, start = stack.pop()
            waiting[last] -= 1
            if last == opened:
                while found and found[-1][0] >= start:
                    found.pop()
                found.append((start, mark.end()))
                break
    yield from found


def _template(raw: str, wiki: Wiki, title: str, depth: int) -> str:
    """Return the text of a template, if the pack says that it has one, or of a magic word."""
    if raw.startswith("{|"):
        return "\n\n"
    name = raw[2:-2].partition("|")[0].strip().lower()
    if name in ("pagename", "subpagename", "fullpagename"):
        return title
    if name.startswith("formatnum:"):
        return name.removeprefix("formatnum:")
    wanted = wiki.templates.get(name.replace("_", " "))
    if not wanted or depth >= NESTED or len(raw) > TEMPLATE_LIMIT:
        return HOLE
    made = mwparserfromhell.parse(raw).filter_templates(recursive=False)
    if not made or not made[0].has(wanted):
        return HOLE
    return _without_blocks(str(made[0].get(wanted).value).strip(), wiki, title, depth + 1)


def _blocks(text: str) -> Iterator[tuple[str, str]]:
    """Yield (kind, text) of paragraphs, list items and headings; lines of a paragraph join."""
    lines: list[str] = []
    for line in [*text.split("\n"), ""]:
        bare = line.strip()
        if bare.startswith(HOLE):
            bare = bare.lstrip(f"{HOLE} ,.;:،؛")
        kind = _kind(bare)
        if kind == "prose":
            lines.append(bare)
            continue
        if lines:
            yield "prose", " ".join(lines)
            lines = []
        if kind == "heading":
            yield kind, bare.strip("=").strip()
        elif kind == "list":
            yield kind, bare.lstrip("*#:;").strip()


def _kind(line: str) -> str:
    if not line or line.startswith(("|", "!", "----")):
        return "none"
    if line.startswith("=") and line.rstrip(HOLE).endswith("=") and len(line) > 2:
        return "heading"
    return "list" if line.startswith(("*", "#", ":", ";")) else "prose"


def _plain(raw: str, wiki: Wiki) -> str:
    """Return a paragraph's text, or "" for one whose markup does not close or that has a gap."""
    if GAP in raw or LEFTOVER.search(raw) or not _closes(raw):
        return ""
    text = _rendered(mwparserfromhell.parse(raw), wiki)
    if LINK.search(text):
        return ""
    text = " ".join(text.split())
    text = SPACED.sub("", CLOSING.sub("", OPENING.sub("", text)))
    return " ".join(EMPTY.sub("", QUOTES.sub("", text.replace(HOLE, ""))).split())


def _closes(raw: str) -> bool:
    """Return whether every link closes, and nothing else would take the parser minutes."""
    depth = 0
    for mark in LINK.finditer(raw):
        depth += 1 if mark[0] == "[[" else -1
        if not 0 <= depth <= NESTED:
            return False
    few = raw.count("[") - raw.count("]") <= OPEN_LIMIT and raw.count("''") <= QUOTES_LIMIT
    return depth == 0 and few


def _rendered(code: mwparserfromhell.wikicode.Wikicode, wiki: Wiki) -> str:
    return "".join(_node(node, wiki) for node in code.nodes)


def _node(node: nodes.Node, wiki: Wiki) -> str:
    for kind, render in RENDER.items():
        if isinstance(node, kind):
            return render(node, wiki)
    return HOLE


def _link(node: nodes.Wikilink, wiki: Wiki) -> str:
    """Return what a link shows. Pictures, categories and links to other languages show nothing."""
    title = str(node.title).strip()
    prefix = title.removeprefix(":").partition(":")[0].strip().lower().replace("_", " ")
    foreign = INTERWIKI.fullmatch(prefix) and prefix not in wiki.namespaces and ":" in title
    if ":" in title and not title.startswith(":") and prefix in wiki.hidden:
        return HOLE
    if node.text is not None and str(node.text).strip():
        return _rendered(node.text, wiki)
    return HOLE if foreign and not title.startswith(":") else title.removeprefix(":")


def _outer_link(node: nodes.ExternalLink, wiki: Wiki) -> str:
    if node.title is None:
        return HOLE
    return _rendered(node.title, wiki)


def _style(node: nodes.Tag, wiki: Wiki) -> str:
    return _rendered(node.contents, wiki) if node.contents else ""


RENDER: dict[type[nodes.Node], Callable[[Any, Wiki], str]] = {
    nodes.Text: lambda node, wiki: str(node),
    nodes.Wikilink: _link,
    nodes.ExternalLink: _outer_link,
    nodes.Tag: _style,
    nodes.HTMLEntity: lambda node, wiki: html.unescape(str(node)),
    nodes.Template: lambda node, wiki: str(node),
    nodes.Argument: lambda node, wiki: str(node),
}
