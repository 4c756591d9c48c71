"""Plain text and WikiExtractor files."""

from __future__ import annotations

import pytest
from corpus_support import Read

from locale_tune.api import Bad, PackError, Record

WIKI = """<doc id="7" url="u" title="Piz &amp; Val">
Piz &amp; Val

Il piz ( ) è aut. &lt;br&gt;
<div style="x" />
La val è bassa.
</doc>
"""


def texts(items: list[Record | Bad]) -> list[str]:
    return [item.text for item in items if isinstance(item, Record)]


def test_lines(read: Read) -> None:
    assert texts(read("text", "Bun di.\n\nCo vai?\n")) == ["Bun di.", "Co vai?"]


def test_lines_that_follow_can_be_joined(read: Read) -> None:
    assert texts(read("text", "a\nb\n\nc\nd\ne\n", join=2)) == ["a\nb", "c\nd", "e"]


def test_paragraphs_end_at_blank_and_at_bad_lines(read: Read) -> None:
    items = read("text", b"a\nb\n\n\nc\n\xff\nd\n", mode="paragraphs")
    assert texts(items) == ["a\nb", "c", "d"]
    assert [item.where for item in items if isinstance(item, Bad)] == ["toy.text:6"]


def test_a_whole_file_keeps_its_paragraphs(read: Read) -> None:
    assert texts(read("text", "a\n\nb\n", mode="file")) == ["a\n\nb"]


def test_footnotes_can_be_left_out(read: Read) -> None:
    assert texts(read("text", "a\n5 BBl 2002\nb\n", leave_out=["BBl "])) == ["a", "b"]


def test_ids_name_the_line(read: Read) -> None:
    assert [record.id for record in read("text", "a\n\nb\n")] == ["toy:1", "toy:3"]


def test_an_article_has_no_title_no_tags_and_no_empty_brackets(read: Read) -> None:
    [record] = read("wikiextractor", WIKI)
    assert record.text == "Il piz è aut.\nLa val è bassa."
    assert (record.meta["title"], record.meta["group"]) == ("Piz & Val", "toy-7")


def test_a_broken_article_costs_only_itself(read: Read) -> None:
    unclosed = '<doc id="8" title="x">\ntext\n'
    bad_byte = b'<doc id="9" title="y">\n\xff\n</doc>\n'
    items = read("wikiextractor", unclosed.encode() + bad_byte + WIKI.encode() + unclosed.encode())
    assert texts(items) == ["Il piz è aut.\nLa val è bassa."]
    reasons = [(item.where, item.reason) for item in items if isinstance(item, Bad)]
    assert [where for where, _ in reasons] == [
        "toy.wikiextractor:1",
        "toy.wikiextractor:3",
        "toy.wikiextractor:13",
    ]
    assert "no </doc>" in reasons[0][1]
    assert "not UTF-8" in reasons[1][1]


LAW = "Titel\nArt. 1 Nus\n1 Emprim.\n2 Segund.\nArt. 2a Vus\n1 Terz.\n"


def test_a_record_begins_where_a_line_says_so(read: Read) -> None:
    items = read("text", LAW, begin=r"^Art\. (\d+[a-z]*) ", items="law-")
    assert texts(items) == [
        "Titel",
        "Art. 1 Nus\n1 Emprim.\n2 Segund.",
        "Art. 2a Vus\n1 Terz.",
    ]
    metas = [item.meta for item in items if isinstance(item, Record)]
    assert [meta.get("item") for meta in metas] == [None, "law-1", "law-2a"]
    assert [meta.get("group") for meta in metas] == [None, "law-1", "law-2a"]


def test_the_pattern_has_one_group(read: Read) -> None:
    for wrong in ("^Art", "(a)(b)", "("):
        with pytest.raises(PackError, match="begin"):
            read("text", LAW, begin=wrong)
