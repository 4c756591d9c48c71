"""`lexicon`: lessons or glosses from a full-form table {form: {lemma, unimorph, DStichwort}}.

The format is that of `rumlem` (github.com/ZurichNLP/rumlem): parallel lists of lemma, UniMorph
tag and German gloss per form. A table of 60 MB is read entry by entry. With the role `lessons` a
sample of words is asked about; with the role `lexicon` every form is a record with its glosses.
"""

from __future__ import annotations

import hashlib
import heapq
import json
import re
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import Any, Literal, TextIO

from pydantic import Field

from locale_tune.api import Bad, Locale, Message, PackError, Record, Settings, Source
from locale_tune_corpus.fields import options_of
from locale_tune_corpus.lines import label, unusable

CHUNK = 1 << 20
ENTRY_LIMIT = 4 << 20
MOST_GLOSSES = 3
BETWEEN_GLOSSES = "; "  # what reads a lexicon splits here
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
    line: int = Field(default=0, description="line in the file of options, given by the host")


class LexiconOptions(Settings):
    """Templates and how many lessons to make with each; for a lexicon, the glosses' language."""

    templates: tuple[WordTemplate, ...] = ()
    each: int = Field(default=500, gt=0)
    gloss_lang: str = Field(default="", description="tag of the glosses' language")


def read_lexicon(source: Source, path: Path, locale: Locale) -> Iterator[Record | Bad]:
    """Yield up to `each` lessons per template, the same words on every run; or all glosses.

    Raises PackError when lessons are to be made without a template.
    """
    options = options_of(LexiconOptions, source)
    if source.role != "lexicon" and not options.templates:
        raise PackError(
            f"source '{source.id}' has no templates to make lessons with",
            'add [[sources.options.templates]], or say role = "lexicon" to use its glosses only',
        )
    if problem := unusable(path):
        yield Bad(label(source), problem)
        return
    made = _glosses if source.role == "lexicon" else _lessons
    yield from made(source, path, options)


def _glosses(source: Source, path: Path, options: LexiconOptions) -> Iterator[Record | Bad]:
    """Yield a record for every form with a gloss: text is the form, translation its glosses."""
    meta = {"translation_lang": options.gloss_lang}
    try:
        for form, entry in entries(path):
            glosses = dict.fromkeys(filter(None, map(str.strip, _strings(entry, "DStichwort"))))
            if form.strip() and glosses:
                yield Record(
                    id=f"{source.id}:{form}",
                    source=source.id,
                    lang=source.lang,
                    variety=source.variety,
                    text=form,
                    translation=BETWEEN_GLOSSES.join(glosses),
                    meta=meta,
                )
    except (ValueError, RecursionError) as error:
        yield _broken(source, error)


def _lessons(source: Source, path: Path, options: LexiconOptions) -> Iterator[Record | Bad]:
    samples: list[Sample] = [[] for _ in options.templates]
    try:
        for form, entry in entries(path):
            for number, template in enumerate(options.templates):
                if slots := _slots(form, entry, template.about):
                    _sample(samples[number], f"{number}:{form}", slots, options.each)
    except (ValueError, RecursionError) as error:
        yield _broken(source, error)
    for number, template in enumerate(options.templates):
        for _, key, slots in sorted(samples[number], key=lambda item: item[1]):
            yield _lesson(source, template, key, slots)


def _broken(source: Source, error: Exception) -> Bad:
    lost = error.lost if isinstance(error, BrokenOff) else 1
    return Bad(label(source), f"no table of words from here on: {error}", records=lost)


class BrokenOff(ValueError):
    """The rest of a table cannot be read: `lost` entries, by its bytes."""

    def __init__(self, why: Exception, lost: int) -> None:
        super().__init__(str(why))
        self.lost = lost


def _strings(entry: dict[str, Any], key: str) -> list[str]:
    found = entry.get(key)
    return [item for item in found if isinstance(item, str)] if isinstance(found, list) else []


def entries(path: Path) -> Iterator[Table]:
    """Yield (key, value) of one large JSON object without holding it. Raise BrokenOff."""
    count, done = 0, 1
    with path.open("rb") as raw, TextIOWrapper(raw, "utf-8") as file:
        try:
            for entry in _entries(file):
                count, done = count + 1, raw.tell()
                yield entry
        except (ValueError, RecursionError) as error:
            rest = count * (path.stat().st_size - done) // done
            raise BrokenOff(error, max(1, rest)) from error


def _entries(file: TextIO) -> Iterator[Table]:
    decoder = json.JSONDecoder()
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
    lemmas, glosses = _strings(entry, "lemma"), _strings(entry, "DStichwort")
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
