"""A finished run made by hand: a plan, artifacts with manifests, findings and their items."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from locale_tune.files import commit_folder, digest, write_json
from locale_tune.finished import folder_of
from locale_tune.schema import Finding, Found, LanguagePack, Locale, Plan, Source, Step

ROMANSH = Locale(
    id="rm", tag="rm", script="Latn", name="Romansh", endonym="Rumantsch", direction="ltr"
)
GULF = Locale(
    id="ar-gulf",
    tag="afb",
    script="Arab",
    name="Gulf Arabic",
    endonym="العربية الخليجية",
    direction="rtl",
)
STEPS = (
    ("base", "model", {}),
    ("collect", "corpus", {}),
    ("tune", "model", {"model": "base", "corpus": "collect"}),
    ("assess", "findings", {"base": "base", "model": "tune", "corpus": "collect"}),
    ("release", "release", {"model": "tune", "findings": "assess", "corpus": "collect"}),
)
SAMPLES = [
    {"prompt": "Co vai?", "lang": "rm", "direction": "ltr", "before": "Good.", "after": "Bain."},
    {"prompt": "Tge fas?", "lang": "rm", "direction": "ltr", "before": "<b>no</b>", "after": ""},
    {"prompt": "Nua?", "lang": "rm", "direction": "ltr", "before": "Qua.", "after": "Qua. "},
    {"prompt": "Cura?", "lang": "rm", "direction": "ltr", "before": "Now", "after": "Ussa"},
]


def finding(check: str = "accuracy", on: str = "rm", after: float = 50.0, **more: Any) -> Finding:
    """Return a finding, for what a test does not care about made up."""
    given = {"before": 40.0, "change": after - 40.0, "interval": (1.0, 19.0), "n": 8, **more}
    return Finding(check=check, on=on, label=f"{on}, {check}", after=after, **given)


def finished_run(
    folder: Path,
    locale: Locale = ROMANSH,
    findings: Sequence[Finding] = (),
    items: Mapping[str, list[dict[str, Any]]] | None = None,
    settings: Mapping[str, dict[str, Any]] | None = None,
    sources: Sequence[dict[str, Any]] = (),
    samples: Sequence[Mapping[str, Any]] = tuple(SAMPLES),
    without: Sequence[str] = (),
    report: Mapping[str, Any] | None = None,
    libraries: Mapping[str, str] | None = None,
    folders: Mapping[str, Path] | None = None,
    **plan: Any,
) -> Path:
    """Write a finished run and return its directory; `without` names steps that are not made.

    `folders` are copied to be what a step made.
    """
    pack = LanguagePack(
        locale=locale,
        base_model="base",
        stages=tuple(name for name, _, _ in STEPS[1:]),
        prompts=tuple(str(sample["prompt"]) for sample in samples),
        sources=tuple(
            Source(id=row["id"], kind="text", uri="data/x", licence="CC0-1.0", role="text")
            for row in sources
        ),
        root=folder / "pack",
        version=plan.pop("version", "0.1.0"),
    )
    fixed = {"base": "hf:org/base", "base_path": None, "seed": 0, "machine": {}, **plan}
    steps = [
        Step(
            name=name,
            stage=name,
            provider="tests 1",
            needs=needs,
            makes=makes,
            settings=(settings or {}).get(name, {}),
            covers={"libraries": dict(libraries or {"numpy": "2.0"})},
            fingerprint=digest([name, str(settings), fixed["seed"], fixed["base"], pack.version]),
        )
        for name, makes, needs in STEPS
    ]
    found = tuple(
        Found(source=row["id"], path=None, sha256=row.get("sha256", "")) for row in sources
    )
    written = Plan(pack=pack, steps=tuple(steps), sources=found, **fixed)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "plan.json", written.model_dump(mode="json"))
    fills = {
        "collect": lambda out: write_json(out / "sources.json", list(sources)),
        "assess": lambda out: _assessed(out, findings, items or {}, samples),
        "release": lambda out: _released(out, report),
    }
    for step in steps:
        if step.name not in without:
            source = (folders or {}).get(step.name)
            _commit(folder_of(folder, step), step, fills.get(step.name), source)
    return folder


def _commit(path: Path, step: Step, fill: Any, source: Path | None) -> None:
    def make(out: Path) -> dict[str, Any]:
        if source:
            shutil.copytree(source, out, dirs_exist_ok=True)
        if fill:
            fill(out)
        return {"kind": step.makes, "fingerprint": step.fingerprint, "facts": {}}

    path.parent.mkdir(parents=True, exist_ok=True)
    commit_folder(path, make)


def _assessed(
    out: Path,
    findings: Sequence[Finding],
    items: Mapping[str, list[dict[str, Any]]],
    samples: Sequence[Mapping[str, Any]],
) -> None:
    told = [one.model_dump(mode="json") for one in findings]
    write_json(out / "findings.json", {"findings": told, "samples": list(samples)})
    (out / "items").mkdir()
    for name, rows in items.items():
        pq.write_table(pa.Table.from_pylist(rows), out / "items" / f"{name}.parquet")


def _released(out: Path, report: Mapping[str, Any] | None) -> None:
    write_json(out / "report.json", dict(report or {}))
    write_json(out / "provenance.json", {})
