"""The trimmed tokenizer's entry in the certificate: what pruning promised, checked on real lines.

That a trimmed tokenizer only cuts is no promise: a part of a removed token may join its other
neighbour ("ab" gone, "x" + "a" may form in "xab"). Promised is that text in kept tokens keeps
its ids; how the rest is cut is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from locale_tune_tokenizer.checks.case import fail
from locale_tune_tokenizer.checks.probes import ROUND_TRIP
from locale_tune_tokenizer.formats.bytelevel import added_ids
from locale_tune_tokenizer.formats.styles import Style, style_of
from locale_tune_tokenizer.learning.segments import encodings, open_tokenizer
from locale_tune_tokenizer.pruning.merge_tree import is_byte, pieces_of
from locale_tune_tokenizer.pruning.trim import Trimmed

FLAGS = ("content", "single_word", "lstrip", "rstrip", "normalized", "special")


@dataclass(frozen=True)
class Both:
    """The base and the trimmed tokenizer, as files and opened."""

    base: Mapping[str, Any]
    trimmed: Trimmed
    old: Any
    new: Any
    style: Style
    added: Collection[str]

    def moved(self, ids: list[int]) -> list[int] | None:
        """Return the new ids of old ones; None when one of them went."""
        new = [self.trimmed.new_ids.get(old) for old in ids]
        return None if None in new else [one for one in new if one is not None]

    def spelt(self, tokenizer: Any, ids: list[int]) -> list[bytes]:
        """Return the bytes of text that each id stands for; an added token is raw text."""
        tokens = [tokenizer.id_to_token(number) for number in ids]
        return [t.encode() if t in self.added else self.style.to_bytes(t) for t in tokens]


def check_trimmed(
    base: Mapping[str, Any], trimmed: Trimmed, lines: Collection[str], chats: Collection[str]
) -> dict[str, Any]:
    """Return the certificate's entry: `passed` and figures. Raises StageFailed with an example.

    `base` is the base's `tokenizer.json`; `chats` are rendered chat templates, which must keep
    their ids exactly. Lines are compared on the lines given and on texts that break tokenizers.
    """
    old, new = open_tokenizer(base), open_tokenizer(trimmed.spec)
    both = Both(base, trimmed, old, new, style_of(base), added_ids(base))
    _ids(both)
    reached = _reachability(both)
    added = _added_tokens(both)
    _chats(both, list(chats))
    figures = _lines(both, [*lines, *chats, *ROUND_TRIP])
    return {"passed": True, "reachable": reached, "added_tokens": added, **figures}


def _ids(both: Both) -> None:
    """Check that ids are dense, and that each token is the one its old id had."""
    vocab = both.new.get_vocab(with_added_tokens=True)
    if sorted(vocab.values()) != list(range(len(both.trimmed.kept))):
        fail("trimmed ids", f"{len(vocab)} tokens do not fill the ids from 0, one each")
    for number, old in enumerate(both.trimmed.kept):
        was, token = both.old.id_to_token(old), both.new.id_to_token(number)
        if was != token:
            fail("trimmed ids", f"the token of id {old} was {was!r}, and {number} is {token!r}")


def _reachability(both: Both) -> int:
    """Check that what formed by merges still does; return how many tokens that are."""
    before, after = pieces_of(both.base), pieces_of(both.trimmed.spec)
    for token, pieces in after.items():
        if before.get(token) == (token,) and pieces != (token,):
            fail("trimmed reachability", f"{token!r} forms as {pieces}")
    if both.style.every_split:
        lost = [t for t in before if is_byte(t, both.style) and t not in after]
        if lost:
            fail("trimmed reachability", f"the byte pieces {lost[:5]} went")
    return sum(pieces == (token,) for token, pieces in after.items())


def _added_tokens(both: Both) -> int:
    """Check that every added token is there with its flags, and found in text as before."""
    before, after = (_flags(one) for one in (both.old, both.new))
    if {both.trimmed.new_ids.get(old): flags for old, flags in before.items()} != after:
        fail("trimmed added tokens", "an added token went or changed its flags")
    texts = [
        form for token in added_ids(both.base) for form in (token, f"a {token} b", f"a{token}")
    ]
    pairs = zip(encodings(both.old, texts), encodings(both.new, texts), strict=True)
    for text, (old, new) in zip(texts, pairs, strict=True):
        found = [both.trimmed.new_ids[number] for number in old.ids if number in before]
        if found != [number for number in new.ids if number in after]:
            fail("trimmed added tokens", f"not found as before in {text!r}")
    return len(before)


def _flags(tokenizer: Any) -> dict[int, tuple[Any, ...]]:
    table = tokenizer.get_added_tokens_decoder()
    return {number: tuple(getattr(t, flag) for flag in FLAGS) for number, t in table.items()}


def _chats(both: Both, chats: list[str]) -> None:
    """Check that rendered chats have the mapped ids exactly."""
    pairs = zip(encodings(both.old, chats), encodings(both.new, chats), strict=True)
    for chat, (old, new) in zip(chats, pairs, strict=True):
        if both.moved(old.ids) != new.ids:
            fail("trimmed template", f"{chat[:80]!r} has other ids")


def _lines(both: Both, lines: list[str]) -> dict[str, Any]:
    """Check decoding and unchanged stretches; count what is cut otherwise."""
    seen: Counter[str] = Counter(lines=0, unchanged=0, only_cut=0, recut=0)
    pairs = zip(encodings(both.old, lines), encodings(both.new, lines), strict=True)
    for line, (old, new) in zip(lines, pairs, strict=True):
        expected = both.old.decode(old.ids, skip_special_tokens=False)
        if both.new.decode(new.ids, skip_special_tokens=False) != expected:
            fail("trimmed round trip", f"{line[:80]!r} decodes otherwise")
        kinds = set(_stretches(both, line, old, new))
        seen["lines"] += 1
        seen[next((kind for kind in ("recut", "only_cut") if kind in kinds), "unchanged")] += 1
    return dict(seen)


def _stretches(both: Both, line: str, old: Any, new: Any) -> Iterator[str]:
    """Yield how each pre-token changed; fail when one of kept tokens only did."""
    before, after = _by_place(old), _by_place(new)
    if before.keys() != after.keys():
        fail("trimmed cuts", f"other pre-tokens in {line[:80]!r}")
    for place, ids in before.items():
        expected = both.moved(ids)
        if expected == after[place]:
            yield "unchanged"
        elif expected is not None:
            fail("trimmed cuts", f"kept tokens are cut otherwise in {line[:80]!r}")
        else:
            yield _kind(both, line, ids, after[place])


def _by_place(encoding: Any) -> dict[int | None, list[int]]:
    """Return the ids of each pre-token by its number."""
    places: dict[int | None, list[int]] = {}
    for number, place in zip(encoding.ids, encoding.word_ids, strict=True):
        places.setdefault(place, []).append(number)
    return places


def _kind(both: Both, line: str, old: list[int], new: list[int]) -> str:
    """Tell whether the new boundaries hold all the old ones; fail when the bytes differ."""
    spelt = [both.spelt(both.old, old), both.spelt(both.new, new)]
    before, after = (list(accumulate(len(part) for part in parts)) for parts in spelt)
    if b"".join(spelt[0]) != b"".join(spelt[1]):
        fail("trimmed cuts", f"other bytes in {line[:80]!r}")
    return "only_cut" if set(before) <= set(after) else "recut"
