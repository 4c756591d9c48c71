"""`lexicon`: lessons on words from a full-form table {form: {lemma, unimorph, DStichwort}}.

The format is that of `rumlem` (github.com/ZurichNLP/rumlem): parallel lists of lemma, UniMorph
tag and German gloss per form. A table of 60 MB is read entry by entry, and a sample is kept.
"""

from __future__ import annotations

import hashlib
import heapq
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from locale_tune.api import Bad, Locale, Message, Record, Settings, Source
from locale_tune_corpus.fields import options_of
from locale_tune_corpus.lines import label, unusable

CHUNK = 1 << 20
ENTRY_LIMIT = 4 << 20
MOST_GLOSSES = 3
PLAIN = re.compile(r"[^\W\d_]+(?: [^\W\d_]+)*")
BETWEEN, COLON = re.compile(r"[\s,]*"), re.compile(r"\s*:\s*")
Table = tuple[str, dict[str, Any]]
Sample = list[tuple[int, str, dict[str, str]]]


class WordTemplate(Settings):
    """A lesson's two sides with {form}, {lemma} and {gloss}.

    `about` says what is asked of which forms: the `gloss` of a base form, the `word` for a gloss,
    or the `base` form of an inflected one.
    """

    about: Literal["gloss", "word", "base"]
    ask: str
    say: str


class LexiconOptions(Settings):
    """Templates, and how many lessons to make with each."""

    templates: tuple[WordTemplate, ...]
    each: int = Field(default=500, gt=0)


def read_lexicon(source: Source, path: Path, locale: Locale) -> Iterator[Record | Bad]:
    """Yield up to `each` lessons per template, the same words on every run."""
    options = options_of(LexiconOptions, source)
    if problem := unusable(path):
        yield Bad(label(source), problem)
        return
    samples: list[Sample] = [[] for _ in options.templates]
    try:
        for form, entry in entries(path):
            for number, template in enumerate(options.templates):
                if slots := _slots(form, entry, template.about):
                    _sample(samples[number], f"{number}:{form}", slots, options.each)
    except (ValueError, RecursionError) as error:
        yield Bad(label(source), f"no table of words from here on: {error}")
    for number, template in enumerate(options.templates):
        for _, key, slots in sorted(samples[number], key=lambda item: item[1]):
            yield _lesson(source, template, key, slots)


def entries(path: Path) -> Iterator[Table]:
    """Yield (key, value) of one large JSON object without holding it. Raise ValueError."""
    decoder = json.JSONDecoder()
    with path.open(encoding="utf-8") as file:
        text, at = file.read(CHUNK), 0
        if not (opening := re.match(r"\ufeff?\s*\{", text)):
            raise ValueError("the file is not a JSON object")
        at = opening.end()
        while True:
            at = _skip(BETWEEN, text, at)
            try:
                key, colon = decoder.raw_decode(text, at)
                value, end = decoder.raw_decode(text, _skip(COLON, text, colon))
            except json.JSONDecodeError:
                if text.startswith("}", at):
                    return
                more = file.read(CHUNK)
                if not more or len(text) - at > ENTRY_LIMIT:
                    raise ValueError(f"an entry breaks off after {text[at : at + 40]!r}") from None
                text, at = text[at:] + more, 0
                continue
            at = end
            yield str(key), value if isinstance(value, dict) else {}


def _skip(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at


def _slots(form: str, entry: dict[str, Any], about: str) -> dict[str, str] | None:
    """Return what fills a template for this form, or None when the form does not suit it."""
    lemmas = [lemma for lemma in entry.get("lemma") or [] if isinstance(lemma, str)]
    glosses = [gloss for gloss in entry.get("DStichwort") or [] if isinstance(gloss, str)]
    if len(set(lemmas)) != 1 or not glosses or not PLAIN.fullmatch(form):
        return None
    lemma, distinct = lemmas[0], list(dict.fromkeys(glosses))
    if any(gloss.casefold() == form.casefold() for gloss in distinct):
        return None  # a name or a loan: nothing to learn, and the table has lost its capital
    fits = {
        "gloss": form == lemma,
        "word": form == lemma and len(distinct) == 1 and bool(PLAIN.fullmatch(distinct[0])),
        "base": form != lemma,
    }
    if not fits[about]:
        return None
    return {"form": form, "lemma": lemma, "gloss": ", ".join(distinct[:MOST_GLOSSES])}


def _sample(heap: Sample, key: str, slots: dict[str, str], most: int) -> None:
    """Keep the `most` keys with the smallest hashes: a sample that depends on no order."""
    rank = -int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big")
    if len(heap) < most:
        heapq.heappush(heap, (rank, key, slots))
    elif rank > heap[0][0]:
        heapq.heapreplace(heap, (rank, key, slots))


def _lesson(source: Source, template: WordTemplate, key: str, slots: dict[str, str]) -> Record:
    return Record(
        id=f"{source.id}:{key}",
        source=source.id,
        lang=source.lang,
        variety=source.variety,
        messages=(
            Message(role="user", content=template.ask.format_map(slots)),
            Message(role="assistant", content=template.say.format_map(slots)),
        ),
        meta={"where": f"{label(source)}:{slots['form']}"},
    )
