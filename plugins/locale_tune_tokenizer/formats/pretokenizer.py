r"""The pre-tokenizer floor, and an upgrade that keeps combining marks with their letters.

Many pre-tokenizers cut with `\p{L}+`, which holds letters and no marks: a Hindi or Tamil word
falls into pieces before any merge is asked, and no vocabulary can mend that. The upgrade writes
`\p{L}[\p{L}\p{M}]*` instead. A mark that follows anything but a letter (an emoji's variation
selector, say) is cut as before.

Old merges then act across former borders, so text with such marks gets other ids even without a
new token. That is why the upgrade is only offered, and taken when replay text hardly changes.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from locale_tune_tokenizer.formats.bytelevel import to_bytes
from locale_tune_tokenizer.learning.segments import encodings, measure, open_tokenizer

LETTERS = re.compile(r"\\p\{L\}\+")
# openai/gpt-2, encoder.py: what huggingface/tokenizers cuts with under `use_regex`.
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


@dataclass(frozen=True)
class Upgrade:
    """An upgraded `tokenizer.json`, or the reason against it, with the figures that decided."""

    spec: dict[str, Any] | None
    reason: str
    floor_before: float
    floor_after: float
    replay_lines: int = 0
    replay_changed: int = 0

    def only_offered(self) -> Upgrade:
        """Return the same upgrade, not taken because nobody asked for it."""
        if self.spec is None:
            return self
        reason = f"offered, not asked for (setting pretokenizer): {self.reason}"
        return replace(self, spec=None, reason=reason)

    def facts(self) -> dict[str, Any]:
        """Return what the report keeps."""
        return {
            "accepted": self.spec is not None,
            "reason": self.reason,
            "floor_before": self.floor_before,
            "floor_after": self.floor_after,
            "replay_lines": self.replay_lines,
            "replay_changed": self.replay_changed,
        }


def upgrade(
    spec: Mapping[str, Any], native: list[str], replay: list[str], most_changed: float
) -> Upgrade:
    """Weigh the upgrade: what it does to the floor of `native`, and to the ids of `replay`.

    Taken when it lowers the floor and at most the share `most_changed` of replay lines changes.
    """
    old = open_tokenizer(spec)
    before = measure(old, native).floor
    better = marked(spec)
    if better is None:
        return Upgrade(None, "the pre-tokenizer keeps marks with letters already", before, before)
    new = open_tokenizer(better)
    after = measure(new, native).floor
    if after >= before:
        return Upgrade(None, "it would not lower the floor of this language", before, after)
    both = zip(encodings(old, replay), encodings(new, replay), strict=True)
    changed = sum(one.ids != two.ids for one, two in both)
    figures = (before, after, len(replay), changed)
    if not replay:
        return Upgrade(None, "there is no replay text to measure its cost on", *figures)
    if changed > most_changed * len(replay):
        return Upgrade(
            None,
            f"it would change {changed} of {len(replay)} replay lines, more than "
            f"{100 * most_changed:.1f} % (setting max_changed_share)",
            *figures,
        )
    return Upgrade(better, f"it lowers the floor from {before:.2f} to {after:.2f}", *figures)


def marked(spec: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the `tokenizer.json` with marks kept with letters; None where nothing would change.

    None too for a pre-tokenizer of another kind, and for one that puts a space before each text:
    split in two it would put one before each piece.
    """
    part = spec.get("pre_tokenizer")
    better = _marked(part) if part else None
    if better is None or better == part:
        return None
    new = copy.deepcopy(dict(spec))
    new["pre_tokenizer"] = better
    return new


def _marked(part: Mapping[str, Any]) -> dict[str, Any] | None:
    if part["type"] == "Sequence":
        inner = [_marked(one) or dict(one) for one in part["pretokenizers"]]
        return {**part, "pretokenizers": inner}
    if part["type"] == "Split" and "Regex" in part["pattern"]:
        return {**part, "pattern": {"Regex": with_marks(part["pattern"]["Regex"])}}
    if part["type"] == "ByteLevel" and part.get("use_regex", True):
        if part.get("add_prefix_space"):
            return None
        pattern = {"Regex": with_marks(GPT2)}
        split = {"type": "Split", "pattern": pattern, "behavior": "Isolated", "invert": False}
        return {"type": "Sequence", "pretokenizers": [split, {**part, "use_regex": False}]}
    return None


def with_marks(pattern: str) -> str:
    r"""Let `\p{L}+` go on over marks; sets such as `[^\s\p{L}]` stay as they are."""
    return LETTERS.sub(lambda _: r"\p{L}[\p{L}\p{M}]*", pattern)


def pieces_in_text(old: Any, tokens: Iterable[str]) -> list[list[int]]:
    """Return the old ids of byte-level tokens as a text holds them.

    After an upgrade the old tokenizer would cut a token at its former borders, so it is asked with
    its pre-tokenizer. A token that is no whole text (part of a letter) is cut by merges alone.
    """
    return [_pieces(old, token) for token in tokens]


def _pieces(old: Any, token: str) -> list[int]:
    try:
        text = to_bytes(token).decode()
    except UnicodeDecodeError:
        return [part.id for part in old.model.tokenize(token)]
    return list(old.encode(text, add_special_tokens=False).ids)
