"""SentencePiece-style BPE as `tokenizer.json` holds it (Llama-2, Mistral, Gemma).

Pieces are plain text in which U+2581 stands for a space; a character without a piece falls back to
`<0xNN>` byte pieces. There is no pre-tokenizer to speak of: a whole line is one stretch, and the
file lists a merge for every way to put a piece together from two others.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

SPACE = "\u2581"
BYTE = re.compile(r"<0x([0-9A-F]{2})>")


def to_bytes(token: str) -> bytes:
    """Return the UTF-8 bytes of text that a piece stands for."""
    if found := BYTE.fullmatch(token):
        return bytes([int(found[1], 16)])
    return token.replace(SPACE, " ").encode()


def to_text(token: str) -> str:
    """Return a piece as people read it; a byte that is part of a letter shows as U+FFFD."""
    return to_bytes(token).decode(errors="replace")


def reason_against(spec: Mapping[str, Any]) -> str:
    """Say why this BPE with byte fallback cannot be extended; "" if it can."""
    vocab = spec["model"]["vocab"]
    missing = [byte for byte in range(256) if f"<0x{byte:02X}>" not in vocab]
    if missing:
        return f"the tokenizer lacks {len(missing)} of the 256 byte pieces it falls back to"
    if SPACE not in _written(spec.get("normalizer")):
        return "the tokenizer's normalizer does not write spaces as U+2581"
    return ""


def _written(part: Mapping[str, Any] | None) -> str:
    """Return everything a normalizer writes into the text."""
    if part is None:
        return ""
    own = str(part.get("content", "")) + str(part.get("prepend", ""))
    return own + "".join(_written(inner) for inner in part.get("normalizers", ()))
