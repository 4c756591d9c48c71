"""Read message catalogs of GNU gettext: `.po` text entry by entry, `.mo` by its tables.

Both are untrusted. An entry that cannot be read costs itself only. The formats are those of the
GNU gettext manual, "The Format of PO Files" and "The Format of GNU MO Files".
"""

from __future__ import annotations

import codecs
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polib

from locale_tune_corpus.lines import Line, read_lines, unusable

MO_LIMIT = 64 << 20
ENTRY_LIMIT = 1 << 20
HEAD = 1 << 16
MAGIC = {b"\xde\x12\x04\x95": "<", b"\x95\x04\x12\xde": ">"}
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
    for block in _blocks(read_lines(path, charset=charset)):
        if any(line.text.strip() and not _comment(line) for line in block):
            yield _entry(block)


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
        tables = _tables(data)
    except (struct.error, ValueError) as error:
        yield Entry(0, problem=f"not a .mo file: {error}")
        return
    charset = "utf-8"
    for number, (one, other) in enumerate(tables, 1):
        source, target = data[one[1] : sum(one)], data[other[1] : sum(other)]
        if len(source) < one[0] or len(target) < other[0]:
            yield Entry(number, problem="the file ends before this message does")
            continue
        charset = charset if source else _charset(target)
        yield _message(number, source, target, charset)


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


def _entry(block: list[Line]) -> Entry:
    first = next(line for line in block if line.text.strip() and not _comment(line))
    for line in block:
        if line.problem:
            return Entry(line.number, problem=line.problem)
        if line.text.strip() and not _comment(line) and not LINE.fullmatch(line.text):
            return Entry(line.number, problem='not a keyword and a text in "quotes"')
    if sum(len(line.text) for line in block) > ENTRY_LIMIT:
        return Entry(first.number, problem=f"longer than {ENTRY_LIMIT} characters")
    if not {ORDER["msgid"], ORDER["msgstr"]} <= {_order(line) for line in block}:
        return Entry(first.number, problem="a message without msgid or msgstr")
    try:
        found = polib.pofile("\n".join(line.text for line in block), encoding="utf-8")
    except (OSError, ValueError, LookupError) as error:
        reason = str(error).partition("(")[0].strip()
        return Entry(first.number, problem=f"no entry of a .po file: {reason}")
    header = "\n".join(f"{key}: {value}" for key, value in found.metadata.items())
    if header:
        return Entry(first.number, forms=(header,))
    if len(found) != 1:  # an empty msgid that is no header
        return Entry(first.number, problem="a message without text")
    return _from_polib(first.number, found[0])


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


def _tables(data: bytes) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Return (length, offset) of every message and of its translation.

    The lengths may not add up to more than twice the file: each text stands in it once, and a
    table that names the same megabytes over and over would fill the memory.
    """
    order = MAGIC.get(data[:4])
    if not order:
        raise ValueError("it does not begin as one")
    revision, count, sources, targets = struct.unpack_from(f"{order}4I", data, 4)
    if revision >> 16 > 1:
        raise ValueError(f"revision {revision >> 16} is not known")
    if max(sources, targets) + 8 * count > len(data):
        raise ValueError("its tables reach beyond its end")
    numbers = [
        struct.unpack_from(f"{order}{2 * count}I", data, start) for start in (sources, targets)
    ]
    pairs = [list(zip(table[::2], table[1::2], strict=True)) for table in numbers]
    if sum(length for table in pairs for length, _ in table) > 2 * len(data):
        raise ValueError("its texts are longer than the file")
    return list(zip(*pairs, strict=True))


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
