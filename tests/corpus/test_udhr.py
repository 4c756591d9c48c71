"""The Declaration: articles and paragraphs carry what splits and pairs need."""

from __future__ import annotations

from corpus_support import Read

from locale_tune.api import Bad

PAGE = """<!doctype html><html><head><title>Toy</title></head><body>
<h1>Title</h1>
<header><h2>Preamble</h2><p>Whereas one;</p><p>whereas
 two &amp; three.</p></header>
<article data-number="1"><h2>Art. 1</h2><p>All are free.</p></article>
<article data-number="23"><h2>Art. 23</h2><ol><li><p>Work.</p></li><li><p>Pay.</p></li></ol>
</article></body></html>"""


def test_articles(read: Read) -> None:
    records = read("udhr", PAGE)
    assert [(r.id, r.meta["group"], r.text) for r in records] == [
        ("toy:preamble", "udhr-preamble", "Whereas one;\nwhereas two & three."),
        ("toy:1", "udhr-1", "All are free."),
        ("toy:23", "udhr-23", "Work.\nPay."),
    ]


def test_paragraphs_stay_in_the_group_of_their_article(read: Read) -> None:
    records = read("udhr", PAGE, unit="paragraph")
    assert [(r.meta["group"], r.meta["item"], r.meta["siblings"]) for r in records][-2:] == [
        ("udhr-23", "udhr-23.1", "2"),
        ("udhr-23", "udhr-23.2", "2"),
    ]
    assert len({record.id for record in records}) == len(records) == 5


def test_another_page_is_told_from_a_declaration(read: Read) -> None:
    [bad] = read("udhr", "<html><body><p>Hello</p></body></html>")
    assert isinstance(bad, Bad)
    assert "not a declaration" in bad.reason


def test_a_page_that_is_not_utf8_is_told(read: Read) -> None:
    [bad] = read("udhr", PAGE.encode("utf-16"))
    assert isinstance(bad, Bad)
    assert "not UTF-8" in bad.reason
