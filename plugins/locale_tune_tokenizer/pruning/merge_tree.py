"""How byte pair encoding builds each token: its two parts, found by encoding the token itself.

Whatever text a token forms in, it forms from the same parts: merges run in order of rank, none of
those inside a token that forms crosses its edge, so they are the merges of the token alone, in the
same order. One pair of parts per token is therefore the whole tree, also where the file lists a
merge for every split (SentencePiece, tiktoken conversions): all other merges never run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from tokenizers import Tokenizer

from locale_tune_tokenizer.formats.bytelevel import added_ids, merges_of
from locale_tune_tokenizer.formats.sentencepiece import BYTE
from locale_tune_tokenizer.formats.styles import Style, style_of

Parts = tuple[str, ...]
Pair = tuple[str, str]


def by_merges(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return the `tokenizer.json` with `ignore_merges` off: every token has to be built."""
    return {**spec, "model": {**spec["model"], "ignore_merges": False}}


def pieces_of(spec: Mapping[str, Any]) -> dict[str, Parts]:
    """Return how each vocabulary token is cut when it is encoded alone, by merges only."""
    model = Tokenizer.from_str(json.dumps(by_merges(spec))).model
    return {
        token: tuple(part.value for part in model.tokenize(token))
        for token in spec["model"]["vocab"]
    }


def parts_of(spec: Mapping[str, Any]) -> dict[str, Parts]:
    """Return the parts of every token that text can reach; an unreachable token has no entry.

    A byte has no parts; a character that could fall back to byte pieces has those; a token that
    merges form has the two that its last merge joins. With `ignore_merges` a whole word may be a
    token that merges do not form; its parts are what merges make of it.
    """
    style, added = style_of(spec), added_ids(spec)
    whole = spec["model"].get("ignore_merges", False)
    ranks = {pair: rank for rank, pair in enumerate(merges_of(spec))}
    ways: dict[str, list[Pair]] = {}
    for pair in ranks:
        ways.setdefault(pair[0] + pair[1], []).append(pair)
    parts: dict[str, Parts] = {}
    for token, pieces in pieces_of(spec).items():
        if is_byte(token, style):
            parts[token] = ()
        elif pieces == (token,) and len(token) == 1:
            parts[token] = _fallback(token, style)
        elif pieces == (token,):
            found = ways[token]
            parts[token] = found[0] if len(found) == 1 else last_merge(token, ranks)
        elif whole and token not in added and "".join(pieces) == token:
            parts[token] = pieces
    return parts


def last_merge(token: str, ranks: Mapping[Pair, int]) -> Pair:
    """Return the two parts that the last merge of a reachable token joins."""
    cut = list(token)
    while len(cut) > 2:
        _, place = min(
            (ranks[pair], place) for place, pair in enumerate(pairwise(cut)) if pair in ranks
        )
        cut[place : place + 2] = [cut[place] + cut[place + 1]]
    return cut[0], cut[1]


def is_byte(token: str, style: Style) -> bool:
    """Tell whether a token is one of the byte pieces that characters fall back to."""
    return style.every_split and BYTE.fullmatch(token) is not None


def _fallback(letter: str, style: Style) -> Parts:
    """Return the byte pieces of a character; none for a byte letter, ASCII and the space mark."""
    spelt = style.to_bytes(letter) if style.every_split else b""
    return tuple(f"<0x{byte:02X}>" for byte in spelt) if len(spelt) > 1 else ()
