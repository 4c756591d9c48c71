"""Options of a source in a file of the pack."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests_support import PACK

from locale_tune.api import PackError, read_pack
from locale_tune.conformance import check_pack
from locale_tune.plugins import find_language

FILE = """\
# phrasings
group = "g-{a}"

[[templates]]
task = "t"
ask = "{a}?"
say = "{b}."

[[templates]]
task = "t"
ask = "{b}?"
say = "{a}."
"""
SOURCE = """
[[sources]]
id = "rows"
kind = "templates"
uri = "data/rows.jsonl"
licence = "CC0-1.0"
role = "lessons"
options = { rows = "jsonl" }
options_file = "data/phrasings.toml"
"""
Write = Callable[..., Path]


def write(write_pack: Write, source: str = SOURCE, file: str = FILE) -> Path:
    root = write_pack(PACK + source)
    (root / "data" / "phrasings.toml").write_text(file, encoding="utf-8")
    (root / "data" / "rows.jsonl").write_text('{"a": "x", "b": "y"}\n', encoding="utf-8")
    return root


def test_options_of_a_file_join_those_of_the_pack_and_know_their_lines(write_pack: Write) -> None:
    source = read_pack(write(write_pack)).sources[1]
    assert source.options["rows"] == "jsonl"
    assert source.options["group"] == "g-{a}"
    assert [t["line"] for t in source.options["templates"]] == [4, 9]
    assert source.options_file == "data/phrasings.toml"


def test_a_mistake_in_a_phrasing_is_told_with_the_files_line(write_pack: Write) -> None:
    root = write(write_pack, file=FILE.replace('ask = "{b}?"', 'ask = "{bb}?"'))
    wrong = [v for v in check_pack(find_language(str(root))) if v.state == "fix"]
    assert "data/phrasings.toml:9: rows: template 2 ('t')" in wrong[0].text
    assert wrong[0].remedy == "did you mean 'b'?"


@pytest.mark.parametrize(
    ("source", "file", "problem"),
    [
        (
            SOURCE.replace("data/phrasings", "data/none"),
            FILE,
            "no file 'data/none.toml' of options",
        ),
        (SOURCE.replace("data/phrasings.toml", "../x.toml"), FILE, "no file '../x.toml'"),
        (SOURCE.replace("data/phrasings.toml", "pack.toml"), FILE, "no file 'pack.toml'"),
        (SOURCE, FILE + 'rows = "csv"', "this is not"),
        (SOURCE, 'rows = "csv"\n' + FILE, "the option 'rows' stands in data/phrasings.toml too"),
        (SOURCE, "a = 2020-01-01", "a date"),
        (SOURCE, "a = inf", "a number without end"),
    ],
)
def test_a_file_that_cannot_be_used_is_told(
    write_pack: Write, source: str, file: str, problem: str
) -> None:
    if problem == "this is not":
        file = file.replace("[[templates]]", "[[templates", 1)
    with pytest.raises(PackError) as raised:
        read_pack(write(write_pack, source, file))
    assert problem in str(raised.value)
