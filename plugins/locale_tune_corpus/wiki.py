"""`wikiextractor`: the <doc> blocks that WikiExtractor makes of a Wikipedia dump."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path

from locale_tune.api import Bad, Locale, Record, Settings, Source
from locale_tune_corpus.fields import options_of
from locale_tune_corpus.lines import Line, bad_line, read_lines
from locale_tune_corpus.text import BLOCK_LIMIT, document

HEAD = re.compile(r'<doc id="([^"]*)"[^>]*?title="([^"]*)"')
TAG = re.compile(r"</?[a-zA-Z][^<>]{0,300}>")
EMPTY_BRACKETS = re.compile(r" ?\((?:[\s,;]|Bild:|audio)*\)")


def read_wikiextractor(source: Source, path: Path, locale: Locale) -> Iterator[Record | Bad]:
    """Yield the articles of a WikiExtractor file (github.com/attardi/wikiextractor).

    The title line that it repeats at the top stays out of the text, in meta["title"], and so do
    the tags and empty brackets it leaves where it removed a template.
    """
    options_of(Settings, source)
    for head, body, problem in _blocks(path):
        if problem:
            yield bad_line(source, head, problem)
        else:
            yield from _article(source, head, body)


def _blocks(path: Path) -> Iterator[tuple[Line, list[str], str]]:
    """Yield (first line, lines, problem) per <doc>; a document with a bad line is one problem.

    Text before, between and after the documents is one problem too, at its first line: it may
    be an article whose <doc> is damaged.
    """
    head: Line | None = None
    body: list[str] = []
    size, problem, outside = 0, "", False
    for line in read_lines(path):
        starts, ends = line.text.startswith("<doc id="), line.text.startswith("</doc>")
        if head and (starts or ends):
            yield head, body, problem or ("" if ends else "the document has no </doc>")
            head, outside = None, False
            if ends:
                continue
        if starts:
            head, body, size, problem, outside = line, [], 0, line.problem, False
        elif head:
            size += len(line.text)
            if line.problem or size > BLOCK_LIMIT:
                problem = problem or f"line {line.number}: {line.problem or 'document too long'}"
            if not problem:
                body.append(line.text)
        elif (line.problem or line.text.strip()) and not outside:
            yield line, [], line.problem or "text outside of any <doc>"
            outside = True
    if head:
        yield head, body, problem or "the document has no </doc>"


def _article(source: Source, head: Line, body: list[str]) -> Iterator[Record | Bad]:
    found = HEAD.match(head.text)
    if not found:
        yield bad_line(source, head, "no id and title in <doc>")
        return
    try:
        title = html.unescape(found[2])
        lines = [_plain(line) for line in body]
    except ValueError:  # int() takes no more than 4300 digits
        yield bad_line(source, head, "a number of thousands of digits in &#...;")
        return
    if lines and lines[0] == title:
        del lines[0]
    if text := "\n".join(line for line in lines if line):
        yield document(source, head.number, text, group=f"{source.id}-{found[1]}", title=title)


def _plain(line: str) -> str:
    return EMPTY_BRACKETS.sub("", TAG.sub("", html.unescape(line))).strip()
