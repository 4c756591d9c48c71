"""The papers of a corpus: the EU summary and the Croissant say what sources.json and facts say."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from corpus_support import GULF, ROMANSH

from locale_tune.api import Message, Record, write_json, write_records
from locale_tune_corpus import croissant, eu_summary

FACTS: dict[str, Any] = {
    "line": "0.05 MB of text",
    "splits": {"text": 3, "heldout": 1, "lessons": 1},
    "rejected": {"copy": 7, "under 20 bytes": 2, "holds a held-out text": 1},
    "varieties": {"rm-sursilv": {"text_bytes": 300}, "rm-rumgr": {"text_bytes": 100}},
}


def listed(name: str, **more: Any) -> dict[str, Any]:
    row = {
        "id": name,
        "kind": "text",
        "uri": f"https://texts.example/{name}.txt",
        "licence": "CC-BY-4.0",
        "role": "text",
        "lang": "rm",
        "variety": "",
        "origin": "native",
        "credit": f"The {name} people",
        "collected": "",
        "note": "",
        "sha256": "ab" * 32,
        "seen": 10,
        "kept": 8,
        "bytes": 1000,
        "rejected": {},
        "missing": False,
        "problem": "",
    }
    return {**row, **more}


ROWS = [
    listed("forum", collected="2024-05", note="chat of a village", consent="asked in 2024"),
    listed("letters", uri="mirror:letters", steward="Lia Rumantscha", residency="CH"),
    listed("archive", uri="https://texts.example/a", access="on request"),
    listed("facts", uri="data/facts.toml", origin="synthetic", role="lessons", bytes=500),
    listed("exam", role="questions", licence="LicenseRef-Exam"),
    listed("lost", kept=0, seen=0, bytes=0, problem="the file was not found on this machine"),
]
HOSTILE = "a|b <script>x</script> [c](d) `e` $publisher ${name}\n# f"


def section(text: str, heading: str) -> str:
    """Return what stands under a heading of Markdown, up to the next heading."""
    found = re.search(rf"^{re.escape(heading)}.*?\n(.*?)(?=^#|\Z)", text, re.DOTALL | re.MULTILINE)
    assert found, heading
    return found[1]


def test_the_summary_has_the_three_sections_of_the_template() -> None:
    text = eu_summary.summary(ROMANSH, ROWS, FACTS)
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == [
        "1. General information",
        "2. List of data sources",
        "3. Data processing aspects",
    ]
    numbers = [*("1.1", "1.2", "1.3"), *(f"2.{n}" for n in range(1, 7)), *("3.1", "3.2", "3.3")]
    assert re.findall(r"^### (\S+)", text, re.MULTILINE) == numbers
    assert "$" not in text


def test_each_trained_source_stands_where_it_belongs() -> None:
    text = eu_summary.summary(ROMANSH, ROWS, FACTS)
    assert "| forum | https://texts.example/forum.txt | CC-BY-4.0 |" in section(text, "### 2.1")
    private = section(text, "### 2.2")
    assert re.findall(r"^\| (\w+) \| \S+:", private, re.MULTILINE) == ["letters", "archive"]
    assert "kept by Lia Rumantscha" in private
    assert section(text, "### 2.5").strip().endswith("- facts: 500 bytes")
    assert "| facts | data/facts.toml |" in section(text, "### 2.6")
    assert text.count("| facts |") == 1
    assert "| exam |" not in text, "what is only measured with is no training content"
    assert "- lost: the file was not found" in section(text, "### 3.1")
    assert "- forum: asked in 2024" in section(text, "### 3.1")


def test_sizes_languages_and_reasons_are_counted() -> None:
    text = eu_summary.summary(ROMANSH, ROWS, FACTS)
    general = section(text, "### 1.3")
    assert "less than 1 billion tokens (3,500 bytes of text)" in general
    assert "Latest date of collection that a source states: 2024-05" in general
    assert "| rm | 3,500 | 100.0 % |" in general
    assert "| under 20 bytes | 2 |" in section(text, "### 3.2")
    assert "copy" not in section(text, "### 3.2")
    assert "| copy | 7 |\n| holds a held-out text | 1 |" in section(text, "### 3.3")


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (3_999_999_999, "less than 1 billion"),
        (4_000_000_000, "1 billion to 10 trillion"),
        (40_000_000_000_000, "more than 10 trillion"),
    ],
)
def test_the_ranges_of_the_template(size: int, words: str) -> None:
    assert words in eu_summary.summary(ROMANSH, [listed("a", bytes=size)], {})


def test_a_corpus_without_anything_still_has_its_summary() -> None:
    text = eu_summary.summary(ROMANSH, [], {})
    assert section(text, "### 2.1").strip() == "None."
    assert "Latest date of collection that a source states: not stated" in text


def test_nothing_of_a_source_becomes_markup() -> None:
    row = listed(
        "a", uri=HOSTILE, credit=HOSTILE, steward=HOSTILE, consent=HOSTILE, collected=HOSTILE
    )
    text = eu_summary.summary(GULF, [row, listed("b", problem=HOSTILE)], {"rejected": {HOSTILE: 1}})
    assert "<script" not in text
    assert not re.search(r"(?<!\\)\]\(d\)", text)
    assert "\n# f" not in text
    for line in text.splitlines():
        if line.startswith("| a |"):
            assert len(re.findall(r"(?<!\\)\|", line)) == 8
    assert '<bdi lang="afb" dir="rtl">خليجي</bdi>' in text


def record(**more: Any) -> Record:
    return Record(id="x", source="forum", lang="rm", **more)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write a small corpus as `collect` leaves it."""
    write_records(tmp_path / "text", [record(text="Bun di"), record(text="Co vai?")])
    write_records(tmp_path / "heldout", [record(text="Jau hai num Gian.")])
    turns = (Message(role="user", content="Co?"), Message(role="assistant", content="Bain."))
    write_records(tmp_path / "lessons", [record(messages=turns)])
    write_json(tmp_path / "sources.json", ROWS)
    return tmp_path


@pytest.fixture
def said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1767225600")
    croissant.write(folder, ROMANSH, FACTS, "c0ffee")
    found: dict[str, Any] = json.loads((folder / "croissant.json").read_text(encoding="utf-8"))
    return found


def test_every_required_property_is_there(said: dict[str, Any]) -> None:
    required = {"@context", "@type", "conformsTo", "name", "description", "url", "license"}
    assert required | {"creator", "datePublished", "distribution", "recordSet"} <= set(said)
    assert said["@type"] == "sc:Dataset"
    assert said["conformsTo"] == [
        "http://mlcommons.org/croissant/1.1",
        "http://mlcommons.org/croissant/RAI/1.0",
    ]
    assert said["datePublished"] == "2026-01-01"
    assert said["url"] == "urn:locale-tune:corpus:c0ffee"
    assert said["license"] == ["https://spdx.org/licenses/CC-BY-4.0.html", "LicenseRef-Exam"]


def test_every_term_is_in_the_context(said: dict[str, Any]) -> None:
    known = set(said["@context"])
    schema_org = {"name", "description", "url", "version", "license", "creator", "distribution"}
    schema_org |= {"datePublished", "inLanguage", "isBasedOn", "contentUrl", "contentSize"}
    schema_org |= {"encodingFormat", "sha256", "identifier", "creditText", "dateCreated", "genre"}
    schema_org |= {"conditionsOfAccess", "countryOfOrigin", "usageInfo", "maintainer"}

    def terms(value: Any) -> set[str]:
        if isinstance(value, list):
            return set().union(*map(terms, value)) if value else set()
        if isinstance(value, dict):
            return {k for k in value if k[0] != "@"}.union(*map(terms, value.values()))
        return set()

    body = {key: value for key, value in said.items() if key != "@context"}
    strange = {term for term in terms(body) if term not in known and term not in schema_org}
    assert {term.partition(":")[0] for term in strange} <= {"rai", "prov"} <= known


def test_every_file_has_its_digest(said: dict[str, Any], folder: Path) -> None:
    files = {f["@id"]: f for f in said["distribution"] if f["@type"] == "cr:FileObject"}
    written = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*.parquet")}
    assert set(files) == set(written)
    for name, path in written.items():
        assert files[name]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        assert files[name]["contentSize"] == f"{path.stat().st_size} B"


def test_the_fields_are_the_columns_of_the_files(said: dict[str, Any], folder: Path) -> None:
    sets = {f["@id"]: f["includes"] for f in said["distribution"] if f["@type"] == "cr:FileSet"}
    assert [r["@id"] for r in said["recordSet"]] == ["text", "lessons", "heldout"]
    for records in said["recordSet"]:
        (path,) = folder.glob(sets[f"{records['@id']}-files"])
        schema = pq.read_schema(path)
        fields = {field["name"]: field for field in records["field"]}
        assert list(fields) == schema.names
        for column in schema:
            field = fields[column.name]
            assert field["source"]["fileSet"]["@id"] in sets
            assert field["source"]["extract"] == {"column": column.name}
            assert field.get("isArray", False) == str(column.type).startswith("list")
    names = [field["@id"] for records in said["recordSet"] for field in records["field"]]
    assert len(set(names)) == len(names)


def test_turns_of_a_conversation_are_fields_of_their_own(said: dict[str, Any]) -> None:
    (lessons,) = (r for r in said["recordSet"] if r["@id"] == "lessons")
    (messages,) = (f for f in lessons["field"] if f["name"] == "messages")
    assert [part["name"] for part in messages["subField"]] == ["role", "content"]


def test_sources_say_what_their_pack_states_and_no_more(said: dict[str, Any]) -> None:
    sources = {source["name"]: source for source in said["isBasedOn"]}
    assert list(sources) == ["forum", "letters", "archive", "facts", "exam"]
    assert sources["letters"]["maintainer"]["name"] == "Lia Rumantscha"
    assert sources["letters"]["countryOfOrigin"] == "CH"
    assert sources["archive"]["conditionsOfAccess"] == "on request"
    assert sources["forum"]["dateCreated"] == "2024-05"
    assert "maintainer" not in sources["forum"]
    links = [link["@id"] for link in said["prov:wasDerivedFrom"]]
    assert links == [source["@id"] for source in said["isBasedOn"]]


def test_the_terms_of_responsible_ai(said: dict[str, Any]) -> None:
    assert said["rai:dataCollectionTimeframe"] == ["2024-05"]
    assert "7 records left out: copy" in said["rai:dataPreprocessingProtocol"]
    assert said["rai:dataBiases"] == [
        "Varieties of the text in Romansh, by bytes: rm-rumgr 25.0 %, rm-sursilv 75.0 %"
    ]
    assert said["rai:dataManipulationProtocol"].endswith("facts")
    assert said["rai:dataLimitations"][0] == "forum: chat of a village"
    assert any(told.startswith("lost was not read") for told in said["rai:dataLimitations"])
    assert not [key for key, value in said.items() if value in ("", [], None)]


def test_the_same_corpus_has_the_same_bytes(said: dict[str, Any], folder: Path) -> None:
    first = (folder / "croissant.json").read_bytes()
    croissant.write(folder, ROMANSH, FACTS, "c0ffee")
    assert (folder / "croissant.json").read_bytes() == first


def test_mlcroissant_reads_the_records(said: dict[str, Any], folder: Path) -> None:
    """With the library of the specification's authors, where it is installed."""
    mlc = pytest.importorskip("mlcroissant", reason="pip install mlcroissant, the reference")
    found = [
        row["text/text"].decode() for row in mlc.Dataset(folder / "croissant.json").records("text")
    ]
    assert found == ["Bun di", "Co vai?"]


def test_text_that_is_held_out_is_no_training_content() -> None:
    held = [{**ROWS[0], "heldout_bytes": 400}, *ROWS[1:]]
    text = eu_summary.summary(ROMANSH, held, FACTS)
    assert "(3,100 bytes of text)" in section(text, "### 1.3")
    assert re.search(r"\| forum \|.*\| 600 \|", section(text, "### 2.1"))
