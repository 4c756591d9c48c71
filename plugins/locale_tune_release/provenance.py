"""Say where every bit of a release comes from, as data: artifacts, sources and digests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

SOURCE_KEYS = (
    "id",
    "role",
    "origin",
    "uri",
    "sha256",
    "licence",
    "spdx",
    "credit",
    "collected",
    "access",
    "steward",
    "residency",
    "consent",
    "seen",
    "kept",
    "bytes",
    "rejected",
    "missing",
    "problem",
    "trained",
)


def provenance(said: Mapping[str, Any], files: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the content of provenance.json.

    `said` is what `gather` returns, `files` the released files with size and sha256. The lineage
    lists makers before what they made; `made_from` names them by fingerprint.
    """
    return {
        "format": said["format"],
        "release": {
            "name": said["name"],
            "fingerprint": said["fingerprint"],
            "seed": said["seed"],
            "reproduce": said["reproduce"],
            "licence": said["licence"],
        },
        "pack": {key: said["pack"][key] for key in ("id", "tag", "version", "distribution")},
        "base": said["base"],
        "files": list(files),
        "lineage": said["steps"],
        "sources": [{key: source[key] for key in SOURCE_KEYS} for source in said["sources"]],
    }
