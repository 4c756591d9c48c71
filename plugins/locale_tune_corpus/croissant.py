"""`croissant.json`: the corpus in Croissant 1.1 with terms of the responsible-AI vocabulary.

Croissant is JSON-LD on schema.org: files with digests, the columns of their records, licences and
where all comes from (mlcommons.org/croissant/1.1 and /RAI/1.0). What nobody has said is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from locale_tune.api import Locale, licences, now, read_json, sha256_file, write_json

FILE = "croissant.json"
CROISSANT, RAI = "http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"
SPDX = "https://spdx.org/licenses/{}.html"
TRAINING = {"text": "trained on", "replay": "trained on, so that less is forgotten"}
TRAINING |= {"lessons": "trained on, as conversations"}
TRAINING |= {"preferences": "trained on, as pairs of answers of which one is preferred"}
MEASURING = {"heldout": "measured with, never trained on", "parallel": "measured with, as pairs"}
MEASURING |= {"heldout_preferences": "measured with, as pairs of answers"}
MEASURING |= {"questions": "measured with, as multiple choice", "control": "measured with"}
MEASURING |= {"prompts": "asked to measure the answers, never trained on"}
MEASURING |= {"contrast": "other languages, to tell them apart", "lexicon": "words looked up"}
SPLITS = TRAINING | MEASURING
TEXT = "sc:Text"
COLUMNS: dict[str, tuple[str, str]] = {
    "id": (TEXT, "name of the record within its source"),
    "source": (TEXT, "name of the source in the language pack"),
    "lang": (TEXT, "language tag (BCP 47)"),
    "variety": (TEXT, "tag of the variety, where it is known"),
    "text": (TEXT, "running text in NFC; empty for other kinds of record"),
    "messages": ("", "turns of a conversation"),
    "question": (TEXT, "the question of a multiple-choice item"),
    "choices": (TEXT, "its choices"),
    "answer": ("sc:Integer", "index of the right choice, from 0"),
    "translation": (TEXT, "translation of the text, for pairs"),
    "rejected": (TEXT, "the answer to which the last one of the conversation is preferred"),
    "meta": (TEXT, "more about the record, as a JSON object of texts"),
}
LISTS = ("choices", "messages")
# As appendix 1 of the specification recommends, with PROV-O for what the corpus is made from.
TERMS = """
annotation arrayShape citeAs column containedIn equivalentProperty excludes extract field fileObject
fileProperty fileSet format includes isArray isLiveDataset jsonPath key md5 parentField path
readLines recordSet references regex repeated replace samplingRate sdVersion separator source
subField transform unArchive value
"""
CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "prov": "http://www.w3.org/ns/prov#",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{term: f"cr:{term}" for term in TERMS.split()},
}


def write(folder: Path, locale: Locale, facts: Mapping[str, Any], identity: str) -> None:
    """Write `croissant.json` of a corpus: `facts` are what `collect` returns, `identity` its name.

    The date is that of SOURCE_DATE_EPOCH where it is set, so that two builds can be the same.
    """
    made = {"identity": identity, "published": now().date().isoformat()}
    rows = read_json(folder / "sources.json")
    write_json(folder / FILE, document(locale, rows, facts, list(files_of(folder)), made))


def files_of(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield path, size and SHA-256 of each Parquet file of a corpus, split by split."""
    for split in SPLITS:
        for path in sorted((folder / split).glob("*.parquet")):
            name = path.relative_to(folder).as_posix()
            yield {
                "path": name,
                "split": split,
                "size": path.stat().st_size,
                "sha256": sha256_file(path),
            }


def document(
    locale: Locale,
    rows: Sequence[Mapping[str, Any]],
    facts: Mapping[str, Any],
    files: Sequence[Mapping[str, Any]],
    made: Mapping[str, str],
) -> dict[str, Any]:
    """Return the Croissant of a corpus.

    `rows` are the entries of its sources.json, `files` what `files_of` yields; `made` says its
    `identity` (a fingerprint) and the date `published`.
    """
    used = [row for row in rows if row.get("kept")]
    splits = list(dict.fromkeys(file["split"] for file in files))
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": [CROISSANT, RAI],
        "name": f"locale-tune-{locale.id}-corpus",
        "description": _description(locale, used, facts),
        "url": f"urn:locale-tune:corpus:{made['identity']}",
        "version": "1.0.0",
        "datePublished": made["published"],
        "inLanguage": sorted({row["lang"] for row in used if row.get("lang")} | {locale.tag}),
        "license": _addresses(used),
        "creator": [
            {"@type": "sc:Organization", "name": name}
            for name in sorted({row["credit"] or row["id"] for row in used})
        ],
        "citeAs": f"Corpus {made['identity'][:16]}, {locale.name}, compiled by locale-tune",
        "isLiveDataset": False,
        "distribution": [*map(_file, files), *(_set(split, files) for split in splits)],
        "recordSet": [_records(split) for split in splits],
        "isBasedOn": [_source(row) for row in used],
        "prov:wasDerivedFrom": [{"@id": _source_id(row)} for row in used],
        **_responsible(locale, rows, facts),
    }


def _description(
    locale: Locale, used: Sequence[Mapping[str, Any]], facts: Mapping[str, Any]
) -> str:
    line = f": {facts['line']}" if facts.get("line") else ""
    return f"Texts in {locale.name} ({locale.tag}) from {len(used)} sources{line}."


def _addresses(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the licences of all sources: SPDX addresses, and the names of others."""
    names = sorted({name for row in rows for name in licences.names(row["licence"])})
    return [name if name.startswith("LicenseRef-") else SPDX.format(name) for name in names]


def _file(file: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": file["path"],
        "name": file["path"],
        "contentUrl": file["path"],
        "contentSize": f"{file['size']} B",
        "encodingFormat": "application/x-parquet",
        "sha256": file["sha256"],
    }


def _set(split: str, files: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "@type": "cr:FileSet",
        "@id": f"{split}-files",
        "name": f"{split}-files",
        "description": SPLITS[split],
        "encodingFormat": "application/x-parquet",
        "includes": f"{split}/*.parquet",
    }


def _records(split: str) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": split,
        "name": split,
        "description": SPLITS[split],
        "field": [_field(split, column) for column in COLUMNS],
    }


def _field(split: str, column: str) -> dict[str, Any]:
    kind, told = COLUMNS[column]
    name = f"{split}/{column}"
    field: dict[str, Any] = {
        "@type": "cr:Field",
        "@id": name,
        "name": column,
        "description": told,
        "source": {"fileSet": {"@id": f"{split}-files"}, "extract": {"column": column}},
    }
    if column in LISTS:
        field |= {"isArray": True, "arrayShape": "-1"}
    if column != "messages":
        return field | {"dataType": kind}
    return field | {"subField": [_part(name, part) for part in ("role", "content")]}


def _part(name: str, part: str) -> dict[str, Any]:
    where = {"extract": {"column": "messages"}, "transform": {"jsonPath": part}}
    files = {"fileSet": {"@id": f"{name.partition('/')[0]}-files"}}
    return {
        "@type": "cr:Field",
        "@id": f"{name}/{part}",
        "name": part,
        "dataType": TEXT,
        "source": files | where,
    }


def _source(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return one source as a work of its own; what its pack does not state is left out."""
    stated = {
        "identifier": row["uri"],
        "sha256": row.get("sha256"),
        "inLanguage": row.get("variety") or row.get("lang"),
        "creditText": row.get("credit"),
        "dateCreated": row.get("collected"),
        "conditionsOfAccess": row.get("access"),
        "countryOfOrigin": row.get("residency"),
        "usageInfo": row.get("consent"),
        "description": row.get("note"),
        "genre": row.get("origin"),
    }
    steward = row.get("steward")
    return {
        "@type": "sc:CreativeWork",  # a second Dataset would be taken for the whole
        "@id": _source_id(row),
        "name": row["id"],
        "license": _addresses([row]),
        **{key: value for key, value in stated.items() if value},
        **({"maintainer": {"@type": "sc:Organization", "name": steward}} if steward else {}),
    }


def _source_id(row: Mapping[str, Any]) -> str:
    return f"source/{row['id']}"


def _responsible(
    locale: Locale, rows: Sequence[Mapping[str, Any]], facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the terms of the responsible-AI vocabulary that the corpus can answer."""
    used = [row for row in rows if row.get("kept")]
    left = [f"{count:,} records left out: {reason}" for reason, count in _rejected(facts)]
    synthetic = sorted(row["id"] for row in used if row.get("origin") == "synthetic")
    limits = [f"{row['id']}: {row['note']}" for row in used if row.get("note")]
    limits += [f"{row['id']} was not read: {row['problem']}" for row in rows if row.get("problem")]
    made = f"Written by a machine or poured into templates: {', '.join(synthetic)}"
    terms = {
        "rai:dataCollection": "Texts that others published, named by pinned address and SHA-256.",
        "rai:dataCollectionType": ["Secondary Data analysis"],
        "rai:dataCollectionTimeframe": sorted({r["collected"] for r in used if r.get("collected")}),
        "rai:dataPreprocessingProtocol": ["Unicode NFC; filters; copies removed", *left],
        "rai:dataManipulationProtocol": made if synthetic else "",
        "rai:dataUseCases": [f"{split}: {SPLITS[split]}" for split in facts.get("splits", {})],
        "rai:dataBiases": _balance(locale, facts),
        "rai:dataLimitations": limits,
    }
    return {key: value for key, value in terms.items() if value}


def _rejected(facts: Mapping[str, Any]) -> list[tuple[str, int]]:
    return sorted(facts.get("rejected", {}).items(), key=lambda pair: (-pair[1], pair[0]))


def _balance(locale: Locale, facts: Mapping[str, Any]) -> list[str]:
    """Return the share of each variety in the native text, where there are several."""
    sizes = {name: told.get("text_bytes", 0) for name, told in facts.get("varieties", {}).items()}
    total = sum(sizes.values())
    if len(sizes) < 2 or not total:
        return []
    parts = (f"{name} {100 * size / total:.1f} %" for name, size in sorted(sizes.items()))
    return [f"Varieties of the text in {locale.name}, by bytes: {', '.join(parts)}"]
