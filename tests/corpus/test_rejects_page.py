"""rejects.html: everything escaped, hidden characters written out, right-to-left text isolated."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from corpus_support import GULF, ROMANSH
from hypothesis import given
from hypothesis import strategies as st
from lxml import html

from locale_tune.api import Locale, write_json
from locale_tune_corpus.rejects_page import SHOWN, direction, piles_of, visible, write_page

HOSTILE = '<script>alert("x")</script> & </p></details> $style ${shown}'


def row(text: str, reason: str = "copy", source: str = "forum", where: str = "a.txt:1") -> dict:
    return {"source": source, "id": "x", "where": where, "reason": reason, "text": text}


def listed(name: str, seen: int = 100, lang: str = "", problem: str = "", **rejected: int) -> dict:
    kept = seen - sum(rejected.values())
    counts = {
        "seen": seen,
        "kept": kept,
        "rejected": {k.replace("_", " "): v for k, v in rejected.items()},
    }
    facts = {"licence": "MIT", "role": "text", "lang": lang, "note": "", "problem": problem}
    return {"id": name, **facts, **counts}


def made(
    folder: Path, rows: list[dict], sources: list[dict], locale: Locale = GULF
) -> html.HtmlElement:
    write_json(folder / "sources.json", sources)
    lines = "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows)
    (folder / "rejects.jsonl").write_text(lines, encoding="utf-8")
    write_page(folder, locale)
    return html.document_fromstring((folder / "rejects.html").read_bytes().decode())


def texts(page: Any) -> list[str]:
    return [p.text_content() for p in page.xpath("//p[@class='text']")]


def test_a_text_keeps_its_language_and_direction(tmp_path: Path) -> None:
    page = made(tmp_path, [row("شلونك اليوم؟")], [listed("forum", lang="afb", copy=1)])
    (text,) = page.xpath("//p[@class='text']")
    assert (text.get("lang"), text.get("dir"), text.text_content()) == (
        "afb",
        "rtl",
        "شلونك اليوم؟",
    )
    (endonym,) = page.xpath("//p[@class='lead']/bdi")
    assert (endonym.text, endonym.get("lang"), endonym.get("dir")) == ("خليجي", "afb", "rtl")


def test_what_is_doubted_is_not_called_the_language(tmp_path: Path) -> None:
    rows = [row("Good day", "rather en than afb"), row("Guten Tag", "another language: de")]
    sources = [listed("forum", lang="afb", another_language=1, **{"rather en than afb": 1})]
    page = made(tmp_path, rows, sources)
    found = {p.text_content(): p.get("lang") for p in page.xpath("//p[@class='text']")}
    assert found == {"Good day": "und", "Guten Tag": "und"}
    assert "de" in page.xpath("//li[p='Guten Tag']/p[@class='how']")[0].text_content()


def test_nothing_of_a_text_becomes_markup(tmp_path: Path) -> None:
    rows = [row(HOSTILE, f"{HOSTILE}: {HOSTILE}", where=HOSTILE)]
    page = made(tmp_path, rows, [{**listed("forum"), "rejected": {HOSTILE: 1}, "note": HOSTILE}])
    assert texts(page) == [HOSTILE]
    assert page.xpath("//script") == []
    assert page.xpath("//*[@src or @href[not(starts-with(., '#'))]]") == []
    assert page.xpath("//h3")[0].text_content() == HOSTILE


def test_hidden_characters_are_written_out(tmp_path: Path) -> None:
    assert visible("a\u202eb\u200b\u0007") == "a" + "b".join(
        [hidden("202E"), hidden("200B") + hidden("0007")]
    )
    assert visible("می\u200cخواهم\n\u00a0") == "می\u200cخواهم\n\u00a0"


def hidden(code: str) -> str:
    return f'<span class="hidden" dir="ltr">U+{code}</span>'


@given(st.text())
def test_visible_text_is_the_text(text: str) -> None:
    clean = "".join(c for c in text if (c not in "\r\x00" and c.isprintable()) or c in "\n\u200c")
    parsed = html.fragment_fromstring(f"<p>{visible(clean)}</p>")
    assert not re.search("[\u202a-\u202e\u2066-\u2069\u200b]", visible(text))
    assert re.sub(r"U\+[0-9A-F]{4,}", "", parsed.text_content()) == re.sub(
        r"U\+[0-9A-F]{4,}", "", "".join(c for c in clean if visible(c)[:5] != "<span")
    )


@pytest.mark.parametrize(
    ("text", "side"),
    [("Bun di", "ltr"), ("صباح abc الخير", "rtl"), ("123 …", "auto"), ("", "auto")],
)
def test_direction_is_the_majoritys(text: str, side: str) -> None:
    assert direction(text) == side


def test_of_many_a_fixed_draw_is_shown_in_the_order_of_the_file(tmp_path: Path) -> None:
    rows = [row(f"text {n:04d}") for n in range(500)]
    page = made(tmp_path, rows, [listed("forum", 1000, copy=500)])
    shown = texts(page)
    assert len(shown) == SHOWN
    assert shown == sorted(shown)
    assert shown[-1] > "text 0250", "the draw reaches past the first rows"
    first = (tmp_path / "rejects.html").read_bytes()
    made(tmp_path, rows, [listed("forum", 1000, copy=500)])
    assert (tmp_path / "rejects.html").read_bytes() == first
    assert "500 of 1,000 (50.0 %)" in page.xpath("//summary")[0].text_content()


def test_the_draw_does_not_depend_on_order() -> None:
    rows = [json.dumps(row(f"text {n}")) for n in range(300)]

    def drawn(lines: list[str]) -> set[str]:
        (pile,) = piles_of(lines).values()
        return {r["text"] for r in pile.rows()}

    assert drawn(rows) == drawn(rows[::-1])


def test_what_had_no_room_and_what_was_missing_is_told(tmp_path: Path) -> None:
    sources = [listed("forum", 10, over_the_cap=4), listed("tweets", 0, problem="not found")]
    page = made(tmp_path, [], sources, ROMANSH)
    (reason,) = page.xpath("//div[@class='reason']")
    assert "4 of 10 (40.0 %): good, but there was no room" in reason.text_content()
    cells = [td.text_content() for td in page.xpath("//tr[th='tweets']/td")]
    assert cells == ["not read: not found"]


def test_every_link_leads_somewhere(tmp_path: Path) -> None:
    page = made(tmp_path, [row("x")], [listed("forum", copy=1), listed("books")])
    links = [a.get("href").removeprefix("#") for a in page.xpath("//a")]
    assert links == [section.get("id") for section in page.xpath("//section")] == ["source-forum"]
    assert [td.text for td in page.xpath("//tr[th='books']/td")][-1] == "0"


def test_what_could_not_be_read_is_listed_with_its_reason(tmp_path: Path) -> None:
    rows = [row("{half", "no JSON: line 3") | {"id": ""}, row("x", "no text") | {"id": ""}]
    page = made(tmp_path, rows, [listed("forum", unreadable=2, over_the_cap=1)])
    (summary,) = page.xpath("//summary")
    assert summary.text_content() == "unreadable 2 of 100 (2.0 %)"
    told = [p.text_content() for p in page.xpath("//li/p[@class='how']")]
    assert told == ["a.txt:1 · no JSON: line 3", "a.txt:1 · no text"]
    assert "no room" in page.xpath("//div[@class='reason']")[0].text_content()
