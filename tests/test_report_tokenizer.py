"""The tokenizer section of the report: spans, floor, curve, rows, trimming, certificate, zero."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from extension_facts import REASON, TRIMMED, certificate, extension_facts, nothing_added
from release_numbers import GULF, ROMANSH, TEXTS
from release_page import headings, page_of, section, table, text_of
from release_support import Build, example, new_tokens


@pytest.fixture
def build(tmp_path: Path) -> Build:
    return example(tmp_path, GULF)


def row(text: str, before: list[list[int]], after: list[list[int]]) -> dict[str, Any]:
    return {"text": text, "lang": "afb", "direction": "rtl", "before": before, "after": after}


def test_the_answer_comes_first_with_its_reason(build: Build) -> None:
    part = section(build)
    assert text_of(part[1]) == (
        f"1,200 tokens were added. Why so many: {REASON}. The rarest was seen 112 times."
    )
    assert text_of(part[2]) == "0.7 % of 2,000 control lines get other ids"


def test_pieces_that_share_a_letter_are_striped_and_counted(build: Build) -> None:
    figure = section(build).xpath(".//figure")[0]
    first = figure.xpath("./p[contains(@class, 'pieces')]")[0]
    torn = [span for span in first.xpath("./span") if span.get("class").startswith("torn")]
    assert "".join(span.text for span in torn) == re.sub(r"\s", "", TEXTS["ar-gulf"][0])
    told = figure.xpath("./p[@class='how']")
    assert re.fullmatch(r"striped stretches: \d+ of 2 pieces(, \d+ of 4 pieces)?", text_of(told[0]))
    kinds = [span.get("class").removeprefix("torn ") for span in torn]
    assert all(left != right for left, right in pairwise(kinds))


def test_the_printed_count_is_that_of_all_tokens(build: Build) -> None:
    text = "كَتَبَ"
    each = [[place, place + 1] for place in range(6)]
    build.findings["tokenizer"]["rows"] = [row(text, [[0, 1], *each], [[0, 6], [6, 6]])]
    figure = section(build).xpath(".//figure")[0]
    assert [text_of(b) for b in figure.xpath(".//b")] == ["7", "2"]
    before, after = figure.xpath("./p[contains(@class, 'pieces')]")
    assert [span.text for span in before] == ["كَ", "تَ", "بَ"]
    assert [span.text for span in after] == [text]
    assert [text_of(p) for p in figure.xpath("./p[@class='how']")] == [
        "striped stretches: 2 of 2 pieces, 1 of 3 pieces"
    ]


def test_sentences_cut_alike_are_shown_once(build: Build) -> None:
    build.findings["tokenizer"]["rows"] = [row("زين", [[0, 3]], [[0, 3]])]
    figure = section(build).xpath(".//figure")[0]
    assert len(figure.xpath("./p")) == 1
    assert text_of(figure) == "Base and localized pieces: 1 زين"


def test_neighbours_differ_by_more_than_colour(build: Build) -> None:
    style = page_of(build).xpath("//style")[0].text
    kinds = dict(re.findall(r"(\.pieces \.[\w.]+) \{ background: ([^}]*); \}", style))
    assert set(kinds) == {".pieces .a", ".pieces .b", ".pieces .torn.a", ".pieces .torn.b"}
    lines = {name: "var(--axis)" in value for name, value in kinds.items()}
    assert lines == {".pieces .a": True, ".pieces .b": False} | {
        ".pieces .torn.a": True,
        ".pieces .torn.b": True,
    }
    without_colour = {re.sub(r"var\(--piece[\w-]*\)", "x", value) for value in kinds.values()}
    assert len(without_colour) == 4


def test_the_floor_stands_beside_tokens_per_word(build: Build) -> None:
    rows = table(section(build), "How finely the language is cut")
    names = [cells[0].split(" ↓")[0].split(" ↑")[0] for cells in rows]
    assert names == [
        "tokens per word",
        "tokens per word, words alone",
        "pre-tokenizer floor",
        "bytes per token",
        "tokens against English, same meaning",
    ]
    assert [cells[1:] for cells in rows[:3]] == [
        ["3.10", "1.71"],
        ["3.24", "1.74"],
        ["1.36", "1.36"],
    ]
    assert "English has 1.21 with the base" in rows[1][0]


def test_an_upgrade_changes_the_floor_of_the_localized_side(build: Build) -> None:
    assert build.extension is not None
    build.extension["pretokenizer"] |= {"accepted": True, "reason": "it lowers the floor"}
    part = section(build)
    rows = table(part, "How finely the language is cut")
    assert rows[2][1:] == ["1.36", "1.02"]
    assert "the floor fell from 1.36 to 1.02 pieces per word. 3 of 600 replay" in text_of(part)


def test_an_offered_upgrade_says_what_it_would_give_and_cost(build: Build) -> None:
    (offer,) = section(build).xpath("./p[@class='callout']")
    assert text_of(offer) == (
        "An upgrade of the pre-tokenizer, which keeps combining marks with their letters, would "
        "lower the floor from 1.36 to 1.02 pieces per word. 3 of 600 replay lines would get other "
        "ids (0.5 %). Not taken: offered, not asked for (setting pretokenizer)."
    )


def test_the_curve_is_a_picture_with_its_numbers_in_a_table(build: Build) -> None:
    part = section(build)
    (picture,) = part.xpath(".//svg")
    assert picture.get("role") == "img"
    assert text_of(picture.find("title")) == "Tokens per word by number of new tokens"
    assert "knee of the curve: 1,200; limit of min_frequency: 1,900" in text_of(
        picture.find("desc")
    )
    rows = table(part, "The numbers of this curve")
    assert ["1,200", "1.74", "taken, knee of the curve"] in rows
    assert len(picture.xpath(".//circle[@class='mark point']")) == 8
    assert len(rows) == 9


def test_the_marks_of_the_curve_differ_in_shape(build: Build) -> None:
    page = page_of(build)
    picture = page.xpath("//section[@id='tokenizer']//svg")[0]
    for kind in ("knee", "frequent", "floor"):
        assert len(picture.xpath(f".//path[@class='guide {kind}']")) == 2, "in plot and legend"
    assert len(picture.xpath(".//rect[@class='mark after']")) == 2
    style = page.xpath("//style")[0].text
    dashes = re.findall(r"\.guide\.\w+ \{[^}]*stroke-dasharray: ([\d ]+)", style)
    assert len(set(dashes)) == len(dashes) == 3


def test_rows_are_told_in_words_and_their_losses_in_a_table(build: Build) -> None:
    part = section(build)
    text = text_of(part)
    assert "1,200 new rows, in one table for reading and writing, began" in text
    assert "140 half way to their translations in the pack's lexicon" in text
    assert "A probe of 100 steps of each loss decided" in text
    assert "All 49,152 old rows are bit for bit what they were." in text
    assert table(part, "New rows on held-out text") == [
        ["bits per byte ↓", "1.851", "2.412", "1.902"],
        ["loss in nats per token ↓", "not comparable", "9.005", "7.212"],
    ]


def test_trimming_shows_what_it_saved_and_what_each_language_pays(build: Build) -> None:
    build.extension = extension_facts([], trimmed=TRIMMED)
    part = section(build)
    assert "trimmed from 49,152 to 30,000 tokens: 39 % of it went" in text_of(part)
    assert ["parameters", "135 M", "124 M", "11.0 M (8.2 %)"] in table(part, "What trimming saved")
    assert ["bytes saved in the model's file", "43.9 MB"] in table(part, "Other figures")
    told = "counted text: the true cost is higher"
    assert table(part, "What trimming costs each language") == [
        ["afb", "3.20 to 3.24", "+1.3 %", "2.00 to 1.98", "300"],
        [f"en {told}", "1.01 to 1.09", "+7.9 %", "4.70 to 4.40", "60"],
        ["not named", "no words", "not measured", "1.00 to 1.00", "5"],
    ]


def test_without_trimming_nothing_is_said_of_it(build: Build) -> None:
    assert "Trimming" not in headings(section(build))


def test_certificate_says_passed_failed_or_not_run_and_why(build: Build) -> None:
    build.certificate = certificate() | {
        "template": {"passed": False, "example": "'<|im_start|>' has other ids", "chats": 8}
    }
    part = section(build)
    rows = {cells[0]: cells[1:] for cells in table(part, "Certificate")}
    found = {name.split(" ")[0]: cells for name, cells in rows.items()}
    assert found["round"] == ["passed", "lines: 6,031; exact: 6,030"]
    assert found["template"] == ["failed '<|im_start|>' has other ids", "chats: 8"]
    assert found["GGUF"] == [
        "not run needs gguf and llama-cpp-python, not installed here",
        "",
    ]
    assert found["blast"][1] == (
        "limit: 0.5 %; replay: lines 182, changed 3, share 1.7 %, within limit no"
    )
    assert "8 checks: 5 passed, 1 failed, 2 not run." in text_of(part)
    classes = part.xpath(".//table[@class='certificate']//span[contains(@class, 'verdict')]/@class")
    assert sorted(set(classes)) == ["verdict better", "verdict unclear", "verdict worse"]


def test_new_tokens_without_a_certificate_are_said_to_be_unproven(build: Build) -> None:
    build.certificate = None
    assert "There is no certificate beside this model" in text_of(section(build))


@pytest.mark.parametrize(
    "reason",
    [
        "too little text: 0.05 MB after filters, 5.00 MB needed (setting min_bytes)",
        "not extended: the tokenizer is Unigram, not BPE",
    ],
)
def test_zero_says_the_reason_first_and_shows_no_empty_table(build: Build, reason: str) -> None:
    build.extension, build.certificate = nothing_added(reason), None
    part = section(build)
    assert text_of(part[1]) == f"No token was added. Why: {reason}."
    assert headings(part) == ["The same sentences, cut into pieces"]
    assert not part.xpath(".//svg")
    assert len(part.xpath(".//table")) == 1
    assert all(t.xpath("./tbody/tr") for t in part.xpath(".//table"))
    assert "certificate" not in text_of(part).casefold()


def test_zero_that_changed_nothing_has_one_column(build: Build) -> None:
    build.extension, build.certificate = nothing_added("already compact"), None
    for key in ("fertility", "bytes_per_token", "parity"):
        build.findings["tokenizer"][f"{key}_after"] = build.findings["tokenizer"][f"{key}_before"]
    rows = table(section(build), "How finely the language is cut")
    assert [len(cells) for cells in rows] == [2] * 5
    assert rows[2][1] == "1.10"


def test_zero_after_looking_at_a_curve_still_shows_it(build: Build) -> None:
    points = [{"new_tokens": n, "tokens_per_word": 2.0} for n in (0, 40)]
    reason = "nothing saved: 40 frequent merges shorten no held-out word"
    build.extension = nothing_added(reason) | {"curve": points, "frequent": 40}
    build.certificate = None
    rows = table(section(build), "The numbers of this curve")
    assert rows[0] == ["0", "2.00", "taken, knee of the curve"]


def test_zero_tokens_after_trimming_still_show_the_trimming(build: Build) -> None:
    build.extension = nothing_added("already compact", trimmed=TRIMMED)
    build.certificate = {"trimming": {"passed": True, "lines": 9}}
    part = section(build)
    assert text_of(part[1]).startswith("No token was added.")
    assert "Trimming" in headings(part)
    assert table(part, "Certificate")[0][1] == "passed"


def test_nothing_measured_and_no_extension_leave_no_table(build: Build) -> None:
    build.extension = build.certificate = None
    build.findings["tokenizer"] = {}
    part = section(build)
    assert text_of(part[1]) == "The vocabulary of the base was kept; no token was added."
    assert not part.xpath(".//table|.//svg|.//figure")


def test_a_left_to_right_pack_has_the_same_section(tmp_path: Path) -> None:
    build = example(tmp_path, ROMANSH)
    build.extension = extension_facts(new_tokens(ROMANSH), trimmed=TRIMMED)
    part = section(build)
    assert headings(part) == [
        "The same sentences, cut into pieces",
        "New tokens",
        "How many new tokens pay",
        "Rows of the new tokens",
        "Trimming",
        "Certificate",
    ]
    (chips,) = part.xpath(".//ul[@class='chips']")
    assert (chips.get("lang"), chips.get("dir")) == ("rm", "ltr")
    assert text_of(chips[0]) == "Bun"


def test_parts_of_letters_are_not_shown_as_new_tokens(build: Build) -> None:
    build.extension = extension_facts([" زين", "ا\ufffd", " the", "زين"])
    (chips,) = section(build).xpath(".//ul[@class='chips']")
    assert [text_of(chip) for chip in chips] == ["زين"]
