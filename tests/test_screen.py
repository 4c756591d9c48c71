"""The table that a build ends with."""

from __future__ import annotations

from io import StringIO

from rich.console import Console

from locale_tune.api import Finding
from locale_tune.cli.screen import findings_table


def printed(*sections):
    findings = [
        Finding(check=f"c{n}", on="rm", label=f"check {n}", before=1, after=2, n=3, section=section)
        for n, section in enumerate(sections)
    ]
    console = Console(file=StringIO(), width=160)
    console.print(findings_table(findings))
    return [line.strip() for line in console.file.getvalue().splitlines()]


def test_findings_stand_under_the_headings_of_the_report_in_its_order():
    lines = printed("align", "language", "", "language")
    assert lines[1] == "Language"
    assert [line[:7] for line in lines[2:4]] == ["check 1", "check 3"]
    assert lines[4].startswith("What learning from preferences changed")
    assert lines[5].startswith("check 0")
    assert (lines[6], lines[7][:7]) == ("More", "check 2")


def test_a_single_section_needs_no_heading():
    assert [line[:7] for line in printed("language", "language")[1:]] == ["check 0", "check 1"]
