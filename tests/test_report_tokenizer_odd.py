"""The tokenizer section of hostile, odd and foreign facts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from extension_facts import TRIMMED, certificate, extension_facts
from lxml import html
from release_numbers import GULF
from release_page import marked, page_of, section, table, text_nodes, text_of
from release_support import Build, example

from locale_tune_release.script import is_script

pytestmark = pytest.mark.slow

HOSTILE = '</svg></table><script>alert(1)</script><b title="{{ 7 * 7 }}">&amp;\u202e'


@pytest.fixture
def build(tmp_path: Path) -> Build:
    return example(tmp_path, GULF)


@pytest.mark.parametrize("odd", [None, "yes", 1, 0, "", "true", {}, []])
def test_only_true_reads_as_passed(build: Build, odd: object) -> None:
    build.certificate = {"round trip": {"passed": odd, "lines": 3}, "bare": odd}
    for cells in table(section(build), "Certificate"):
        assert cells[1] == "not run no reason was given"


@pytest.mark.parametrize("odd", [None, "x", 3, -1, True, [], {}, [1, "a", None], {"a": {"b": [1]}}])
def test_facts_of_another_kind_do_not_stop_the_page(build: Build, odd: object) -> None:
    build.extension = dict.fromkeys(extension_facts([]), odd)
    build.certificate = {"rows": odd, "id stability": {"passed": True, "old_tokens": odd}}
    assert text_of(section(build)[0]) == "Tokenizer"


def test_hostile_facts_stay_text(build: Build, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    plain = page_of(example(tmp_path / "plain", GULF))
    assert build.extension is not None
    build.extension = {
        **poisoned(build.extension),
        "trimmed": poisoned(TRIMMED) | {HOSTILE: HOSTILE, "languages": {HOSTILE: {"cost": 1}}},
        "tokens": [HOSTILE, f" زين{HOSTILE}"],
    }
    build.certificate = poisoned(certificate()) | {HOSTILE: {"passed": None, "why": HOSTILE}}
    page = page_of(build)
    tags = {e.tag for e in page.iter() if isinstance(e.tag, str)}
    assert tags <= {e.tag for e in plain.iter() if isinstance(e.tag, str)}
    assert not page.xpath("//script|//@onerror")
    assert page.xpath("//section[@id='tokenizer']")[0].text_content().count("{{ 7 * 7 }}") > 10


def poisoned(value: Any) -> Any:
    """Return the value with the hostile text behind every free text in it."""
    if isinstance(value, dict):
        return {key: poisoned(item) for key, item in value.items()}
    if isinstance(value, list):
        return [poisoned(item) for item in value]
    return value + HOSTILE if isinstance(value, str) else value


def test_native_text_in_facts_carries_its_language(build: Build) -> None:
    native = "كلام الناس"
    assert build.extension is not None
    build.extension |= {"reason": f"because {native}", "notes": [native], "measured_on": native}
    build.extension["rows"] |= {"rows_loss_reason": native, "initializer": native}
    build.extension["trimmed"] = TRIMMED | {"reason": native, native: native}
    build.extension["pretokenizer"] |= {"reason": native}
    build.certificate = {"round trip": {"passed": False, "example": native, native: native}}
    found = [(e, t) for e, t in text_nodes(page_of(build)) if any(is_script(c, "Arab") for c in t)]
    for element, text in found:
        assert marked(element) == ("afb", "rtl"), text


def test_the_raw_data_hold_no_path_but_tokens_stay_to_the_letter(build: Build) -> None:
    assert build.extension is not None
    build.extension |= {"tokens": [" /usr/lib/x"], "notes": ["read /home/me/run/notes.txt"]}
    page = page_of(build)
    raw = html.tostring(page.xpath("//section[@id='raw']")[0], encoding="unicode")
    assert "/usr/lib/x" in raw
    assert "/home/me" not in raw
