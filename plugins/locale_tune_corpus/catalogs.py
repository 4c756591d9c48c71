"""Read message catalogs of GNU gettext: `.po` text entry by entry, `.mo` by its tables.

Both are untrusted. An entry that cannot be read costs itself only. The formats are those of the
GNU gettext manual, "The Format of PO Files" and "The Format of GNU MO Files".
"""

from __future__ import annotations

import codecs
import re
import struct
import sys
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polib

from locale_tune_corpus.lines import Line, read_lines, unusable

MO_LIMIT = 64 << 20
ENTRY_LIMIT = 1 << 20
HEAD = 1 << 16
BATCH = 200
MAGIC = {b"\xde\x12\x04\x95": "<", b"\x95\x04\x12\xde": ">"}
NATIVE = "<" if sys.byteorder == "little" else ">"
CHARSET = re.compile(rb"charset=([\w:.-]+)")
# The charsets of the manual's section "Header Entry"; others of Python's are codes, not charsets.
KNOWN = re.compile(
    r"utf-?8|(?:us-)?ascii|iso-?8859-?\d+|koi8-[rut]|(?:cp|windows-?)\d{3,4}|gb(?:2312|k|18030)"
    r"|euc-?(?:jp|kr)|big5(?:-?hkscs)?|shift-?jis|johab|tis-?620"
)
# One line of an entry: a comment, or a keyword and a string, or a string that goes on.
LINE = re.compile(
    r"\s*(?:#~\s*)?(?P<keyword>msgctxt|msgid_plural|msgid|msgstr(?:\[\d\])?)?"
    r'\s*"(?:[^"\\]|\\.)*"\s*'
)
WORD = re.compile(r"[a-z_]+")
ORDER = {"msgctxt": 1, "msgid": 2, "msgid_plural": 3, "msgstr": 4}
NO_PART = 5


@dataclass(frozen=True)
class Entry:
    """One message: where it stands, its id and plural id, and the translation of each form.

    `fuzzy` stands for every translation that is not in use: fuzzy or obsolete. A `problem` means
    that the entry cannot be read.
    """

    number: int
    id: str = ""
    plural: str = ""
    forms: tuple[str, ...] = ()
    context: str = ""
    fuzzy: bool = False
    problem: str = ""


def read_po(path: Path) -> Iterator[Entry]:
    """Yield the entries of a `.po` file; `number` is the line an entry starts at."""
    if problem := unusable(path):
        yield Entry(0, problem=problem)
        return
    with path.open("rb") as file:
        charset = _charset(file.read(HEAD))
    if charset.startswith("?"):
        yield Entry(1, problem=f"'{charset[1:]}' is no charset of a message catalog")
        return
    waiting: list[list[Line]] = []
    size = 0
    for block in _blocks(read_lines(path, charset=charset)):
        damage = _damage(block)
        if damage or len(waiting) == BATCH or size > ENTRY_LIMIT:
            yield from _entries(waiting)
            waiting, size = [], 0
        if damage:
            yield damage
        elif _first(block):
            waiting.append(block)
            size += sum(len(line.text) for line in block)
    yield from _entries(waiting)


def read_mo(path: Path) -> Iterator[Entry]:
    """Yield the entries of a `.mo` file; `number` counts them from 1."""
    problem = unusable(path)
    if not problem and path.stat().st_size > MO_LIMIT:
        problem = f"larger than {MO_LIMIT >> 20} MB"
    if problem:
        yield Entry(0, problem=problem)
        return
    data = path.read_bytes()
    try:
        sources, targets = _tables(data)
    except (struct.error, ValueError) as error:
        yield Entry(0, problem=f"not a .mo file: {error}")
        return
    charset = "utf-8"
    for number in range(len(sources) // 2):
        source, target = _text(data, sources, number), _text(data, targets, number)
        if source is None or target is None:
            yield Entry(number + 1, problem="the file ends before this message does")
            continue
        charset = charset if source else _charset(target)
        yield _message(number + 1, source, target, charset)


def _text(data: bytes, table: array[int], number: int) -> bytes | None:
    length, start = table[2 * number], table[2 * number + 1]
    return data[start : start + length] if start + length <= len(data) else None


def _charset(head: bytes) -> str:
    """Return the charset a header names, UTF-8 without one, or `?name` for one that is none."""
    found = CHARSET.search(head)
    name = found[1].decode("ascii", "replace").lower().replace("_", "-") if found else "utf-8"
    if name == "charset":  # the placeholder of a template
        return "utf-8"
    try:
        return codecs.lookup(name).name if KNOWN.fullmatch(name) else f"?{name}"
    except LookupError:
        return f"?{name}"


def _blocks(lines: Iterator[Line]) -> Iterator[list[Line]]:
    """Cut a file into entries. Within one, keywords only go up; one that goes back starts another.

    So an entry that lost its end, or a line that is none, does not take the next one with it.
    """
    block: list[Line] = []
    reached = size = 0
    for line in lines:
        if block and _starts_entry(line, reached):
            yield block
            block, reached, size = [], 0, 0
        if size <= ENTRY_LIMIT:
            block.append(line)
        reached = max(reached, _order(line) or 0)
        size += len(line.text)
    yield block


def _starts_entry(line: Line, reached: int) -> bool:
    """Return whether a line begins another entry than the one that got as far as `reached`."""
    text, order = line.text.strip(), _order(line)
    if order is None:
        return not text and reached >= ORDER["msgstr"]
    again = order == reached > 0 and not text.startswith("msgstr[")
    return again or order < reached or (order == NO_PART and reached == ORDER["msgstr"])


def _order(line: Line) -> int | None:
    """Return which part of an entry a line begins; None for one that goes on with a part."""
    text = line.text.strip().removeprefix("#~").lstrip()
    if _comment(line):
        return 0
    if not text or text.startswith('"'):
        return None
    word = WORD.match(text)
    return ORDER.get(word[0], NO_PART) if word else NO_PART


def _comment(line: Line) -> bool:
    text = line.text.lstrip()
    return text.startswith("#") and (not text.startswith("#~") or text.startswith("#~|"))


def _first(block: list[Line]) -> int:
    """Return the line of an entry's first keyword, or 0 for nothing but comments."""
    lines = (line for line in block if line.text.strip() and not _comment(line))
    return next((line.number for line in lines), 0)


def _damage(block: list[Line]) -> Entry | None:
    """Return what is wrong with an entry that polib would read wrongly, or None."""
    for line in block:
        if line.problem:
            return Entry(line.number, problem=line.problem)
        if line.text.strip() and not _comment(line) and not LINE.fullmatch(line.text):
            return Entry(line.number, problem='not a keyword and a text in "quotes"')
    first = _first(block)
    if sum(len(line.text) for line in block) > ENTRY_LIMIT:
        return Entry(first, problem=f"longer than {ENTRY_LIMIT} characters")
    if first and not {ORDER["msgid"], ORDER["msgstr"]} <= {_order(line) for line in block}:
        return Entry(first, problem="a message without msgid or msgstr")
    return None


def _entries(blocks: list[list[Line]]) -> Iterator[Entry]:
    """Read entries at once, as polib builds its parser anew each time; else one by one."""
    try:
        text = "\n\n".join("\n".join(line.text for line in block) for block in blocks)
        found = polib.pofile(f"{text}\n", encoding="utf-8")
        problem = "" if len(found) == len(blocks) else "a message without text"
    except (OSError, ValueError, LookupError) as error:
        found, problem = polib.POFile(), f"no entry of a .po file: {str(error).partition('(')[0]}"
    header = "\n".join(f"{key}: {value}" for key, value in found.metadata.items())
    if not problem and not header:
        for block, entry in zip(blocks, found, strict=True):
            yield _from_polib(_first(block), entry)
    elif len(blocks) > 1:
        for block in blocks:
            yield from _entries([block])
    elif header:
        yield Entry(_first(blocks[0]), forms=(header,))
    elif blocks:
        yield Entry(_first(blocks[0]), problem=problem.strip())


def _from_polib(number: int, entry: polib.POEntry) -> Entry:
    plural = entry.msgstr_plural
    forms = tuple(plural.get(index, "") for index in range(max(plural) + 1)) if plural else ()
    return Entry(
        number,
        entry.msgid,
        entry.msgid_plural,
        forms or (entry.msgstr,),
        entry.msgctxt or "",
        entry.fuzzy or bool(entry.obsolete),
    )


def _tables(data: bytes) -> tuple[array[int], array[int]]:
    """Return length, offset, length, offset, ... of the messages, and of the translations.

    The lengths may not add up to more than twice the file: each text stands in it once, and a
    table that names the same megabytes over and over would fill the memory.
    """
    order = MAGIC.get(data[:4])
    if not order:
        raise ValueError("it does not begin as one")
    revision, count, *starts = struct.unpack_from(f"{order}4I", data, 4)
    if revision >> 16 > 1:
        raise ValueError(f"revision {revision >> 16} is not known")
    if max(starts) + 8 * count > len(data):
        raise ValueError("its tables reach beyond its end")
    sources, targets = (array("I", data[start : start + 8 * count]) for start in starts)
    if order != NATIVE:
        sources.byteswap()
        targets.byteswap()
    if sum(sources[::2]) + sum(targets[::2]) > 2 * len(data):
        raise ValueError("its texts are longer than the file")
    return sources, targets


def _message(number: int, source: bytes, target: bytes, charset: str) -> Entry:
    if charset.startswith("?"):
        return Entry(number, problem=f"'{charset[1:]}' is no charset of a message catalog")
    try:
        before, mark, after = source.decode(charset).rpartition("\x04")
        text = target.decode(charset)
    except UnicodeDecodeError as error:
        return Entry(number, problem=f"not {charset.upper()}: {error.reason}")
    one, _, plural = after.partition("\0")
    return Entry(number, one, plural, tuple(text.split("\0")), before if mark else "")
