"""The labels of the report: stable ids, translations with the same slots, what check says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from docs_pages import page, rows, section
from release_support import labels_of

from locale_tune import labels
from locale_tune.build import _narrow
from locale_tune.conformance import _labels
from locale_tune.errors import PackErrors
from locale_tune.packfile import read_pack
from locale_tune.schema import LanguagePack, Locale
from locale_tune_release.page import SECTIONS, TEMPLATES

RTL = Locale(
    id="ar-gulf", tag="afb", script="Arab", name="Gulf Arabic", endonym="x", direction="rtl"
)
PACK = """
[locale]
id = "toy"
tag = "gsw"
script = "Latn"
name = "Toy"
endonym = "toy"
direction = "ltr"

[pack]
base_model = "package:m/f.gguf"
stages = []

[ui]
"""


def pack_with(folder: Path, ui: str) -> LanguagePack:
    (folder / "pack.toml").write_text(PACK + ui, encoding="utf-8")
    return read_pack(folder)


def test_the_docs_list_every_label_with_its_english() -> None:
    table = rows(section(page("pack-format.md"), "## `[ui]`"))
    assert {name: cells[1] for name, cells in table.items()} == labels.ENGLISH


def test_no_label_is_one_that_nothing_shows() -> None:
    """Ids that code puts together (`score-` and a metric) are known by their first word."""
    text = "".join(path.read_text(encoding="utf-8") for path in TEMPLATES.glob("*.html"))
    code = "".join(path.read_text("utf-8") for path in TEMPLATES.parent.glob("*.py"))
    named = set(re.findall(r'"([a-z][a-z0-9_-]*)"', text + code))
    joined = set(re.findall(r'"([a-z]+-)" ~', text)) | {"role-", "origin-", "score-", "rate-"}
    unused = [
        name
        for name in labels.ENGLISH
        if name not in named and not any(name.startswith(start) for start in joined)
    ]
    assert unused == []
    assert set(SECTIONS) <= set(labels.ENGLISH)


def test_labels_that_templates_name_exist() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in TEMPLATES.glob("*.html"))
    named = set(re.findall(r'\b(?:t|plain)\("([^"]+)"[,)]', text))
    assert len(named) > 90
    assert named <= set(labels.ENGLISH)


def test_a_pack_without_ui_has_none(tmp_path: Path) -> None:
    assert pack_with(tmp_path, "").ui == {}


def test_labels_are_seen_only_by_a_stage_that_reads_them(tmp_path: Path) -> None:
    pack = pack_with(tmp_path, 'base = "Basis"')
    assert _narrow(pack, ("sources",)).ui == {}
    assert _narrow(pack, ("ui",)).ui == {"base": "Basis"}


def test_slots_may_change_their_order(tmp_path: Path) -> None:
    assert pack_with(tmp_path, 'part-of = "vo {all} {part}"').ui == {"part-of": "vo {all} {part}"}


@pytest.mark.parametrize(
    ("line", "problem", "remedy"),
    [
        ('reslts = "x"', "unknown label 'reslts'", "results"),
        ('part-of = "{part} von"', "names in braces must be {all}, {part}", "{part} of {all}"),
        ('part-of = "{part} {all} {x}"', "names in braces must be", ""),
        ('base = "Basis {n}"', "names in braces must be none", ""),
        ('base = "a {"', "a brace without its other half", ""),
        ('base = " "', "the label 'base' is ' '", "quotes"),
        ("base = 3", "the label 'base' is 3", "quotes"),
        ('base = "B\\u202Easis"', "control characters (U+202E)", "take them out"),
        ('base = "B\\u2067a\\u0000"', "control characters (U+0000, U+2067)", "take them out"),
    ],
)
def test_wrong_labels_are_told_with_their_line(
    tmp_path: Path, line: str, problem: str, remedy: str
) -> None:
    with pytest.raises(PackErrors) as told:
        pack_with(tmp_path, f'worse = "schlächter"\n{line}')
    (mistake,) = told.value.mistakes
    assert problem in mistake.problem
    assert remedy in mistake.remedy
    assert mistake.where.endswith(f"pack.toml:{PACK.count(chr(10)) + 2}")


def test_joiners_and_marks_of_direction_are_letters_of_a_label(tmp_path: Path) -> None:
    text = "می\u200cشود\u200f (A)"
    assert pack_with(tmp_path, f'base = "{text}"').ui == {"base": text}


def test_check_says_what_is_missing(tmp_path: Path) -> None:
    (none,) = _labels(pack_with(tmp_path, ""))
    assert (none.state, none.rule) == ("note", "labels")
    (some,) = _labels(pack_with(tmp_path, 'base = "Basis"'))
    assert f"1 of {len(labels.ENGLISH)} labels" in some.text
    assert "report, lead" in some.text


@pytest.mark.parametrize("pack", ["ar-gulf", "rm"])
def test_both_packs_translate_every_label_and_leave_none_english(pack: str) -> None:
    ui = labels_of(RTL.model_copy(update={"id": pack}))
    assert labels.missing(ui) == []
    same = {name for name, text in ui.items() if text == labels.ENGLISH[name]}
    assert same <= {"model", "interval", "score-ece", "pair", "measure-bytes"}


def test_arabic_labels_are_arabic() -> None:
    for name, text in labels_of(RTL).items():
        if name not in ("pair", "check-on"):
            assert re.search("[\u0621-\u064a]", text), name
