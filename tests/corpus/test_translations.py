"""Message catalogs: each good message is a pair, each damaged one costs itself only."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from pathlib import Path

import polib
import pytest
from corpus_support import ROMANSH, Corpus, Read, source

from locale_tune.api import Bad, PackError, Record
from locale_tune_corpus import catalogs, translations
from locale_tune_corpus.messages import same_placeholders, tidied, usable

HEADER = """msgid ""
msgstr ""
"Project-Id-Version: toy\\n"
"Language: rm\\n"
"Content-Type: text/plain; charset=UTF-8\\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\\n"
"""
GOOD = [
    'msgid "Open the file"\nmsgstr "Avrir la datoteca"\n',
    '# remark\n#: a.c:1\nmsgctxt "menu"\nmsgid "Close"\nmsgstr ""\n"Serrar "\n"uss"\n',
    'msgid "%d file"\nmsgid_plural "%d files"\n'
    'msgstr[0] "ina datoteca"\nmsgstr[1] "%d datotecas"\n',
]
PAIRS = [
    ("Open the file", "Avrir la datoteca"),
    ("Close", "Serrar uss"),
    ("%d file", "ina datoteca"),
    ("%d files", "%d datotecas"),
]
DAMAGED = {
    "no end of the text": ('msgid "a\nmsgstr "x"\n', 1, "quotes"),
    "no translation": ('msgid "lost"\n', 1, "without msgid or msgstr"),
    "no message": ('msgstr "x"\n', 1, "without msgid"),
    "another word": ('msgid "a"\nmsgfoo "x"\n', 2, "quotes"),
    "a bare word": ("nonsense\n", 1, "quotes"),
    "a quote inside": ('msgid "a "b" c"\nmsgstr "x"\n', 1, "quotes"),
    "a form too many": ('msgid "a"\nmsgid_plural "b"\nmsgstr[10] "x"\n', 3, "quotes"),
    "bytes": (b'msgid "a"\nmsgstr "\xff"\n', 2, "not UTF-8 at byte"),
    "a long line": ('msgid "' + "x" * (1 << 20) + '"\nmsgstr "y"\n', 1, "line longer than"),
    "many lines": ('msgid ""\n' + ('"' + "x" * 9999 + '"\n') * 110, 1, "longer than"),
}


def pairs(items: list[Record | Bad]) -> list[tuple[str, str]]:
    return [(item.translation, item.text) for item in items if isinstance(item, Record)]


def bads(items: list[Record | Bad]) -> list[Bad]:
    return [item for item in items if isinstance(item, Bad)]


def compiled(messages: list[tuple[bytes, bytes]], order: str = "<") -> bytes:
    """Return a .mo file as msgfmt writes it."""
    start = 28 + 16 * len(messages)
    tables, texts = [b"", b""], b""
    for side in (0, 1):
        for message in messages:
            tables[side] += struct.pack(f"{order}2I", len(message[side]), start + len(texts))
            texts += message[side] + b"\0"
    head = (0x950412DE, 0, len(messages), 28, 28 + 8 * len(messages), 0, 0)
    return struct.pack(f"{order}7I", *head) + tables[0] + tables[1] + texts


MO = [
    (b"", b"Language: rm\nPlural-Forms: nplurals=2; plural=n != 1;\n"),
    (b"Open the file", b"Avrir la datoteca"),
    (b"menu\x04Close", "Serrar üss".encode()),
    (b"%d file\0%d files", b"ina datoteca\0%d datotecas"),
]


def test_messages_are_pairs_with_their_places(read: Read) -> None:
    items = read("po", "\n".join([HEADER, *GOOD]), "parallel")
    assert pairs(items) == PAIRS
    first, second, singular, plural = (item for item in items if isinstance(item, Record))
    assert (first.id, first.meta["where"]) == ("toy:8", "toy.po:8")
    assert first.meta["translation_lang"] == "en"
    assert second.meta["context"] == "menu"
    assert (singular.id, plural.id) == ("toy:19.0", "toy:19.1")
    assert len({item.meta["group"] for item in (first, second, singular, plural)}) == 3


def test_text_stands_alone_where_no_pairs_are_asked_for(read: Read) -> None:
    items = read("po", "\n".join([HEADER, *GOOD]))
    assert pairs(items) == [("", text) for _, text in PAIRS]
    assert all("translation_lang" not in item.meta for item in items)
    with pytest.raises(PackError, match="make no lessons"):
        read("po", HEADER, "lessons")


@pytest.mark.parametrize("place", [0, 1, 3])
@pytest.mark.parametrize("blank", ["\n", ""])
@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_entry_costs_itself_only(read: Read, kind: str, blank: str, place: int) -> None:
    raw, line, reason = DAMAGED[kind]
    parts = [part.encode() for part in [HEADER, *GOOD]]
    parts.insert(place + 1, raw if isinstance(raw, bytes) else raw.encode())
    items = read("po", blank.encode().join(parts), "parallel")
    assert pairs(items) == PAIRS
    [bad] = bads(items)
    before = (blank.encode().join(parts[: place + 1]) + blank.encode()).count(b"\n")
    assert bad.where == f"toy.po:{before + line}"
    assert reason in bad.reason


@pytest.mark.parametrize(
    "entry",
    [
        '#, fuzzy\nmsgid "Save all"\nmsgstr "Stizzar"\n',
        '#, fuzzy, c-format\n#| msgid "Save"\nmsgid "Save all"\nmsgstr "Stizzar"\n',
        '#~ msgid "Old one"\n#~ msgstr "Vegl"\n',
        '#~| msgid "Older"\n#~ msgid "Old one"\n#~ msgstr "Vegl"\n',
        'msgid "Not done"\nmsgstr ""\n',
        'msgid "Internet"\nmsgstr "Internet"\n',
        'msgid "_Internet"\nmsgstr "I_nternet"\n',
        'msgid "%s: %s (%d)"\nmsgstr "%s: %s, %d"\n',
        'msgid "translator-credits"\nmsgstr "Ursin Camathias"\n',
        'msgid "Copy %s here"\nmsgstr "Copiar"\n',
        "# nothing but a remark\n",
    ],
)
def test_what_teaches_nothing_is_left_out(read: Read, entry: str) -> None:
    items = read("po", "\n".join([HEADER, entry, GOOD[0]]), "parallel")
    assert pairs(items) == PAIRS[:1]
    assert bads(items) == []


def test_messages_with_placeholders_can_be_left_out(read: Read) -> None:
    items = read("po", "\n".join([HEADER, *GOOD]), "parallel", placeholders="leave-out")
    assert pairs(items) == PAIRS[:2]


@pytest.mark.parametrize(
    ("rule", "forms", "sides"),
    [
        ("nplurals=1; plural=0;", 1, ["p"]),
        ("nplurals=2; plural=n>1;", 2, ["s", "p"]),
        ("nplurals=3; plural=n==0 ? 0 : n==1 ? 1 : 2;", 3, ["p", "s", "p"]),
        ("nplurals=2; plural=(n!=1;", 2, ["s", "p"]),
        ("nplurals=2; plural=1/(n-1);", 2, ["s", "p"]),
        ("nplurals=2; plural=__import__('os');", 2, ["s", "p"]),
        ("nplurals=2; plural=" + "(" * 999 + ";", 2, ["s", "p"]),
    ],
)
def test_the_form_for_one_translates_the_singular(
    read: Read, rule: str, forms: int, sides: list[str]
) -> None:
    header = HEADER.replace("nplurals=2; plural=(n != 1);", rule)
    entry = 'msgid "sing"\nmsgid_plural "plur"\n'
    entry += "".join(f'msgstr[{form}] "furma {form}"\n' for form in range(forms))
    items = read("po", f"{header}\n{entry}", "parallel")
    assert [side[0] for side, _ in pairs(items)] == sides


@pytest.mark.parametrize(("charset", "text"), [("ISO-8859-1", "tschütta"), ("EUC-JP", "ファイル")])
def test_text_is_read_in_the_charset_of_the_header(read: Read, charset: str, text: str) -> None:
    content = f'{HEADER.replace("UTF-8", charset)}\nmsgid "look"\nmsgstr "{text}"\n'
    assert pairs(read("po", content.encode(charset), "parallel")) == [("look", text)]
    head = f"Content-Type: text/plain; charset={charset}\n".encode()
    items = read("mo", compiled([(b"", head), (b"look", text.encode(charset))]), "parallel")
    assert pairs(items) == [("look", text)]


@pytest.mark.parametrize("charset", ["punycode", "unicode_escape", "rot13", "x-unknown", "utf-16"])
def test_a_charset_that_is_none_is_told(read: Read, charset: str) -> None:
    [bad] = read("po", HEADER.replace("UTF-8", charset) + GOOD[0], "parallel")
    assert "is no charset" in bad.reason


def test_a_header_of_another_language_is_told_and_can_be_allowed(read: Read) -> None:
    other = HEADER.replace("Language: rm", "Language: roh_CH")
    items = read("po", "\n".join([other, *GOOD]), "parallel")
    assert pairs(items) == PAIRS
    [bad] = bads(items)
    assert (bad.where, "'roh_CH', the pack says 'rm'" in bad.reason) == ("toy.po:1", True)
    assert not bads(read("po", "\n".join([other, *GOOD]), "parallel", header_lang="roh"))
    assert not bads(read("po", HEADER.replace("rm", "rm_CH@grischun"), "parallel"))


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_compiled_file_says_the_same(read: Read, order: str) -> None:
    items = read("mo", compiled(MO, order), "parallel")
    assert pairs(items) == [PAIRS[0], ("Close", "Serrar üss"), *PAIRS[2:]]
    assert [item.id for item in items] == ["toy:2", "toy:3", "toy:4.0", "toy:4.1"]
    assert items[1].meta["context"] == "menu"


def test_a_compiled_file_is_read_as_polib_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "x.mo"
    path.write_bytes(compiled(MO))
    theirs = {(e.msgctxt or "", e.msgid, e.msgid_plural or "") for e in polib.mofile(str(path))}
    ours = {(e.context, e.id, e.plural) for e in catalogs.read_mo(path) if e.id}
    assert ours == theirs


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "not a .mo file"),
        (b"\xde\x12\x04\x95", "not a .mo file"),
        (b"x" * 99, "does not begin as one"),
        (struct.pack("<7I", 0x950412DE, 2 << 16, 1, 28, 28, 0, 0), "revision 2"),
        (struct.pack("<7I", 0x950412DE, 0, 1 << 31, 28, 28, 0, 0), "beyond its end"),
        # Each of 999 messages claims the whole file.
        (struct.pack("<7I", 0x950412DE, 0, 999, 28, 28, 0, 0) + struct.pack("<2I", 8000, 0) * 999,
         "longer than the file"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_catalog_is_told(read: Read, raw: bytes, reason: str) -> None:
    [bad] = read("mo", raw, "parallel")
    assert reason in bad.reason


def test_one_message_of_a_compiled_file_that_is_damaged_costs_itself_only(read: Read) -> None:
    messages = [*MO[:2], (b"bad", b"\xff\xfe"), *MO[2:]]
    items = read("mo", compiled(messages), "parallel")
    assert len(pairs(items)) == 4
    assert [bad.where for bad in bads(items)] == ["toy.mo:3"]
    cut = read("mo", compiled(messages)[:-20], "parallel")
    assert pairs(cut)[0] == PAIRS[0]
    assert "the file ends before" in bads(cut)[-1].reason


def test_no_bytes_make_the_readers_fail(tmp_path: Path) -> None:
    random.seed(7)
    whole = {"mo": compiled(MO), "po": "\n".join([HEADER, *GOOD]).encode()}
    path = tmp_path / "toy"
    for number in range(300):
        kind = ("mo", "po")[number % 2]
        raw = bytearray(whole[kind])
        for _ in range(random.randint(1, 6)):
            raw[random.randrange(len(raw))] = random.randrange(256)
        path.write_bytes(raw[: random.randint(0, len(raw))] if number % 3 == 0 else raw)
        made = source("toy", kind, "parallel")
        reader = translations.read_mo if kind == "mo" else translations.read_po
        assert all(isinstance(item, Record | Bad) for item in reader(made, path, ROMANSH))


def test_a_file_larger_than_allowed_is_told(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogs, "MO_LIMIT", 10)
    [bad] = read("mo", compiled(MO), "parallel")
    assert "larger than" in bad.reason


@pytest.mark.parametrize(
    ("message", "translation", "tidy"),
    [
        ("_File", "_Datoteca", ("File", "Datoteca")),
        ("Si_ze:", "Gr_ondezza:", ("Size:", "Grondezza:")),
        ("E&xit", "Termi&nar", ("Exit", "Terminar")),
        ("_Apply", "適用(_A)", ("Apply", "適用")),
        ("_Find", "ا_بحث", ("Find", "ابحث")),
        ("_Reload", "Chargiar", ("Reload", "Chargiar")),
        ("set file_name", "fixar file_name", ("set file_name", "fixar file_name")),
        ("the _id of it", "il _id dad el", ("the _id of it", "il _id dad el")),
        ("R&D and art", "R&D ed art", ("R&D and art", "R&D ed art")),
        ("Save & exit", "Memorisar & ir", ("Save & exit", "Memorisar & ir")),
        ("a &amp; b", "a &amp; b", ("a & b", "a & b")),
        ("<b>Bold</b> text", "Text <b>grass</b>", ("Bold text", "Text grass")),
        ("in <FILE>\n", "en <FILE>\n", ("in <FILE>", "en <FILE>")),
        ("one\n  two ", " in\ndus", ("one\ntwo", "in\ndus")),
    ],
)
def test_access_keys_and_tags_go_and_names_stay(
    message: str, translation: str, tidy: tuple[str, str]
) -> None:
    assert tidied(message, translation, "_&") == tidy


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("%s of %d", "%d da %s", True),
        ("%s of %s", "%2$s da %1$s", True),
        ("%(name)s!", "%(num)s!", False),
        ("{name} is {0:>3}", "{0:>3} è {name}", True),
        ("{name} is", "{num} è", False),
        ("5 % of it", "5 % da quai", True),
        ("$HOME is", "${HOME} è", False),
        ("%%", "%", False),
    ],
)
def test_placeholders_are_compared(one: str, other: str, same: bool) -> None:
    assert same_placeholders(one, other) is same


@pytest.mark.parametrize(
    ("text", "is_usable"),
    [("%d files", True), ("%s: %s (%d)", False), ("ok %s", False), ("文件", True), ("…", False)],
)
def test_a_message_needs_more_letters_than_placeholders(text: str, is_usable: bool) -> None:
    assert usable(text) is is_usable


def test_a_catalog_goes_through_collect(collect: Callable[..., Corpus]) -> None:
    text = source("text")
    messages = source("messages", "po", "parallel", uri="data/messages.po")
    chats = source("chats", "sharegpt", "lessons", uri="data/chats.json")
    turns = '[{"from": "human", "value": "Bun di?"}, {"from": "gpt", "value": "Bun di!"}]'
    corpus = collect(
        {
            text: "\n".join(f"Quai è il text numer {number}." for number in range(20)),
            messages: "\n".join([HEADER, *GOOD, 'msgid "lost\n']),
            chats: f'[{{"conversations": {turns}}}]',
        },
        max_bad_share=0.5,
    )
    assert {
        (r.translation, r.text, r.meta["translation_lang"]) for r in corpus.split("parallel")
    } == {(*pair, "en") for pair in PAIRS}
    assert corpus.split("parallel")[0].lang == "rm"
    assert corpus.sources()["messages"]["rejected"] == {"unreadable": 1}
    assert [len(record.messages) for record in corpus.split("lessons")] == [2]
