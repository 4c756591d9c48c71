"""`pydoc`: English prose from the help topics that come with every Python (PSF-2.0).

Replay text that is always there: a little of what the base model knew, against forgetting.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from locale_tune.api import Bad, Locale, Record, Settings, Source
from locale_tune_corpus.fields import options_of
from locale_tune_corpus.lines import label

FILE_LIMIT = 16 << 20
CODE = re.compile(r"::=|>>>|^\s*[-+|=*]{4,}\s*$|^class \S+\(|^\S+\.\S*\(.*\)$", re.MULTILINE)
LEAST = 80


def read_pydoc(source: Source, path: Path, locale: Locale) -> Iterator[Record | Bad]:
    """Yield one record per topic: its flush-left paragraphs of prose, without code or grammar.

    The file is parsed, never executed.
    """
    options_of(Settings, source)
    try:
        topics = _topics(path)
    except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
        yield Bad(label(source), f"no dictionary of topics: {error}")
        return
    for name, text in topics.items():
        if prose := "\n\n".join(_prose(text)):
            yield Record(
                id=f"{source.id}:{name}",
                source=source.id,
                lang=source.lang,
                variety=source.variety,
                text=prose,
                meta={"where": f"{label(source)}:{name}", "group": f"pydoc-{name}"},
            )


def _topics(path: Path) -> dict[str, str]:
    if path.stat().st_size > FILE_LIMIT:
        raise ValueError("the file is too long")
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign):
            value = ast.literal_eval(node.value)
            if isinstance(value, dict):
                return {str(key): str(text) for key, text in value.items()}
    raise ValueError("nothing is assigned")


def _prose(text: str) -> Iterator[str]:
    for block in text.split("\n\n"):
        flush_left = not any(line[:1] in (" ", "*", "+", "|") for line in block.splitlines())
        if flush_left and not CODE.search(block) and len(block) >= LEAST:
            yield " ".join(block.split())
