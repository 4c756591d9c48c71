"""Options of `templates`: the phrasings, the words for labels, and what can never work in them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Literal, NoReturn

from pydantic import Field

from locale_tune.api import Listing, PackError, Settings, Source, did_you_mean, slots_of
from locale_tune_corpus.fields import RowOptions
from locale_tune_corpus.tables import TableShape

OF_CHOICES = {"choices", "answer", "mark"}
Words = Mapping[str, Mapping[str, str]]


class Template(Settings):
    """One phrasing of a task, with `{column}`, `{choices}`, `{answer}` and `{mark}`."""

    task: str = Field(min_length=1)
    ask: str = Field(min_length=1)
    say: str = Field(min_length=1)
    values: dict[str, dict[str, str]] = Field(default={}, description="words of this phrasing only")
    listing: Listing | None = Field(default=None, description="how this phrasing lists choices")
    line: int = Field(default=0, description="line in the file of options, given by the host")

    def slots(self) -> set[str]:
        """Return all names in braces. Raise ValueError where the braces are not right."""
        return {*slots_of(self.ask), *slots_of(self.say)}


class TemplateOptions(RowOptions, TableShape):
    """How the rows are written, what becomes of their values, and the phrasings."""

    rows: Literal["jsonl", "json", "csv", "tsv", "parquet"]
    templates: tuple[Template, ...] = Field(min_length=1)
    values: dict[str, dict[str, str]] = Field(default={}, description="column: value: word for it")
    extract: dict[str, str] = Field(default={}, description="column: regular expression, one group")
    listing: Listing = Listing()
    digits: str = Field(default="", description="ten digits to write numbers with, from zero")

    def words(self, template: Template) -> Words:
        """Return the words for values of columns that a phrasing uses."""
        return {**self.values, **template.values}

    def label_words(self, template: Template) -> Mapping[str, str]:
        """Return the words for labels, where these are the choices."""
        own = template.values.get(self.answer, {})
        if own or self.choices or self.fixed_choices:
            return own
        return self.values.get(self.answer, {})

    def has_choices(self, template: Template) -> bool:
        """Whether a row has choices in this phrasing."""
        offered = bool(self.choices or self.fixed_choices or self.label_words(template))
        return bool(self.answer) and offered

    def needs(self, template: Template) -> set[str]:
        """Return the columns that a phrasing is poured from."""
        slots = template.slots()
        if self.has_choices(template):
            return slots - OF_CHOICES | ({self.answer} if slots & OF_CHOICES else set())
        if self.answer and "answer" in slots:
            return slots - {"answer"} | {self.answer}
        return slots

    def columns(self) -> set[str]:
        """Return every column that is read."""
        own = {self.answer, *self.keep, *self.skip, *self.extract}
        own |= {self.choices} if isinstance(self.choices, str) else set(self.choices)
        for name in (self.group, self.variety):
            own |= set(slots_of(name)) if "{" in name else {name}
        return own.union(*(self.needs(template) for template in self.templates)) - {""}


class Checked:
    """Says what is wrong with the options of a source, with the template and its line."""

    def __init__(self, source: Source, options: TemplateOptions) -> None:
        """Raise PackError for what cannot work with any row."""
        self.source, self.options = source, options
        if source.role != "lessons":
            problem = f"source '{source.id}' (templates) has the role '{source.role}'"
            raise PackError(problem, 'its role is "lessons"; a test is read with the kind "jsonl"')
        if options.digits and len(options.digits) != 10:
            self._wrong("option 'digits' has not ten digits", 'digits = "٠١٢٣٤٥٦٧٨٩"')
        for column, pattern in options.extract.items():
            self._check_pattern(column, pattern)
        for number in range(len(options.templates)):
            self._check_template(number)

    def with_columns(self, known: set[str], rows: int) -> None:
        """Raise PackError for a template with a column that none of the first `rows` has."""
        for number, template in enumerate(self.options.templates):
            for name in sorted(self.options.needs(template) - known):
                remedy = did_you_mean(name, known) or f"there are {', '.join(sorted(known))}"
                self._wrong(f"none of the first {rows} rows has '{name}'", remedy, number)

    def _check_pattern(self, column: str, pattern: str) -> None:
        remedy = "write one with one group in parentheses, such as '#### (.+)'"
        try:
            groups = re.compile(pattern).groups
        except re.error as error:
            self._wrong(f"extract '{column}' is no regular expression: {error}", remedy)
        if groups != 1:
            self._wrong(f"extract '{column}' has {groups} groups", remedy)

    def _check_template(self, number: int) -> None:
        template = self.options.templates[number]
        listing = template.listing or self.options.listing
        try:
            slots, item = template.slots(), set(slots_of(listing.item))
        except ValueError as error:
            self._wrong(str(error), 'write a new line as it is, between """ and """', number)
        if not slots:
            self._wrong("nothing is filled in", "name a column in braces, as in {word}", number)
        if slots & {"choices", "mark"} and not self.options.has_choices(template):
            remedy = "name 'answer', and 'choices', 'fixed_choices' or the answer's 'values'"
            self._wrong("there are no choices to list", remedy, number)
        if "choice" not in item or item - {"choice", "mark"}:
            self._wrong(f"the listing's item is {listing.item!r}", 'item = "- {choice}"', number)
        marked = slots | (item if "choices" in slots else set())
        if "mark" in marked and not listing.marks:
            self._wrong("{mark} stands for nothing", 'marks = ["a", "b", "c", "d"]', number)

    def _wrong(self, problem: str, remedy: str, number: int | None = None) -> NoReturn:
        named, file = f"source '{self.source.id}'", self.source.options_file
        if number is not None:
            template = self.options.templates[number]
            named = f"template {number + 1} ('{template.task}') of {named}"
            file += f":{template.line}" if file and template.line else ""
        raise PackError(f"{named}: {problem}", remedy, file)


def known_columns(rows: Iterable[Mapping[str, object]]) -> set[str]:
    """Return the names that at least one row has."""
    return {name for row in rows for name in row}
