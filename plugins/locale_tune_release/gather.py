"""Collect everything a release says into one mapping: report.json, page and card all read it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from locale_tune.api import (
    Artifact,
    Finding,
    Job,
    LanguagePack,
    Source,
    StageFailed,
    licences,
    read_json,
)

from .bounds import BoundResult, evaluate, limits, with_guards
from .lineage import described, extension, model_steps, walk
from .plain import plain, without_paths
from .settings import ReleaseSettings

FORMAT = 1
FACTUAL = ("base", "model", "findings", "sources", "steps")
READ = ("findings", "reliability", "tokenizer", "samples")
HUB_ID = re.compile(r"(?:hf|hub):([\w.-]+/[\w.-]+)(?:@[\w.-]+)?")
QUANTISED = re.compile(r"[.-](I?Q\d\w*|B?F(16|32))$", re.IGNORECASE)
EMPTY_SOURCE: dict[str, Any] = {
    "kind": "",
    "uri": "",
    "licence": "",
    "role": "",
    "lang": "",
    "variety": "",
    "origin": "",
    "credit": "",
    "collected": "",
    "access": "",
    "steward": "",
    "residency": "",
    "consent": "",
    "sha256": "",
    "seen": 0,
    "kept": 0,
    "bytes": 0,
    "rejected": {},
    "missing": False,
    "problem": "",
}


def gather(job: Job, model: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the release says, JSON-able and without machine paths.

    Keys: format, name, pack, base, fingerprint, seed, reproduce, model, findings, bounds, broken,
    verdicts, reliability, tokenizer, extension, samples, shown (what else the checks show),
    sources, licence, steps. Raises
    StageFailed when findings.json is not what `assess` promises.
    """
    settings: ReleaseSettings = job.settings
    measured = read_findings(job.inputs["findings"])
    findings = measured["findings"]
    sources = list_sources(job.inputs["corpus"], job.pack.sources)
    results = evaluate(with_guards(job.pack.bounds, findings), findings)
    said = {
        "format": FORMAT,
        "name": settings.name or default_name(job.pack),
        "pack": describe_pack(job.pack),
        "base": describe_base(job),
        "fingerprint": job.fingerprint,
        "seed": job.seed,
        "reproduce": job.command or f"locale-tune build {job.pack.locale.id} --seed {job.seed}",
        "model": model,
        "findings": [finding.model_dump() for finding in findings],
        "bounds": [_bound(result) for result in results],
        "broken": [result.problem for result in results if result.problem],
        "verdicts": Counter(finding.verdict for finding in findings),
        "reliability": measured["reliability"],
        "tokenizer": measured["tokenizer"],
        "extension": extension(job.inputs["model"]),
        "samples": measured["samples"],
        "shown": measured["shown"],
        "sources": sources,
        "licence": licences.told(sources, settings.base_licence),
        "steps": [described(artifact) for artifact in walk(job.inputs)],
    }
    told = plain(said)
    # Native texts stay to the letter: token offsets count their characters.
    return {key: without_paths(told[key]) if key in FACTUAL else told[key] for key in told}


def read_findings(artifact: Artifact) -> dict[str, Any]:
    """Read findings.json: findings as Finding, the rest as it is; `shown` is what has no name."""
    path = artifact.path / "findings.json"
    try:
        content = read_json(path)
        findings = [Finding.model_validate(entry) for entry in content["findings"]]
    except (OSError, ValueError, KeyError, TypeError, ValidationError) as error:
        raise StageFailed(
            f"the findings cannot be read: {str(error).splitlines()[0]}",
            "build again: assess writes findings.json anew",
            path.name,
        ) from error
    return {
        "findings": findings,
        "reliability": content.get("reliability") or [],
        "tokenizer": content.get("tokenizer") or {},
        "samples": content.get("samples") or [],
        "shown": {key: content[key] for key in content if key not in READ},
    }


def list_sources(corpus: Artifact, declared: Sequence[Source]) -> list[dict[str, Any]]:
    """Return one entry per source: the corpus's counts, completed by what the pack declares.

    A source of the pack that the corpus never mentions is listed as missing: nothing disappears.
    """
    path = corpus.path / "sources.json"
    counted = {entry["id"]: entry for entry in (read_json(path) if path.is_file() else [])}
    by_id = {source.id: source for source in declared}
    entries = []
    for name in dict.fromkeys([*by_id, *counted]):
        known = by_id[name].model_dump(include=set(EMPTY_SOURCE)) if name in by_id else {}
        absent = {"missing": True, "problem": "the corpus does not mention it"}
        if name in by_id and not by_id[name].on:
            absent = {"missing": True, "problem": "switched off in the pack"}
        entry = {**EMPTY_SOURCE, "id": name, **known, **counted.get(name, absent)}
        licence = licences.normalise(str(entry["licence"]))
        in_weights = bool(entry["kept"]) and entry["role"] in licences.TRAINED
        entries.append(
            {**entry, "spdx": licence, "rank": licences.rank(licence), "trained": in_weights}
        )
    return entries


def describe_pack(pack: LanguagePack) -> dict[str, Any]:
    """Return the pack's names, version, authors and prompts."""
    return {
        **pack.locale.model_dump(),
        "version": pack.version,
        "distribution": pack.distribution,
        "authors": pack.authors,
        "licence": pack.licence,
        "prompts": pack.prompts,
        "ui": pack.ui,
    }


def describe_base(job: Job) -> dict[str, Any]:
    """Return the base model's name, its Hub id if it has one, and its licence if it is known."""
    written = job.pack.base_model
    return {
        "name": base_name(written),
        "written": written,
        "hub_id": hub_model(written),
        "licence": job.settings.base_licence,
        "fingerprint": model_steps(job.inputs["model"])[0].fingerprint,
    }


def hub_model(written: str) -> str:
    """Return `org/name` if the base is named by its Hub id, else ""."""
    found = HUB_ID.fullmatch(written)
    return found[1] if found else ""


def base_name(written: str) -> str:
    """Return a short name for any way to name a base: Hub id, package, file or folder."""
    path = written.rpartition("#")[2] if "#" in written else re.split(r"[@?]", written)[0]
    short = re.split(r"[/\\:]", path.rstrip("/"))[-1]
    return QUANTISED.sub("", Path(short).stem) if short.endswith(".gguf") else short


def default_name(pack: LanguagePack) -> str:
    """Return `base-pack`, e.g. SmolLM2-135M-Instruct-ar-gulf."""
    return f"{base_name(pack.base_model) or 'model'}-{pack.locale.id}"


def _bound(result: BoundResult) -> dict[str, Any]:
    at = result.finding.on if result.finding else result.bound.on
    return {
        **result.bound.model_dump(),
        "on": at,
        "limit": limits(result.bound),
        "kept": result.kept,
        "problem": result.problem,
    }
