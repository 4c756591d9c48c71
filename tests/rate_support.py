"""Blind pages of a finished run, opened and filled in, for the tests of `rate`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lxml import html

from locale_tune.api import read_json, write_json
from locale_tune_release.rate_command import make_pages
from locale_tune_release.rate_items import FORMAT

PAIR = [{"prompt": "p", "lang": "rm", "direction": "ltr", "before": "b", "after": "a"}]


def opened(path: Path) -> Any:
    from locale_tune.api import open_run

    return open_run(path)


def pages(run: Any, raters: int = 1) -> list[Any]:
    list(make_pages(run, raters))
    return [
        html.document_fromstring((run.path / "rate" / f"page-{number}.html").read_bytes().decode())
        for number in range(1, raters + 1)
    ]


def filled(run: Any, path: Path, number: int = 1, choice: str = "A", **more: Any) -> Path:
    """Write the answers that page `number` would save, with one choice for all items."""
    key = read_json(run.path / "rate" / "key.json")
    name = next(name for name, page in key["pages"].items() if page["rater"] == number)
    answers = [{"item": item, "choice": choice} for item in key["pages"][name]["items"]]
    write_json(path, {"format": FORMAT, "page": name, "rater": "", "answers": answers, **more})
    return path
