"""SentencePiece-style BPE as `tokenizer.json` holds it (Llama-2, Mistral, Gemma).

Pieces are plain text in which U+2581 stands for a space; a character without a piece falls back to
`<0xNN>` byte pieces. There is no pre-tokenizer to speak of: a whole line is one stretch, and the
file lists a merge for every way to put a piece together from two others.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
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
    if SPACE not in _written(spec.get("normalizer")) + _written(spec.get("pre_tokenizer")):
        return "the tokenizer does not write spaces as U+2581"
    return ""


def _written(part: Mapping[str, Any] | None) -> str:
    """Return everything a normalizer or pre-tokenizer writes into the text."""
    if part is None:
        return ""
    own = "".join(str(part.get(name, "")) for name in ("content", "prepend", "replacement"))
    inside = (*part.get("normalizers", ()), *part.get("pretokenizers", ()))
    return own + "".join(map(_written, inside))


def refusal(piece: str) -> str:
    """Say why two pieces must not become this one by SentencePiece's own rules; "" when they may.

    A space mark opens a piece or stands in none; letters do not join with punctuation, since no
    pre-tokenizer keeps them apart (github.com/google/sentencepiece, trainer_interface.cc,
    IsValidSentencePiece); bytes that stand in for a character stay bytes.
    """
    if BYTE.search(piece):
        return "byte"
    text = piece.removeprefix(SPACE)
    if SPACE in text:
        return "space inside"
    kinds = {"L" if unicodedata.category(letter)[0] in "LM" else "other" for letter in text}
    return "letters with other signs" if len(kinds) > 1 else ""


def missing_letters(
    texts: Iterable[str], vocab: Collection[str], avoid: Collection[str], share: float, least: int
) -> list[str]:
    """Return letters and marks without a piece, the most frequent first.

    Enough of them that pieces cover `share` of all characters, none seen fewer than `least` times
    and none in `avoid`.
    """
    seen: Counter[str] = Counter()
    for text in texts:
        seen.update(text)
    uncovered = sum(count for letter, count in seen.items() if not _has_piece(letter, vocab))
    wanted = (1 - share) * seen.total()
    letters = []
    for letter, count in sorted(seen.items(), key=lambda item: (-item[1], item[0])):
        if uncovered <= wanted or count < least:
            break
        if _has_piece(letter, vocab):
            continue
        uncovered -= count
        if unicodedata.category(letter)[0] in "LM" and letter not in avoid:
            letters.append(letter)
    return letters


def _has_piece(letter: str, vocab: Collection[str]) -> bool:
    return letter.isspace() or letter in vocab
