"""Wikipedia dumps: articles become paragraphs, damage costs one page, hostile markup no time."""

from __future__ import annotations

import bz2
import time
import tracemalloc
from pathlib import Path
from xml.sax.saxutils import escape

import pytest
from corpus_support import ROMANSH, Read, source

from locale_tune.api import Bad, Record
from locale_tune_corpus import wikipedia
from locale_tune_corpus.wikitext import PARAGRAPH_LIMIT, Wiki, paragraphs

HEAD = """<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" xml:lang="rm">
  <siteinfo>
    <sitename>Wikipedia</sitename>
    <namespaces>
      <namespace key="-2" case="first-letter">Media</namespace>
      <namespace key="0" case="first-letter" />
      <namespace key="6" case="first-letter">Datoteca</namespace>
      <namespace key="14" case="first-letter">Categoria</namespace>
    </namespaces>
  </siteinfo>
"""
TAIL = "</mediawiki>\n"


def page(number: int, text: str, ns: int = 0, extra: str = "", model: str = "wikitext") -> str:
    return f"""  <page>
    <title>Titel {number}</title>
    <ns>{ns}</ns>
    <id>{number}</id>{extra}
    <revision>
      <id>{number + 1000}</id>
      <contributor><username>X</username><id>5</id></contributor>
      <model>{model}</model>
      <text bytes="9" xml:space="preserve">{escape(text)}</text>
    </revision>
  </page>
"""


GOOD = [page(number, f"Text '''{number}'''.\n[[Datoteca:a.jpg|thumb|b]]") for number in (1, 2, 3)]
DAMAGED = {
    "a tag that does not close": (GOOD[0].replace("</title>", ""), "not XML"),
    "no end": (GOOD[0].replace("</page>", ""), "not closed"),
    "a byte": (GOOD[0].encode().replace(b"Text", b"\xff"), "no text"),
    "a control character": (GOOD[0].replace("Text", "\x01"), "no text"),
    "an entity": (GOOD[0].replace("Text", "&lol;"), "undefined entity"),
    "a declaration": (GOOD[0].replace("<title>", "<!DOCTYPE a><title>"), "not XML"),
    "deep": (GOOD[0].replace("<ns>", "<a>" * 100_000), "not XML"),
    "a long page": (page(9, "x" * (9 << 20)), "longer than 8 MB"),
    "a longer page": (page(9, "x\n" * (10 << 20)), "longer than 8 MB"),
}


def dump(*pages: str | bytes) -> bytes:
    parts = [HEAD, *pages, TAIL]
    return b"".join(part.encode() if isinstance(part, str) else part for part in parts)


def texts(items: list[Record | Bad]) -> list[str]:
    return [item.text for item in items if isinstance(item, Record)]


def bads(items: list[Record | Bad]) -> list[Bad]:
    return [item for item in items if isinstance(item, Bad)]


@pytest.mark.parametrize("pack", [bytes, bz2.compress])
def test_articles_are_records_with_title_and_group(read: Read, pack: type[bytes]) -> None:
    items = read("wikipedia", pack(dump(*GOOD)))
    assert texts(items) == ["Text 1.", "Text 2.", "Text 3."]
    assert items[1].meta["title"] == "Titel 2"
    assert items[1].meta["group"] == "toy-2"
    line = dump(*GOOD)[: dump(*GOOD).index(b"Titel 2")].count(b"\n")
    assert items[1].id == f"toy:{line}"
    assert items[1].meta["where"] == f"toy.wikipedia:{line}"


def test_redirects_and_other_pages_are_no_articles(read: Read) -> None:
    others = [
        page(4, "Guarda [[Titel 1]].", extra='<redirect title="Titel 1" />'),
        page(5, "Ina discussiun.", ns=1),
        page(6, '{"a": 1}', model="json"),
        page(7, "{{Infobox}}"),
    ]
    assert texts(read("wikipedia", dump(*others, *GOOD))) == ["Text 1.", "Text 2.", "Text 3."]


def test_the_newest_revision_counts(read: Read) -> None:
    old = "<revision><text>Vegl.</text></revision>\n    <revision>"
    [record] = read("wikipedia", dump(page(1, "Nov.").replace("<revision>", old, 1)))
    assert record.text == "Nov."


@pytest.mark.parametrize("place", [0, 1, 3])
@pytest.mark.parametrize(
    ("kind", "chunk"),
    [(kind, 1 << 20) for kind in DAMAGED]
    + [(kind, 7) for kind, (raw, _) in DAMAGED.items() if len(raw) < 999],
)
def test_a_damaged_page_costs_itself_only(
    read: Read, monkeypatch: pytest.MonkeyPatch, kind: str, place: int, chunk: int
) -> None:
    monkeypatch.setattr(wikipedia, "CHUNK", chunk)
    raw, reason = DAMAGED[kind]
    pages: list[str | bytes] = [*GOOD]
    pages.insert(place, raw)
    items = read("wikipedia", dump(*pages))
    assert texts(items) == ["Text 1.", "Text 2.", "Text 3."]
    if kind == "no end" and place == 3:
        reason = "ends within this page"
    [bad] = bads(items)
    assert reason in bad.reason
    before = dump(*pages[:place]).removesuffix(TAIL.encode()).count(b"\n")
    assert bad.where == f"toy.wikipedia:{before + 1}"


def test_a_dump_that_was_cut_off_keeps_what_came_before(read: Read) -> None:
    whole = dump(*GOOD)
    for cut in range(whole.index(b"<id>2</id>"), len(whole) - 1, 7):
        items = read("wikipedia", whole[:cut])
        assert texts(items)[0] == "Text 1."
        assert len(bads(items)) == (0 if b"</mediawiki>" in whole[:cut] else 1)
        assert isinstance(items[-1], Bad) or b"</mediawiki>" in whole[:cut]


def test_a_packed_dump_that_was_cut_off_is_told(read: Read) -> None:
    whole = bz2.compress(dump(*GOOD)) + bz2.compress(dump(*GOOD))
    items = read("wikipedia", whole[:-20])
    assert texts(items) == ["Text 1.", "Text 2.", "Text 3."]
    assert "cannot be unpacked" in bads(items)[-1].reason
    [bad] = read("wikipedia", b"BZh9 nonsense")
    assert "cannot be unpacked" in bad.reason


@pytest.mark.parametrize("raw", [b"\x1f\x8bx", b"", b"text", b"<page>"])
def test_a_file_that_is_no_dump_is_told(read: Read, raw: bytes) -> None:
    [bad] = read("wikipedia", raw)
    assert bad.reason


def test_memory_stays_flat(tmp_path: Path) -> None:
    path = tmp_path / "toy"
    text = page(1, "In text.<!-- " + "in remartg " * 100_000 + "-->")
    path.write_bytes(dump(text * 20))
    tracemalloc.start()
    items = list(wikipedia.read_wikipedia(source("toy", "wikipedia"), path, ROMANSH))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert texts(items) == ["In text."] * 20
    assert peak < 10 * len(text) < 20 * len(text)


ROMANSH_WIKI = Wiki(
    hidden=frozenset({"file", "image", "category", "datoteca", "categoria"}),
    namespaces=frozenset({"datoteca", "categoria", "als"}),
    templates={"lang": "2", "nowrap": "1"},
)


@pytest.mark.parametrize(
    ("raw", "plain"),
    [
        ("In [[link]] ed [[auter|in auter]]s.", "In link ed in auters."),
        ("Text.<ref>{{cite|[[a]]}}</ref> E <ref name=a />uss.", "Text. E uss."),
        ("'''Grass''', ''curs'' e '''''tuts dus'''''.", "Grass, curs e tuts dus."),
        ("A ({{IPA|x}}, tudestg {{lang|de|B}}) C", "A (tudestg B) C"),
        ("A (cun {{x}}) B ({{y}}) C ({{z}}; )", "A (cun) B C"),
        ("Avant {{x}}, suenter {{y}}.", "Avant, suenter."),
        ("{{x}}, text", "text"),
        ("A{{nowrap|b {{nowrap|c}}{{d}}}}e", "Ab ce"),
        ("{{formatnum:1000}} da {{PAGENAME}}", "1000 da Titel"),
        ("5 km<sup>2</sup> e H<sub>2</sub>O", "5 km² e H₂O"),
        ("a&nbsp;b &amp; c &lt;d&gt;", "a b & c <d>"),
        ("a<br />b <span style='x'>c</span> <!-- d -->e", "a b c e"),
        ("In [http://a.b lieu] e [http://c.d] ed http://e.f uss", "In lieu e ed uss"),
        ("ina\nlingia", "ina lingia"),
        ("[[Datoteca:a.jpg|thumb|[[b]] c]] text", "text"),
        ("[[de:Bern]] [[CATEGORIA:X]] [[:Categoria:X|las X]]", "las X"),
        ("[[Mission: Impossible]] e [[als:Bern]]", "Mission: Impossible e als:Bern"),
        ("{|\n|a\n{|\n|b\n|}\n|}\ntext __NOTOC__", "text"),
        ("text ''betg serrà", "text betg serrà"),
        ("هذا '''نص''' ({{x}}، مثال)", "هذا نص (مثال)"),
    ],
)  # fmt: skip
def test_markup_goes_and_text_stays(raw: str, plain: str) -> None:
    assert paragraphs(raw, ROMANSH_WIKI, "Titel") == [plain]


@pytest.mark.parametrize(
    "raw",
    [
        "La furmla <math>x</math> è",
        "In {{template betg serrà",
        "In [[link betg serrà",
        "In ]] link [[ a l'envers",
        "Ina <ref>nota betg serrada",
        "-{zh-hans:a;zh-hant:b}-",
        "* ina glista",
        "; in pled : ina definiziun",
        "| ina lingia d'ina tabella",
        "x" * (PARAGRAPH_LIMIT + 1),
        "[[" * 9 + "a" + "]]" * 9,
    ],
)
def test_a_paragraph_that_does_not_read_is_left_out(raw: str) -> None:
    assert paragraphs(f"Avant.\n\n{raw}\n\nSuenter.", ROMANSH_WIKI) == ["Avant.", "Suenter."]


def test_lists_and_headings_are_kept_on_demand() -> None:
    raw = "== In titel ==\n* in\n** dus\n== Vid ==\n== Ultim ==\nText.\n"
    assert paragraphs(raw, Wiki()) == ["Text."]
    assert paragraphs(raw, Wiki(lists=True)) == ["in", "dus", "Text."]
    assert paragraphs(raw, Wiki(headings=True)) == ["Ultim", "Text."]


@pytest.mark.parametrize(
    "raw",
    [
        "{{a|", "[[a|", "<ref>", "<math>", "{|\n|a\n", "'''''a", "[http://a ", "<!--", "{{lang|de|",
        "[[a|{{b|<i>'''", "<a b=\"", "{{{a|", "(", ";a:", "[[a]]<a b='", "==", "-{", "&lt",
        " ;", "( ,", "({{a}} ,", "x {{a}}",
    ],
)  # fmt: skip
@pytest.mark.parametrize("closed", ["", "}}", "]]", "\n\n"])
def test_hostile_markup_takes_no_time(raw: str, closed: str) -> None:
    count = PARAGRAPH_LIMIT // (len(raw) + len(closed)) - 1
    long = (raw * 500 + closed * 500) * 5 + raw * 60_000
    began = time.process_time()
    paragraphs(long, ROMANSH_WIKI)
    paragraphs(f"{raw * count}{closed * count}\n\n" * 20, ROMANSH_WIKI)
    assert time.process_time() - began < 3
