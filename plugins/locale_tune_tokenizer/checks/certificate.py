"""The certificate: what was promised about an extended tokenizer, checked on real lines.

The checks take a tokenizer as they find it and do not ask who extended it or how. `certify` raises
at the first failure, so no model is built on it; `examine` goes on and says all that is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import accumulate
from typing import Any

from locale_tune_tokenizer.checks import converter
from locale_tune_tokenizer.checks.case import SHOWN, Case, CheckFailed, Cut, bytes_by_id, fail
from locale_tune_tokenizer.checks.vocabulary_checks import (
    added_tokens,
    id_stability,
    merge_order,
    options,
    reachability,
)
from locale_tune_tokenizer.formats.styles import BYTE_LEVEL

Entry = dict[str, Any]


def certify(case: Case) -> dict[str, Entry]:
    """Run every check; return its entries by name.

    An entry holds figures and `passed`, which is None with a reason in `why` where a check does
    not apply. Raises CheckFailed (a StageFailed) at the first failure.
    """
    return {name: {"passed": True, **check(case)} for name, check in CHECKS.items()}


def examine(case: Case) -> dict[str, Entry]:
    """Run every check; return its entries by name, those of failed checks with an `example`."""
    return {name: tried(check, case) for name, check in CHECKS.items()}


def tried(check: Callable[..., Entry], *args: Any) -> Entry:
    """Run one check; return its entry also when it fails."""
    try:
        return {"passed": True, **check(*args)}
    except CheckFailed as failure:
        return {"passed": False, "example": failure.example}


def coarsening(case: Case) -> Entry:
    """Check that new boundaries are a subset of the old ones, compared in bytes."""
    _only_joined(case, "coarsening", case.cuts)
    return {"lines": len(case.lines)}


def round_trip(case: Case) -> Entry:
    """Check that decoding what was encoded gives the text the base gives."""
    exact = _decoded_alike(case, "round trip", case.cuts)
    return {"lines": len(case.lines), "exact": exact}


def fuzz(case: Case) -> Entry:
    """Check coarsening and round trip on random texts: odd Unicode, native lines cut and joined."""
    _only_joined(case, "fuzz", case.fuzz_cuts)
    exact = _decoded_alike(case, "fuzz", case.fuzz_cuts)
    return {"texts": len(case.fuzz), "exact": exact, "seed": case.seed}


def _only_joined(case: Case, name: str, cuts: Mapping[str, Cut]) -> None:
    old, new = (bytes_by_id(tokenizer, case.style) for tokenizer in (case.old, case.new))
    for text, cut in cuts.items():
        if cut.base == cut.new:
            continue
        before, after = [old(n) for n in cut.base], [new(n) for n in cut.new]
        if b"".join(before) != b"".join(after):
            fail(name, f"other bytes for {text[:SHOWN]!r}")
        if wrong := _ends(after) - _ends(before):
            fail(name, f"an old token is cut at byte {min(wrong)} of {text[:SHOWN]!r}")


def _ends(pieces: list[bytes]) -> set[int]:
    return set(accumulate(len(piece) for piece in pieces))


def _decoded_alike(case: Case, name: str, cuts: Mapping[str, Cut]) -> int:
    """Return how many texts come back as they were; the base may change some, so may we."""
    old, new = [cut.old for cut in cuts.values()], [cut.new for cut in cuts.values()]
    expected = case.old.decode_batch(old, skip_special_tokens=False)
    found = case.new.decode_batch(new, skip_special_tokens=False)
    for text, before, after in zip(cuts, expected, found, strict=True):
        if before != after:
            fail(name, f"{text[:SHOWN]!r} decodes to {after[:SHOWN]!r}, not {before[:SHOWN]!r}")
    return sum(text == after for text, after in zip(cuts, found, strict=True))


def blast_radius(case: Case) -> Entry:
    """Check that protected lines keep every id; measure the share of other lines that change.

    After an upgrade of the pre-tokenizer, merges are judged apart from it.
    """
    for line in case.samples.protected:
        if case.cuts[line].base != case.cuts[line].new:
            fail("blast radius", f"protected text changed: {line[:SHOWN]!r}")
    return {
        "protected_lines": len(case.samples.protected),
        "limit": case.max_changed_share,
        "replay": _share(case, case.samples.replay),
        "control": _share(case, case.samples.control),
    }


def _share(case: Case, lines: list[str]) -> Entry:
    changed = sum(case.cuts[line].changed for line in lines)
    share = changed / len(lines) if lines else 0.0
    figures = {"lines": len(lines), "changed": changed, "share": share}
    return {**figures, "within_limit": share <= case.max_changed_share if lines else None}


def template(case: Case) -> Entry:
    """Check that the rendered chat template keeps its ids."""
    for chat in case.chats:
        if case.cuts[chat].changed:
            fail("template", f"{chat[:SHOWN]!r} has other ids")
    return {"chats": len(case.chats)}


def converter_text(case: Case) -> Entry:
    """Check that llama.cpp's converter still recognises the pre-tokenizer.

    It goes by the ids of one text. SentencePiece styles are not looked up that way.
    """
    before, after = converter.digest(case.old), converter.digest(case.new)
    if case.style is not BYTE_LEVEL:
        return {"passed": None, "why": f"not needed: {case.style.name} files carry no such name"}
    known = {"digest": after, "pre": converter.pre_name(case.new) or "unknown to the converter"}
    if case.upgraded:
        # Even with the same digest llama.cpp would cut marks by the old rule.
        why = "the pre-tokenizer was upgraded, and llama.cpp has no name for the new one"
        return {"passed": None, "why": why, **known}
    if before != after:
        fail("converter text", f"llama.cpp's check text has other ids (digest {after})")
    return known


CHECKS: Mapping[str, Callable[[Case], Entry]] = {
    "id stability": id_stability,
    "added tokens": added_tokens,
    "reachability": reachability,
    "coarsening": coarsening,
    "round trip": round_trip,
    "fuzz": fuzz,
    "blast radius": blast_radius,
    "template": template,
    "merge order": merge_order,
    "options": options,
    "converter text": converter_text,
}
