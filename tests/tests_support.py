"""Texts of small packs that several tests share."""

from __future__ import annotations

import hashlib

from conftest import PACK

CONTENT = b"Bun di a tuts.\n"
SHA = hashlib.sha256(CONTENT).hexdigest()
REMOTE = f"""
[[sources]]
id = "remote"
kind = "text"
uri = "https://texts.example/remote.txt"
sha256 = "{SHA}"
size = {len(CONTENT)}
licence = "CC0-1.0"
role = "text"
"""

__all__ = ["CONTENT", "PACK", "REMOTE", "SHA"]
