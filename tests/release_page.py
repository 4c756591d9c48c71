"""Read a report page as tests need it: text nodes, their language marks, the table of results."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lxml import html
from release_support import Build

from locale_tune_release import run_release

SHELL = ("html", "head", "body")


def released(build: Build) -> Path:
    job = build.job()
    run_release(job)
    return job.out


def page_of(build: Build) -> Any:
    return html.document_fromstring((released(build) / "report.html").read_bytes().decode())


def text_nodes(page: Any) -> Iterator[tuple[Any, str]]:
    """Yield (element that holds it, text) for every text node outside style."""
    for element in page.iter():
        if not isinstance(element.tag, str) or element.tag == "style":
            continue
        if element.text:
            yield element, element.text
        if element.tail and element.getparent() is not None:
            yield element.getparent(), element.tail


def marked(element: Any) -> tuple[str, str]:
    """Return lang and dir of the nearest element below <html> that has a lang."""
    while element is not None and element.tag not in SHELL:
        if element.get("lang"):
            return element.get("lang"), element.get("dir", "")
        element = element.getparent()
    return "", ""


def text_of(element: Any) -> str:
    return " ".join(" ".join(element.itertext()).split())


def results(page: Any) -> dict[str, list[str]]:
    rows = page.xpath("//table[@class='results']/tbody/tr[not(@class)]")
    return {text_of(row[0]): [text_of(cell) for cell in row[1:]] for row in rows}


def section(build: Build) -> Any:
    """Release the build; return the tokenizer section of its page."""
    return page_of(build).xpath("//section[@id='tokenizer']")[0]


def table(part: Any, caption: str) -> list[list[str]]:
    """Return the texts of a table's body, row by row; [] when there is no such table."""
    found = part.xpath(f".//table[caption[starts-with(normalize-space(.), '{caption}')]]")
    return [
        [text_of(cell) for cell in row] for row in (found[0].xpath("./tbody/tr") if found else [])
    ]


def headings(part: Any) -> list[str]:
    """Return the headings inside a section."""
    return [text_of(heading) for heading in part.xpath("./h3|./div/div/h3")]
