"""Classes of bad records, and files with one of them among good ones (promise D1).

A class is a name, the bytes that stand where a text should be (or a whole row), words of the reason
that must be given, and who gives it: the reader, or the filter `hygiene` for what can be read but
is not wanted.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from corpus_support import ROMANSH, parts, source

from locale_tune.api import Bad, Record

EDGE = 1 << 20
POSITIONS = ("first", "middle", "last", "block edge")


class Class(NamedTuple):
    """What stands where a text should be, words of the reason, and who gives it."""

    raw: bytes
    words: str
    by: str = "reader"


def _hygiene(text: str, words: str) -> Class:
    return Class(text.encode(), words, "hygiene")


BYTES = {
    "Latin-1": b"Z\xfcrich",
    "overlong slash": b"a\xc0\xafb",
    "overlong slash in three bytes": b"a\xe0\x80\xafb",
    "overlong NUL": b"a\xc0\x80b",
    "surrogate": b"a\xed\xa0\x80b",
    "surrogate pair (CESU-8)": b"a\xed\xa0\xbd\xed\xb8\x80b",
    "beyond U+10FFFF": b"a\xf4\x90\x80\x80b",
    "letter cut off": b"a\xe2\x82",
    "continuation alone": b"a\x80b",
    "byte 0xFF": b"a\xffb",
}
OVERRIDES = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
TEXT: dict[str, Class] = {
    **{name: Class(raw, "not UTF-8") for name, raw in BYTES.items()},
    "pile of marks": Class(("e" + "\u0301\u0316" * 16).encode(), "32 marks on one letter"),
    "line of 2 MB": Class(b"x" * (2 << 20), "longer than 1048576"),
    **{
        f"bidi U+{code:04X}": _hygiene(f"a{chr(code)}b", "overrides writing direction")
        for code in OVERRIDES
    },
    "NUL": _hygiene("a\0b", "control character"),
    "escape": _hygiene("a\x1b[31mb", "control character"),
    "U+007F": _hygiene("a\x7fb", "control character"),
    "U+0085": _hygiene("a\x85b", "control character"),
    "U+200B in Latin": _hygiene("bun\u200bdi", "invisible space"),
    "U+200C in Latin": _hygiene("bun\u200cdi", "invisible joiner"),
    "U+200D in Latin": _hygiene("bun\u200ddi", "invisible joiner"),
    "U+200E in Latin": _hygiene("bun\u200edi", "direction mark"),
    "U+200F in Latin": _hygiene("bun\u200fdi", "direction mark"),
    "byte order mark inside": _hygiene("bun\ufeffdi", "invisible character (U+FEFF)"),
    "word joiner": _hygiene("bun\u2060di", "invisible character (U+2060)"),
    "Hangul filler": _hygiene("bun\u3164di", "invisible character (U+3164)"),
    "text in tags": _hygiene("bun\U000e0069\U000e0067di", "invisible tags"),
    "selectors in a row": _hygiene("a\ufe00\ufe01\ufe02b", "variation selectors"),
    "flood of tatweel": _hygiene("جم" + "\u0640" * 20 + "يل", "flood of tatweel"),
    "private use": _hygiene("a\ue000b", "private character"),
    "private use, plane 16": _hygiene("a\U00100000b", "private character"),
    "noncharacter U+FFFE": _hygiene("a\ufffeb", "private character or none"),
    "noncharacter U+FDD0": _hygiene("a\ufdd0b", "private character or none"),
    "noncharacter U+1FFFF": _hygiene("a\U0001ffffb", "private character or none"),
    "U+FFFD": _hygiene("Z\ufffdrich", "lost in conversion"),
    "chat control string": _hygiene("a <|im_end|> b", "chat control string"),
}
JSON: dict[str, Class] = {
    "no JSON": Class(b"{'t': 'x'}", "not JSON"),
    "text after it": Class(b'{"t": "x"} y', "not JSON"),
    "cut off": Class(b'{"t": "Bun d', "not JSON"),
    "byte order mark before it": Class(b'\xef\xbb\xbf\xef\xbb\xbf{"t": "x"}', "not JSON"),
    "NUL between": Class(b'{"t": "x"\0}', "not JSON"),
    "carriage return in a string": Class(b'{"t": "a\rb"}', "not JSON"),
    "NaN": Class(b'{"t": "x", "n": NaN}', "NaN is not JSON"),
    "Infinity": Class(b'{"t": "x", "n": Infinity}', "Infinity is not JSON"),
    "-Infinity": Class(b'{"t": "x", "n": -Infinity}', "-Infinity is not JSON"),
    "double key": Class(b'{"t": "x", "t": "y"}', "the key 't' stands twice"),
    "double key of no text": Class(b'{"t": "x", "\\ud800": 1, "\\ud800": 2}', "stands twice"),
    "surrogate escape": Class(b'{"t": "\\ud800"}', "lone surrogate"),
    "surrogate escape in a key": Class(b'{"t": "x", "\\udfff": 1}', "lone surrogate"),
    "nested 100,000 times": Class(b'{"t": ' + b"[" * 100_000, "nested deeper than 32"),
    "nested 40 times": Class(b'{"t": "x", "n": ' + b"[" * 40 + b"]" * 40 + b"}", "nested deeper"),
    "number of 400 digits": Class(b'{"t": ' + b"9" * 400 + b"}", "is a number, not text"),
    "number of 5000 digits": Class(b'{"t": "x", "n": ' + b"9" * 5000 + b"}", "4300 digits"),
    "number": Class(b'{"t": 5}', "field 't' is a number"),
    "null": Class(b'{"t": null}', "field 't' is null"),
    "true": Class(b'{"t": true}', "field 't' is true or false"),
    "list": Class(b'{"t": ["x"]}', "field 't' is a list"),
    "object": Class(b'{"t": {"t": "x"}}', "field 't' is an object"),
    "missing key": Class(b'{"tt": "x"}', "no field 't'; did you mean 'tt'?"),
    "empty": Class(b'{"t": ""}', "field 't' is empty"),
    "blank": Class('{"t": " \u3000 "}'.encode(), "field 't' is empty"),
    "an array": Class(b'["t"]', "not a JSON object"),
    "a string": Class(b'"t"', "not a JSON object"),
    "line of 2 MB of brackets": Class(b"[" * (2 << 20), "longer than"),
}
CSV: dict[str, Class] = {
    "unclosed quote": Class(b'"open,9', "quote"),
    "quote in the middle": Class(b'3.5" disk,9', "quote"),
    "text after a quote": Class(b'"nine"x,9', "not a row"),
    "carriage return inside": Class(b"a\rb,9", "not a row"),
    "too many columns": Class(b"nine,9,9", "3 columns where 2 are expected"),
    "too many columns in three lines": Class(b'"nine\nand\nten",9,9', "3 columns where 2"),
    "too few columns": Class(b"nine", "1 columns where 2 are expected"),
    "cell cut off": Class(b'"nin', "quote"),
    "empty cell": Class(b",9", "is empty"),
}
TSV: dict[str, Class] = {
    "too many columns": Class(b"nine\t9\t9", "3 columns where 2 are expected"),
    "too few columns": Class(b"nine", "1 columns where 2 are expected"),
    "empty cell": Class(b"\t9", "field 't' is empty"),
    "carriage return inside": Class(b"a\rb\t9", "control character", "hygiene"),
}
WIKI: dict[str, Class] = {
    "no title": Class(b'<doc id="9">\na\n\nb\n</doc>', "no id and title"),
    "no end": Class(b'<doc id="9" url="u" title="a">\na\n\nb', "no </doc>"),
    "damaged start": Class(b'<dxc id="9" url="u" title="a">\na\n\nb\n</doc>', "outside"),
    "text outside": Class(b"a\nb", "outside"),
    "number of 5000 digits": Class(
        b'<doc id="9" url="u" title="a">\na\n\n&#' + b"9" * 5000 + b";\n</doc>", "digits"
    ),
    "article of 2 MB": Class(
        b'<doc id="9" url="u" title="a">\na\n\n' + b"word word\n" * 220_000 + b"</doc>", "too long"
    ),
}
# Readable and wanted: the text must come out as it is, in NFC.
KEPT = {
    "U+2028": "emprima\u2028segunda",
    "U+2029": "emprima\u2029segunda",
    "joiner in Persian": "می\u200cخواهم",
    "joiner in Urdu": "خوش\u200cحال",
    "joiner in Sorani": "ه\u200d ساڵ",
    "joiner in Hindi": "क्\u200dष",
    "joiner in Bengali": "উত্\u200dপীড়ন",
    "non-joiner in Malayalam": "ന്\u200cമ",
    "joined emoji": "👨\u200d👩\u200d👧 ❤\ufe0f\u200d🔥 🏳\ufe0f\u200d🌈 👩🏽\u200d🚀",
    "flag in tags": "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
    "space in Thai": "สวัสดี\u200bครับ",
    "space in Khmer": "សួស្តី\u200bបង",
    "mark beside Hebrew": "Jerusalem (ירושלים\u200e)",
    "mark in Arabic": "مرحبا\u200f (OK)",
    "tatweel": "جميـــل",
    "decomposed": "Zu\u0308rich e\u0301 u\u0308\u0301",
    "mixed forms": "é e\u0301 ﷲ ﻻ",
    "en quad": "a\u2000b",
    "wide letters": "Ａ１",
    "soft hyphen": "preci\u00adpezi",
    "thirty marks": "e" + "\u0301" * 30,
    "beyond the BMP": "𐌰𐌱 😀 𞤀𞤣",
}


@dataclass(frozen=True)
class Format:
    """How one source kind writes rows: bytes before the first, and a row around a text."""

    kind: str
    options: dict[str, Any]
    row: Callable[[bytes], bytes]
    head: bytes = b""
    classes: tuple[tuple[str, Class], ...] = ()
    more: tuple[bytes, ...] = ()  # good rows beside GOOD

    def bad_rows(self) -> dict[str, Class]:
        """Return the classes as whole rows: the common ones in a row, and this format's own."""
        common = {name: c._replace(raw=self.row(c.raw)) for name, c in TEXT.items()}
        return common | {name: c._replace(raw=c.raw + b"\n") for name, c in self.classes}


def _json_row(text: bytes) -> bytes:
    try:
        return json.dumps({"t": text.decode(), "extra": None}, ensure_ascii=False).encode() + b"\n"
    except UnicodeDecodeError:
        return b'{"t": "' + text + b'"}\n'


def _article(text: bytes) -> bytes:
    return b'<doc id="7" url="u" title="Titel">\nTitel\n\n' + text + b"\n</doc>\n"


QUOTED = (b'"one, two",2\n', b'"three\nlines\nof ""text""",3\n')
FORMATS = {
    "jsonl": Format("jsonl", {"text": "t"}, _json_row, classes=tuple(JSON.items())),
    "lines": Format("text", {}, lambda text: text + b"\n"),
    "paragraphs": Format("text", {"mode": "paragraphs"}, lambda text: text + b"\n\n"),
    "csv": Format(
        "csv", {"text": "t"}, lambda t: t + b",1\n", b"t,n\n", tuple(CSV.items()), QUOTED
    ),
    "csv without header": Format(
        "csv",
        {"text": "0", "header": False},
        lambda t: t + b",1\n",
        b"",
        tuple(CSV.items()),
        QUOTED,
    ),
    "tsv": Format("tsv", {"text": "t"}, lambda t: t + b"\t1\n", b"t\tn\n", tuple(TSV.items())),
    "wikiextractor": Format("wikiextractor", {}, _article, classes=tuple(WIKI.items())),
}
GOOD = ("Bun di.", "Schöne Grüße", "السلام عليكم", "Co vai?")
CASES = [(form, name) for form, made in FORMATS.items() for name in made.bad_rows()]


# A cell of a Parquet file, which need not be valid, and may be nothing.
PARQUET: dict[str, tuple[bytes | None, str]] = {
    **{name: (bad.raw, bad.words) for name, bad in TEXT.items()},
    "null": (None, "field 't' is null"),
    "empty": (b"", "field 't' is empty"),
    "blank": (b" \n ", "field 't' is empty"),
}
PARQUET_FORMAT = Format("parquet", {"text": "t"}, bytes)


def write_cells(path: Path, cells: list[bytes | None], **options: Any) -> None:
    """Write a Parquet file with the column `t` of any bytes, called text; and a column beside."""
    import pyarrow as pa  # not above: what reading takes of memory is measured with this module
    import pyarrow.parquet as pq

    texts = pa.array(cells, pa.binary()).view(pa.string())
    table = pa.table({"t": texts, "n": list(range(len(cells)))})
    pq.write_table(table, path, write_page_checksum=True, **options)


def rows_around(form: Format, raw: bytes, position: str) -> tuple[list[bytes], int]:
    """Return good rows and the place among them where the bad row `raw` belongs."""
    good = [*(form.row(text.encode()) for text in GOOD), *form.more]
    if position != "block edge":
        return good, {"first": 0, "middle": 2, "last": len(good)}[position]
    # Fill up to the edge, so that the bad row begins before it and ends behind it.
    room = EDGE - max(1, min(len(raw) // 2, 1000)) - len(form.head)
    size = len(form.row(b"y"))
    filled = [form.row(b"y" * (60_000 - size)) for _ in range(room // 60_000 - 1)]
    room -= sum(map(len, filled))
    filled.append(form.row(b"y" * (room - size + 1)))
    start = len(form.head) + sum(map(len, filled))
    assert start < EDGE < start + len(raw)
    return [*filled, *good], len(filled)


@dataclass(frozen=True)
class Outcome:
    """What came of a file: records kept, and (where, reason) of what was left out."""

    good: list[Record]
    bad: list[tuple[str, str]]

    def texts(self) -> list[bytes]:
        """Return the texts kept, as bytes."""
        return [record.text.encode() for record in self.good]


def items(form: Format, path: Path, clean: bool = True) -> Iterator[Record | tuple[str, str]]:
    """Read a file through the registered source kind and, if `clean`, the filter `hygiene`."""
    made = source("toy", form.kind, uri=f"data/{path.name}", options=form.options)
    keep = parts().filters["hygiene"].make(ROMANSH, {})
    for item in parts().source_kinds[form.kind].read(made, path, ROMANSH):
        if isinstance(item, Bad):
            item.reason.encode(), item.text.encode()  # both are written to a file later
            yield item.where, item.reason
        else:
            reason = keep(item) if clean else ""
            yield (item.meta["where"], reason) if reason else item


def outcome(form: Format, path: Path, clean: bool = True) -> Outcome:
    """Return what comes of a file."""
    found = Outcome([], [])
    for item in items(form, path, clean):
        if isinstance(item, Record):
            found.good.append(item)
        else:
            found.bad.append(item)
    return found


def check(form: Format, folder: Path, bad: Class, position: str) -> None:
    """Assert that the bad row, and nothing else, is left out of a file, by line and reason."""
    rows, place = rows_around(form, bad.raw, position)
    path = folder / f"toy.{form.kind}"
    path.write_bytes(form.head + b"".join(rows))
    without = outcome(form, path)
    assert not without.bad
    before = form.head + b"".join(rows[:place])
    path.write_bytes(before + bad.raw + b"".join(rows[place:]))
    found = outcome(form, path)
    assert found.texts() == without.texts()
    line = before.count(b"\n") + 1
    moved = bad.raw.count(b"\n")
    assert [r.id for r in found.good] == [_moved(r.id, line, moved) for r in without.good]
    [(where, reason)] = found.bad
    assert where == f"toy.{form.kind}:{line}"
    assert bad.words in reason
    assert len(reason) < 500


def _moved(identity: str, line: int, lines: int) -> str:
    """Return a record's id where the bad row has pushed it down."""
    name, _, number = identity.rpartition(":")
    return f"{name}:{int(number) + lines * (int(number) >= line)}"
