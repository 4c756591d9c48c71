"""`templates`: lessons poured from the rows of a data set into phrasings that a pack wrote.

After FLAN (Wei et al. 2022, arXiv:2109.01652): several phrasings for each task, some of them turned
round so that the input is written for an answer, and one of them for each row. The phrasings are
in the language, and so are the words for labels and the way choices are listed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from locale_tune.api import Bad, Listing, Locale, Message, Record, Source, Span, did_you_mean, fill
from locale_tune_corpus.cells import Row, Unreadable, kind_of
from locale_tune_corpus.choices import choices_of, shuffled
from locale_tune_corpus.fields import Placed, options_of, tidied
from locale_tune_corpus.jsonl import rows_of_json, rows_of_jsonl
from locale_tune_corpus.parquet import row_group_spans, rows_of_parquet
from locale_tune_corpus.parts import line_spans
from locale_tune_corpus.tables import CSV, TSV, rows_of_table
from locale_tune_corpus.template_options import (
    OF_CHOICES,
    Checked,
    Template,
    TemplateOptions,
    Words,
    known_columns,
)

HEAD = 100  # rows that tell which columns there are
SHOWN = 40


def read_templates(
    source: Source, path: Path, locale: Locale, span: Span | None = None
) -> Iterator[Record | Bad]:
    """Yield a lesson for each row and task, or Bad with `file:line` for a row that has not all.

    Raise PackError for templates that no row can fill, and for another role than `lessons`: what
    the model is tested on is never poured into lessons.
    """
    options = options_of(TemplateOptions, source)
    checked, pourer = Checked(source, options), Pourer(source, options)
    head = [item for item in islice(pourer.rows(path), HEAD) if isinstance(item, Placed)]
    if head:
        checked.with_columns(known_columns(map(pourer.whole, head)), len(head))
    for item in pourer.rows(path, span):
        if isinstance(item, Bad):
            yield item
        else:
            yield from pourer.lessons(item)


def cut_templates(source: Source, path: Path, size: int) -> tuple[Span, ...]:
    """Return the spans to read a large file in, where its kind of rows has them."""
    options = options_of(TemplateOptions, source)
    Checked(source, options)
    if options.rows == "parquet":
        return row_group_spans(path, Pourer(source, options).heads(), size)
    return line_spans(path, size) if options.rows == "jsonl" else ()


class Choices(NamedTuple):
    """The choices of a row, and which is right."""

    texts: tuple[str, ...]
    right: int


class Pourer:
    """Pours the rows of one source into its templates."""

    def __init__(self, source: Source, options: TemplateOptions) -> None:
        self.source, self.options = source, options
        self._columns = options.columns()
        self._digits = str.maketrans(dict(zip("0123456789", options.digits, strict=False)))
        self._tasks: dict[str, list[Template]] = {}
        for template in options.templates:
            self._tasks.setdefault(template.task, []).append(template)

    def rows(self, path: Path, span: Span | None = None) -> Iterator[Placed | Bad]:
        """Yield the rows of the file, or of a span of it."""
        kind, source = self.options.rows, self.source
        if kind == "jsonl":
            return rows_of_jsonl(source, path, span)
        if kind == "json":
            return rows_of_json(source, path)
        if kind == "parquet":
            return rows_of_parquet(source, path, self.heads(), span)
        usual = CSV if kind == "csv" else TSV
        return rows_of_table(source, path, self.options, self._columns, usual)

    def heads(self) -> set[str]:
        """Return the columns that hold what is read: of `answers.text.0` it is `answers`."""
        return {head for name in self._columns for head in (name, name.partition(".")[0])}

    def whole(self, item: Placed) -> dict[str, Any]:
        """Return a row with what stands deeper in it under its path, and with its number."""
        row = {**item.row, "#": str(item.number)}
        for name in self._columns - row.keys():
            try:
                row[name] = _deeper(row, name)
            except (KeyError, IndexError, TypeError, ValueError):
                continue
        return row

    def lessons(self, item: Placed) -> Iterator[Record | Bad]:
        """Yield a row's lesson of each task: all of them, none, or the reason why not."""
        identity = f"{self.source.id}:{item.where.rpartition(':')[2]}"
        try:
            row = tidied(self.whole(item), self.options, item.number)
            tasks = self._tasks if row else ()
            yield from [self._lesson(row, task, identity, item.where) for task in tasks]
        except Unreadable as problem:
            yield Bad(item.where, str(problem), str(dict(item.row))[:200])

    def _lesson(self, row: Row, task: str, identity: str, where: str) -> Record:
        """Return a row's lesson of a task, in the phrasing that its identity decides."""
        nth = _hash(identity, task) % len(self._tasks[task])
        ask, say = self._poured(row, self._tasks[task][nth], identity)
        group, variety = self.options.group, self.options.variety
        return Record(
            id=f"{identity}~{task}",
            source=self.source.id,
            lang=self.source.lang,
            variety=self._plain(row, variety) if variety else self.source.variety,
            messages=(
                Message(role="user", content=ask),
                Message(role="assistant", content=say),
            ),
            meta={
                "where": where,
                "group": self._plain(row, group) if group else identity,
                "task": task,
                "template": f"{task}.{nth + 1}",
            },
        )

    def _poured(self, row: Row, template: Template, identity: str) -> tuple[str, str]:
        options = self.options
        choices = self._choices(row, template, identity)
        listing, words = template.listing or options.listing, options.words(template)

        def value(name: str) -> str:
            if choices and name in OF_CHOICES:
                return _of_choices(name, choices, listing)
            return self._text(row, (name == "answer" and options.answer) or name, words)

        return fill(template.ask, value).strip(), fill(template.say, value).strip()

    def _choices(self, row: Row, template: Template, identity: str) -> Choices | None:
        """Return a row's choices: the words for its labels, or those that the row offers."""
        options = self.options
        if not (options.has_choices(template) and template.slots() & OF_CHOICES):
            return None
        if not (words := options.label_words(template)):
            offered, right = choices_of(row, options, identity)
            return Choices(tuple(text.translate(self._digits) for text in offered), right)
        texts = tuple(dict.fromkeys(words.values()))
        right = texts.index(self._text(row, options.answer, options.words(template)))
        return (
            Choices(*shuffled(texts, right, identity)) if options.shuffle else Choices(texts, right)
        )

    def _text(self, row: Row, name: str, words: Words) -> str:
        """Return what a column says in the language: the word for it, or its own digits."""
        value = self._plain(row, name)
        if name not in words:
            return value.translate(self._digits)
        if value not in words[name]:
            raise Unreadable(f"there is no word for {value[:SHOWN]!r} of field '{name}'")
        return words[name][value]

    def _plain(self, row: Row, name: str) -> str:
        """Return what a column says, or a group's phrasing filled. Raise Unreadable for nothing."""
        if "{" in name:
            return fill(name, lambda slot: self._plain(row, slot))
        if name not in row:
            raise Unreadable(f"no field '{name}'; {did_you_mean(name, row)}".removesuffix("; "))
        value = row[name]
        if isinstance(value, int):  # true and false too, as JSON writes them
            value = str(value).lower()
        if not isinstance(value, str):
            raise Unreadable(f"field '{name}' is {kind_of(value)}, not text")
        if not (value := self._extracted(name, value.strip())):
            raise Unreadable(f"field '{name}' is empty")
        return value

    def _extracted(self, name: str, value: str) -> str:
        pattern = self.options.extract.get(name)
        if pattern is None:
            return value
        if not (found := re.search(pattern, value)):
            raise Unreadable(f"field '{name}' has nothing that its pattern finds")
        return (found[1] or "").strip()


def _of_choices(name: str, choices: Choices, listing: Listing) -> str:
    try:
        if name == "answer":
            return choices.texts[choices.right]
        return listing.of(choices.texts) if name == "choices" else listing.mark(choices.right)
    except ValueError as problem:
        raise Unreadable(str(problem)) from None


def _deeper(row: Any, path: str) -> Any:
    for part in path.split("."):
        row = row[int(part)] if isinstance(row, list) else row[part]
    return row


def _hash(*words: str) -> int:
    return int.from_bytes(hashlib.sha256("\0".join(words).encode()).digest()[:8], "big")
