"""The two kinds of BPE that can be extended, and what differs between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from locale_tune_tokenizer.formats import bytelevel, sentencepiece


@dataclass(frozen=True)
class Style:
    """How a tokenizer spells text in its vocabulary.

    `to_bytes(token)` gives the bytes of text a vocabulary token stands for, `to_text(token)` the
    same as people read it. `every_split`: the file lists a merge for every way to put a piece
    together (SentencePiece's rule), not only for the one that was learned.
    """

    name: str
    to_bytes: Callable[[str], bytes]
    to_text: Callable[[str], str]
    every_split: bool


BYTE_LEVEL = Style("byte-level", bytelevel.to_bytes, bytelevel.to_text, every_split=False)
SENTENCEPIECE = Style("sentencepiece", sentencepiece.to_bytes, sentencepiece.to_text, True)


def style_of(spec: Mapping[str, Any]) -> Style:
    """Return the style of a BPE `tokenizer.json`: byte fallback is SentencePiece's mark."""
    return SENTENCEPIECE if spec["model"].get("byte_fallback") else BYTE_LEVEL


def reason_against(spec: Mapping[str, Any]) -> str:
    """Say why a `tokenizer.json` cannot be extended by continued BPE; "" if it can.

    Unigram is refused because its best path is chosen whole: one new piece can cut its
    neighbours anew, so nothing could be promised about old text.
    """
    model = spec.get("model") or {}
    kind = model.get("type", "of an unnamed type")
    if kind == "Unigram":
        return (
            "the tokenizer is Unigram, which chooses the best path through a whole text, so a new "
            "piece could cut old ones anew; take a base model with BPE, or leave 'extend' out"
        )
    if kind != "BPE":
        return f"the tokenizer is {kind}, not BPE"
    for option in ("dropout", "continuing_subword_prefix", "end_of_word_suffix"):
        if model.get(option):
            return f"the tokenizer's BPE sets {option}"
    own = sentencepiece if style_of(spec) is SENTENCEPIECE else bytelevel
    return own.reason_against(spec) or bytelevel.reason_against_ids_of(spec)
