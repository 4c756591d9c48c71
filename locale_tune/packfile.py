"""Read pack.toml into a LanguagePack; every mistake is a sentence with file and line."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from pydantic import BaseModel, ValidationError

from locale_tune import labels
from locale_tune.errors import PackError, PackErrors, did_you_mean
from locale_tune.licences import NO_STATEMENT
from locale_tune.schema import Bound, LanguagePack, Locale, Source
from locale_tune.toml_lines import Place, controls, line_numbers, line_of

FILE = "pack.toml"
TOP = ("locale", "pack", "ui", "settings", "sources", "bounds")
PACK_KEYS = ("base_model", "stages", "filters", "prompts", "licence", "authors", "code", "version")
SCHEMES = ("https", "npm", "pypi", "hub", "package", "mirror", "data")
PINNED = ("https", "npm", "pypi", "mirror")
RTL_SCRIPTS = ("Arab", "Hebr", "Syrc", "Thaa", "Nkoo", "Adlm")
HUB = re.compile(r"^hub:[^/@#]+/[^/@#]+@[0-9a-f]{40}#.+$")
PACKAGE_URIS = {
    "npm": re.compile(r"^npm:(@[a-z0-9._-]+/)?[A-Za-z0-9][A-Za-z0-9._-]*@[0-9][0-9A-Za-z.+-]*#.+$"),
    "pypi": re.compile(r"^pypi:[A-Za-z0-9][A-Za-z0-9._-]*==[0-9][0-9A-Za-z.+!-]*#.+$"),
}
TAG = re.compile(r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")
EXPECTED = {
    "string_type": "a text in quotes",
    "bool_type": "true or false, without quotes",
    "int_type": "a whole number",
    "float_type": "a number",
    "tuple_type": 'a list: ["...", "..."]',
    "dict_type": "a table",
}


class Mistake(NamedTuple):
    """One mistake: where in the file, what is wrong, what to write instead."""

    place: Place
    problem: str
    remedy: str


def read_pack(root: Path, distribution: str = "", version: str = "") -> LanguagePack:
    """Read the pack in folder `root`. Raise PackErrors with every mistake, or PackError."""
    path = root / FILE
    text = _text(path)
    raw = _toml(text, path)
    lines = line_numbers(text)
    mistakes = list(_wrong_shapes(raw))
    if not mistakes:
        mistakes = [*_unknown_tables(raw), *_field_mistakes(raw), *_rule_mistakes(raw, root)]
    if mistakes:
        mistakes.sort(key=lambda mistake: line_of(lines, mistake.place))
        raise PackErrors(
            [PackError(m.problem, m.remedy, f"{path}:{line_of(lines, m.place)}") for m in mistakes]
        )
    return LanguagePack(
        locale=Locale(**raw["locale"]),
        sources=tuple(_source(source, root) for source in raw.get("sources", [])),
        bounds=tuple(Bound(**bound) for bound in raw.get("bounds", [])),
        settings=raw.get("settings", {}),
        ui=raw.get("ui", {}),
        root=root.resolve(),
        distribution=distribution,
        **{"version": version, **raw["pack"]},
    )


def _source(entry: dict[str, Any], root: Path) -> Source:
    """Return a source whose options stand all in one place, those of its file too."""
    name = entry.get("options_file")
    more = _options(root / name) if name else {}
    return Source(**{**entry, "options": {**entry.get("options", {}), **more}})


def _options(path: Path) -> dict[str, Any]:
    """Return the options in a file; each table of a list has its `line`, for messages about it.

    Raise PackError for what is not TOML, and for values that no option has, such as dates.
    """
    text = _text(path)
    options = _toml(text, path)
    try:
        json.dumps(options, allow_nan=False)
    except (TypeError, ValueError):
        problem = "a date, a time or a number without end is no option"
        raise PackError(problem, "put it in quotes", str(path)) from None
    lines = line_numbers(text)
    for name, value in options.items():
        for index, table in enumerate(value if isinstance(value, list) else ()):
            if isinstance(table, dict):
                table.setdefault("line", line_of(lines, (name, index)))
    return options


def _toml(text: str, path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        raise PackError(
            f"this is not TOML: {error}",
            "a text needs quotes, a table a [header]; docs/pack-format.md shows a whole pack",
            f"{path}:{line[1] if line else 1}",
        ) from None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise PackError(
            f"no {FILE} in {path.parent}", "locale-tune new packs: docs/add-a-language.md"
        ) from None
    except OSError as error:
        raise PackError(f"{FILE} cannot be read: {error.strerror}", "", str(path)) from None
    except UnicodeDecodeError as error:
        raise PackError(
            f"{FILE} is not UTF-8 (byte {error.start})", "save the file as UTF-8", str(path)
        ) from None


def _wrong_shapes(raw: dict[str, Any]) -> Iterator[Mistake]:
    """Say which top-level keys are not what everything below takes them for."""
    for name in TOP:
        many, value = name in ("sources", "bounds"), raw.get(name)
        if value is None:
            continue
        tables = value if isinstance(value, list) else [value]
        if isinstance(value, list) != many or not all(isinstance(t, dict) for t in tables):
            header = f"[[{name}]]" if many else f"[{name}]"
            yield Mistake((name,), f"'{name}' is not a table", f"write {header} and its keys below")


def _unknown_tables(raw: dict[str, Any]) -> Iterator[Mistake]:
    for name in raw:
        if name not in TOP:
            yield Mistake(
                (name,),
                f"unknown table or key '{name}'",
                did_you_mean(name, TOP) or f"the tables are {', '.join(TOP)}",
            )
    for name in raw.get("pack", {}):
        if name not in PACK_KEYS:
            yield Mistake(
                ("pack", name),
                f"unknown key '{name}' in [pack]",
                did_you_mean(name, PACK_KEYS) or f"the keys are {', '.join(PACK_KEYS)}",
            )
    for name in ("locale", "pack"):
        if name not in raw:
            yield Mistake((), f"the table [{name}] is missing", f"add a [{name}] table")


def _field_mistakes(raw: dict[str, Any]) -> Iterator[Mistake]:
    if "locale" in raw:
        yield from _checked(Locale, raw["locale"], ("locale",))
    for name, model in (("sources", Source), ("bounds", Bound)):
        for index, entry in enumerate(raw.get(name, [])):
            yield from _checked(model, entry, (name, index))
    pack = {key: value for key, value in raw.get("pack", {}).items() if key in PACK_KEYS}
    for mistake in _checked(LanguagePack, {**pack, "locale": None, "root": "."}, ("pack",)):
        if mistake.place[1:2] != ("locale",):
            yield mistake
    for name, value in raw.get("settings", {}).items():
        if not isinstance(value, dict):
            yield Mistake(
                ("settings", name),
                f"'{name}' stands directly in [settings]",
                f"settings belong to a stage: [settings.tune] and then {name} = ...",
            )


def _checked(model: type[BaseModel], entry: Any, place: Place) -> Iterator[Mistake]:
    """Turn pydantic's errors into sentences about one table."""
    try:
        model.model_validate(entry)
    except ValidationError as error:
        fields = model.model_fields
        for item in error.errors():
            loc = tuple(item["loc"])
            name = ".".join(str(part) for part in loc) or place[0]
            yield Mistake((*place, *loc), *_sentence(str(name), item, list(fields)))


def _sentence(name: str, item: Any, fields: list[str]) -> tuple[str, str]:
    kind, context = item["type"], item.get("ctx", {})
    if kind == "missing":
        return f"'{name}' is missing", f'add  {name} = "..."' + _example(name)
    if kind == "extra_forbidden":
        near = did_you_mean(name, fields)
        return f"unknown key '{name}'", near or f"the keys are {', '.join(fields)}"
    if kind == "literal_error":
        return f"'{name}' is {item['input']!r}", f"write one of {context['expected']}"
    if kind == "string_pattern_mismatch":
        return f"'{name}' is {item['input']!r}", f"it must look like {_pattern(name)}"
    if kind in EXPECTED:
        return f"'{name}' is {item['input']!r}", f"write {EXPECTED[kind]}"
    return f"'{name}' is {item['input']!r}", item["msg"][0].lower() + item["msg"][1:]


def _example(name: str) -> str:
    examples = {"licence": "CC-BY-4.0", "script": "Arab", "tag": "afb", "kind": "jsonl"}
    return f", for example {examples[name]}" if name in examples else ""


def _pattern(name: str) -> str:
    return {
        "id": "small letters, digits and hyphens, such as ar-gulf",
        "script": "an ISO 15924 code with one capital, such as Arab or Latn",
        "sha256": "64 hexadecimal digits (sha256sum FILE prints them)",
        "residency": "the two capitals of a country, such as CH",
    }.get(name, "the pattern in docs/pack-format.md")


def _rule_mistakes(raw: dict[str, Any], root: Path) -> Iterator[Mistake]:
    """Rules that pydantic cannot say: between fields, and about the world."""
    yield from _locale_rules(raw.get("locale", {}))
    for place in controls(raw, ("ui", "settings", "options")):  # would steer a terminal
        yield Mistake(place, "a control character stands in this text", "take it out")
    for name, *told in labels.mistakes(raw.get("ui", {})):
        yield Mistake(("ui", name), *told)
    seen: dict[str, int] = {}
    for index, source in enumerate(raw.get("sources", [])):
        yield from _source_rules(source, ("sources", index), root)
        name = str(source.get("id", ""))
        if name in seen:
            yield Mistake(
                ("sources", index, "id"), f"two sources are called '{name}'", "rename one"
            )
        seen[name] = index
    for index, bound in enumerate(raw.get("bounds", [])):
        if "min" not in bound and "max" not in bound:
            yield Mistake(
                ("bounds", index), "this bound has no limit", "add  max = ...  or  min = ..."
            )
        if bound.get("clear") and bound.get("of") != "change":
            yield Mistake(
                ("bounds", index, "clear"),
                "only a change has an interval that can be clear of a limit",
                'add  of = "change"',
            )


def _locale_rules(locale: dict[str, Any]) -> Iterator[Mistake]:
    script, direction, tag = (str(locale.get(k, "")) for k in ("script", "direction", "tag"))
    rtl = script in RTL_SCRIPTS
    if script and direction in ("ltr", "rtl") and rtl != (direction == "rtl"):
        right = "rtl" if rtl else "ltr"
        yield Mistake(
            ("locale", "direction"),
            f"script {script} is not written {direction}",
            f'direction = "{right}"',
        )
    if tag and not TAG.match(tag):
        yield Mistake(
            ("locale", "tag"),
            f"'{tag}' is no language tag",
            "write an ISO 639 code such as rm or afb",
        )


# Names that readers and stages give a meaning of their own in `meta`.
OWN_META = {"format", "group", "item", "joiner", "lang", "origin", "siblings", "split", "title"}
OWN_META |= {"context", "left_out", "task", "template", "translation_lang", "variety", "weight"}
OWN_META |= {"answer_word", "letters", "split_by", "where"}


def _source_rules(source: dict[str, Any], place: Place, root: Path) -> Iterator[Mistake]:
    yield from _tag_rules(source.get("tags"), (*place, "tags"))
    yield from _options_rules(source, place, root)
    if source.get("asked") and source.get("role") != "questions":
        remedy = 'take it out, or write  role = "questions"'
        yield Mistake((*place, "asked"), "only questions are asked", remedy)
    uri, licence = str(source.get("uri", "")), source.get("licence")
    scheme = "data" if uri.startswith("data/") else uri.partition(":")[0]
    if uri and scheme not in SCHEMES:
        near = did_you_mean(scheme, SCHEMES)
        yield Mistake(
            (*place, "uri"), f"'{uri}' has no known scheme", near or f"use {', '.join(SCHEMES)}"
        )
    if scheme in PINNED and not source.get("sha256"):
        yield Mistake(
            (*place, "uri"),
            f"{scheme}: text must be pinned",
            'add  sha256 = "..."  (sha256sum FILE)',
        )
    if scheme in PACKAGE_URIS and not PACKAGE_URIS[scheme].match(uri):
        remedy = f"write {scheme}:name, the exact version, then #path/inside"
        yield Mistake((*place, "uri"), f"'{uri}' is no plain package name and version", remedy)
    if scheme == "hub" and not HUB.match(uri):
        remedy = "write hub:org/name@ and the 40 digits of the commit, then #path/in/it"
        yield Mistake((*place, "uri"), f"'{uri}' does not pin a commit and a file", remedy)
    if scheme == "data" and not _inside(root, uri):
        yield Mistake(
            (*place, "uri"), f"'{uri}' is not in the pack", f"put the file at {FILE}'s side"
        )
    if isinstance(licence, str) and licence != NO_STATEMENT:
        try:
            canonicalize_license_expression(licence)
        except InvalidLicenseExpression:
            yield Mistake(
                (*place, "licence"),
                f"'{licence}' is no SPDX licence",
                "write an SPDX id such as CC-BY-4.0, LicenseRef-your-name for a text of its own, "
                f"or {NO_STATEMENT} where nobody has said",
            )


def _options_rules(source: dict[str, Any], place: Place, root: Path) -> Iterator[Mistake]:
    """Say what is wrong with a source's file of options, as far as pack.toml shows it."""
    name, at = str(source.get("options_file") or ""), (*place, "options_file")
    if not name:
        return
    if not (name.startswith("data/") and _inside(root, name)):
        remedy = 'name a file in the folder data, such as "data/templates.toml"'
        yield Mistake(at, f"there is no file '{name}' of options", remedy)
        return
    own = source.get("options")
    for key in _options(root / name).keys() & set(own if isinstance(own, dict) else ()):
        yield Mistake(at, f"the option '{key}' stands in {name} too", "leave one of the two out")


def _tag_rules(tags: Any, place: Place) -> Iterator[Mistake]:
    for name, value in tags.items() if isinstance(tags, dict) else ():
        if name in OWN_META:
            yield Mistake(place, f"'{name}' cannot be a tag: it says something else", "rename it")
        elif not name.strip() or "=" in name:  # a stage asks for NAME or NAME=VALUE
            yield Mistake(place, f"'{name}' cannot name a tag", "use a word such as culture")
        elif value == "":
            yield Mistake(place, f"the tag '{name}' is empty", f'write {name} = "yes", or leave it')


def _inside(root: Path, uri: str) -> bool:
    path = (root / uri).resolve()
    return path.is_relative_to(root.resolve()) and path.is_file()


def where(root: Path, *place: str | int) -> str:
    """Return `file:line` of a table or key of a pack, for messages found after reading."""
    path = root / FILE
    return f"{path}:{line_of(line_numbers(_text(path)), place)}"
