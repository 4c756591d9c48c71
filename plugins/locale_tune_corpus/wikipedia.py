"""`wikipedia`: the articles of a MediaWiki dump (pages-articles), plain or packed with bzip2.

The dump is cut at `<page>` and `</page>`, which can stand in no text of it, and each page is parsed
alone. So memory holds one page, a damaged page costs itself only, and no page can declare an
entity: a document type would have to stand before it.
"""

from __future__ import annotations

import bz2
from collections.abc import Iterator, Mapping
from pathlib import Path
from xml.etree import ElementTree as ET

from pydantic import Field

from locale_tune.api import Bad, Locale, Record, Settings, Source
from locale_tune_corpus.fields import options_of
from locale_tune_corpus.lines import label, unusable
from locale_tune_corpus.text import document
from locale_tune_corpus.wikitext import Wiki, paragraphs

CHUNK = 1 << 20
PAGE_LIMIT = 8 << 20  # MediaWiki's own limit is 2 MB of text
# Namespaces that show pictures or sort pages, by their numbers on every wiki.
HIDDEN = {"-2", "6", "14"}
CANONICAL = {"file", "image", "category", "media"}
# What may not stand in XML becomes a byte that may not stand in UTF-8, and so U+FFFD.
CONTROL = bytes(0xFF if byte < 32 and byte not in b"\t\n\r" else byte for byte in range(256))


class WikipediaOptions(Settings):
    """What of an article is kept beside its paragraphs."""

    lists: bool = Field(default=False, description="keep the items of lists, one a line")
    headings: bool = Field(default=False, description="keep headings that have text under them")
    templates: dict[str, str] = Field(
        default={}, description="templates that stand for the text of one parameter"
    )


Part = tuple[int, bytes, str]


def read_wikipedia(source: Source, path: Path, locale: Locale) -> Iterator[Record | Bad]:
    """Yield a record per article: no redirects, no other namespaces, the newest revision.

    Bad are damaged pages, pages over `PAGE_LIMIT` bytes, and the end of a dump that was cut off.
    """
    options = options_of(WikipediaOptions, source)
    wiki = _wiki(options, {})
    for line, raw, problem in _parts(path):
        where, shown = f"{label(source)}:{line}", raw[:200].decode("utf-8", "replace")
        if problem:
            yield Bad(where, problem, shown)
            continue
        try:
            element = ET.fromstring(raw.translate(CONTROL).decode("utf-8", "replace"))
            if element.tag == "siteinfo":
                wiki = _wiki(options, _namespaces(element))
            elif item := _article(source, line, element, wiki):
                yield item
        except ET.ParseError as error:
            yield Bad(where, f"not XML: {error}", shown)
        except (RecursionError, ValueError) as error:
            yield Bad(where, f"wikitext that cannot be read: {error}", shown)


def _article(source: Source, line: int, page: ET.Element, wiki: Wiki) -> Record | Bad | None:
    revisions = page.findall("revision")
    if page.findtext("ns", "0") != "0" or page.find("redirect") is not None or not revisions:
        return None
    if revisions[-1].findtext("model", "wikitext") != "wikitext":
        return None
    title, text = page.findtext("title", ""), revisions[-1].findtext("text", "")
    if "\ufffd" in text + title:
        return Bad(f"{label(source)}:{line}", "bytes that are no text", title)
    group = f"{source.id}-{page.findtext('id', str(line))}"
    if found := paragraphs(text, wiki, title):
        return document(source, line, "\n".join(found), group=group, title=title)
    return None


def _wiki(options: WikipediaOptions, namespaces: Mapping[str, str]) -> Wiki:
    """Return what this wiki calls things. `namespaces` maps a name in small letters to its key."""
    return Wiki(
        hidden=frozenset(CANONICAL | {name for name, key in namespaces.items() if key in HIDDEN}),
        namespaces=frozenset(namespaces),
        templates={
            name.lower().replace("_", " "): text for name, text in options.templates.items()
        },
        lists=options.lists,
        headings=options.headings,
    )


def _namespaces(site: ET.Element) -> dict[str, str]:
    found = site.iter("namespace")
    return {(item.text or "").strip().lower(): item.get("key", "") for item in found}


def _parts(path: Path) -> Iterator[Part]:
    """Yield (line, bytes, problem) of the site's description and of every page."""
    if not path.is_file():
        yield 0, b"", unusable(path)
        return
    with path.open("rb") as head:
        packed = head.read(3) == b"BZh"
    if not packed and (problem := unusable(path)):
        yield 0, b"", problem
        return
    cutter = Cutter()
    with bz2.open(path) if packed else path.open("rb") as file:
        try:
            # read1: what can be unpacked comes before the error of a file that was cut off
            while chunk := file.read1(CHUNK):
                yield from cutter.feed(chunk)
        except (EOFError, OSError) as error:
            yield cutter.line, b"", f"the dump cannot be unpacked from here on: {error}"
            return
    yield from cutter.end()


class Cutter:
    """Cuts a stream of bytes into `<siteinfo>` and `<page>` elements; holds one of them at most."""

    def __init__(self) -> None:
        self.line = 1  # of the byte at `_at`
        self._data = b""
        self._at = 0
        self._tag = b""
        self._began = 0
        self._long = False

    def feed(self, chunk: bytes) -> Iterator[Part]:
        """Take more bytes; yield the elements that end in them."""
        self._data, self._at = self._data[self._at :] + chunk, 0
        while part := self._next():
            yield part

    def end(self) -> Iterator[Part]:
        """Yield what is missing at the end of the stream."""
        if self._tag:
            yield self._began, self._data[self._at :], "the dump ends within this page"
        elif b"</mediawiki>" not in self._data[self._at :]:
            yield self.line, b"", "the dump ends without </mediawiki>: it was cut off"

    def _next(self) -> Part | None:
        if not self._tag and not self._open():
            return None
        size = len(self._data)
        body = self._at if self._long else self._at + len(self._tag)
        end = self._data.find(b"</" + self._tag[1:], body)
        another = self._data.find(b"<page>", body, end if end >= 0 else size)
        if another >= 0:
            return self._cut(another, "the page is not closed")
        if end >= 0:
            return self._cut(end + len(self._tag) + 1)
        if size - self._at > PAGE_LIMIT:
            self._long = True
            self._go(size - len("</siteinfo>"))
        return None

    def _open(self) -> bool:
        """Go to the next opening tag; else to the end, where half of one may stand."""
        places = {self._data.find(tag, self._at): tag for tag in (b"<page>", b"<siteinfo>")}
        place = min((place for place in places if place >= 0), default=-1)
        if place < 0:
            self._go(max(self._at, len(self._data) - len("</mediawiki>\n\n")))
            return False
        self._go(place)
        self._tag, self._began, self._long = places[place], self.line, False
        return True

    def _cut(self, to: int, problem: str = "") -> Part:
        raw = self._data[self._at : to]
        if self._long or len(raw) > PAGE_LIMIT:
            raw, problem = raw[:200], f"a page longer than {PAGE_LIMIT >> 20} MB"
        self._go(to)
        self._tag = b""
        return self._began, raw, problem

    def _go(self, to: int) -> None:
        self.line += self._data.count(b"\n", self._at, to)
        self._at = to
