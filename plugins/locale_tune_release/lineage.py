"""What the release was made from: every artifact that can be reached, oldest first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from locale_tune.api import Artifact, read_json

from .plain import plain, without_paths

MANIFEST = "MANIFEST.json"
EXTENSION, CERTIFICATE = "extension.json", "certificate.json"
ID_MAP = "trim.json"


def walk(inputs: Mapping[str, Artifact]) -> list[Artifact]:
    """Return each artifact reachable from `inputs` once, makers before what they made."""
    seen: dict[str, Artifact] = {}
    for kind in sorted(inputs):
        for artifact in _oldest_first(inputs[kind]):
            seen.setdefault(artifact.fingerprint, artifact)
    return list(seen.values())


def model_steps(model: Artifact) -> list[Artifact]:
    """Return the models from the base to `model`, in the order they were trained."""
    chain = [model]
    while earlier := chain[-1].made_from.get("model") or chain[-1].made_from.get("base"):
        chain.append(earlier)
    return chain[::-1]


def described(artifact: Artifact) -> dict[str, Any]:
    """Describe an artifact without where it lies: step, kind, fingerprint, cost, settings, facts.

    Settings come from the artifact's own manifest; they are empty for one that has none.
    """
    manifest = _manifest(artifact)
    step = manifest.get("step") or {}
    return {
        "step": artifact.step or artifact.kind,
        "kind": artifact.kind,
        "fingerprint": artifact.fingerprint,
        "made_from": {kind: made.fingerprint for kind, made in artifact.made_from.items()},
        "provider": step.get("provider", ""),
        "cost": plain(manifest.get("cost") or {}),
        "settings": without_paths(plain(step.get("settings", {}))),
        "facts": without_paths(plain(artifact.facts)),
    }


def extension(model: Artifact) -> dict[str, Any]:
    """Return what the newest tokenizer extension wrote beside its model, or an empty mapping.

    Its facts, the first `tokens` it added, and under `certificate` each check it passed.
    """
    for artifact in reversed(model_steps(model)):
        if (artifact.path / EXTENSION).is_file():
            found = plain(read_json(artifact.path / EXTENSION))
            proof = artifact.path / CERTIFICATE
            checks = plain(read_json(proof)) if proof.is_file() else {}
            told: dict[str, Any] = without_paths({**found, "certificate": checks})
            # Tokens stay to the letter: one may look like a path.
            return told | {key: found[key] for key in ("tokens",) if key in found}
    return {}


def id_map(model: Artifact) -> Path | None:
    """Return the file that maps ids of a trimmed base, which `extend` left; None without one."""
    places = (artifact.path / ID_MAP for artifact in reversed(model_steps(model)))
    return next((place for place in places if place.is_file()), None)


def _manifest(artifact: Artifact) -> dict[str, Any]:
    path = artifact.path / MANIFEST
    return dict(read_json(path)) if path.is_file() else {}


def _oldest_first(artifact: Artifact) -> Iterator[Artifact]:
    for kind in sorted(artifact.made_from):
        yield from _oldest_first(artifact.made_from[kind])
    yield artifact
