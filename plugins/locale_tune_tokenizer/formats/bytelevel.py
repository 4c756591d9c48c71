"""Byte-level BPE as `tokenizer.json` holds it: its alphabet, its merges, and what it must be.

The alphabet is GPT-2's (openai/gpt-2, encoder.py): printable bytes of Latin-1 stand for
themselves, the others for the code points from 256 on, in order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_PRINTABLE = (*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100))


def _alphabet() -> dict[str, int]:
    others = (byte for byte in range(256) if byte not in _PRINTABLE)
    letters = {chr(byte): byte for byte in _PRINTABLE}
    return letters | {chr(256 + place): byte for place, byte in enumerate(others)}


BYTE_OF = _alphabet()
LETTER_OF = {byte: letter for letter, byte in BYTE_OF.items()}


def to_bytes(token: str) -> bytes:
    """Return the bytes a token of the byte alphabet stands for; KeyError for other letters."""
    return bytes(BYTE_OF[letter] for letter in token)


def to_text(token: str) -> str:
    """Return a token as people read it; an unfinished character shows as U+FFFD."""
    return to_bytes(token).decode(errors="replace")


def merges_of(spec: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the merges of a `tokenizer.json`, from lists or from the older `"a b"` strings."""
    return [_pair(merge) for merge in spec["model"]["merges"]]


def _pair(merge: str | list[str]) -> tuple[str, str]:
    left, right = merge.split(" ") if isinstance(merge, str) else merge
    return left, right


def pieces_of(spec: Mapping[str, Any]) -> list[str]:
    """Return the plain tokens of the vocabulary, in the order of their ids."""
    added = added_ids(spec)
    vocab: dict[str, int] = spec["model"]["vocab"]
    return [token for token in sorted(vocab, key=lambda token: vocab[token]) if token not in added]


def added_ids(spec: Mapping[str, Any]) -> dict[str, int]:
    """Return the added tokens (special ones and others) with their ids."""
    return {token["content"]: token["id"] for token in spec.get("added_tokens") or ()}


def reason_against(spec: Mapping[str, Any]) -> str:
    """Say why a BPE without byte fallback is not byte-level; "" if it is."""
    if "ByteLevel" not in set(_types(spec.get("pre_tokenizer"))):
        return "the tokenizer is BPE with neither byte-level letters nor byte fallback"
    if "ByteLevel" not in set(_types(spec.get("decoder"))):
        return "the tokenizer has no byte-level decoder"
    return ""


def reason_against_ids(spec: Mapping[str, Any], loaded: Mapping[int, str]) -> str:
    """Say whether the loader numbers added tokens otherwise than the file; "" if it does not.

    `loaded` maps ids to added tokens as the library reads them. It ignores the file's id of an
    added token that is outside the vocabulary and does not follow its last entry.
    """
    for content, number in added_ids(spec).items():
        if loaded.get(number) != content:
            return f"the loader does not give the added token {content!r} its id {number}"
    return ""


def _types(part: Mapping[str, Any] | None) -> Iterator[str]:
    if part is None:
        return
    yield part["type"]
    for inner in (*part.get("pretokenizers", ()), *part.get("decoders", ())):
        yield from _types(inner)


def reason_against_ids_of(spec: Mapping[str, Any]) -> str:
    """Say whether a token has two ids or an id two tokens; "" if neither."""
    vocab, added = spec["model"]["vocab"], added_ids(spec)
    for content, number in added.items():
        if vocab.get(content, number) != number:
            return f"the added token {content!r} has two ids, {vocab[content]} and {number}"
    plain = {token: number for token, number in vocab.items() if token not in added}
    everything = [*plain.values(), *added.values()]
    if len(set(everything)) != len(everything):
        return "the tokenizer uses one id for two tokens"
    return ""
