"""The certificate: what was promised about an extended tokenizer, checked on real lines.

A failed check raises StageFailed with its name and an example, so no model is built on it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from tokenizers import Tokenizer

from locale_tune.api import StageFailed
from locale_tune_tokenizer.model_folder import Extension
from locale_tune_tokenizer.probes import ROUND_TRIP
from locale_tune_tokenizer.segments import boundaries, encodings
from locale_tune_tokenizer.texts import Samples


@dataclass(frozen=True)
class Case:
    """All a check looks at: both tokenizers, the extension, the lines and the rendered chats."""

    old: Any
    new: Any
    extension: Extension
    samples: Samples
    chats: list[str]
    max_changed_share: float

    def lines(self) -> list[str]:
        """Return every line of every sample, and the texts that break tokenizers."""
        s = self.samples
        return [*s.target, *s.protected, *s.replay, *s.control, *self.chats, *ROUND_TRIP]


def certify(case: Case) -> dict[str, dict[str, Any]]:
    """Run every check; return figures by check name. Raises StageFailed at the first failure."""
    return {name: {"passed": True, **check(case)} for name, check in CHECKS.items()}


def fail(check: str, example: str) -> NoReturn:
    """Stop the build: the check named did not pass on this example."""
    raise StageFailed(
        f"the extended tokenizer failed its check '{check}': {example}",
        "leave 'extend' out of the pack's stages, or report this tokenizer as a bug",
    )


def reachability(case: Case) -> dict[str, Any]:
    """Check that every new token forms from its own bytes when merges are not bypassed."""
    spec = {**case.extension.spec}
    spec["model"] = {**spec["model"], "ignore_merges": False}
    model = Tokenizer.from_str(json.dumps(spec)).model
    for token, number in case.extension.ids.items():
        formed = [(part.value, part.id) for part in model.tokenize(token)]
        if formed != [(token, number)]:
            fail("reachability", f"{token!r} (id {number}) forms as {formed}")
    return {"tokens": len(case.extension.ids)}


def id_stability(case: Case) -> dict[str, Any]:
    """Check that old and added tokens keep their ids, and that no id is used twice."""
    old = case.old.get_vocab(with_added_tokens=True)
    new = case.new.get_vocab(with_added_tokens=True)
    for token, number in old.items():
        if new.get(token) != number:
            fail("id stability", f"{token!r} moved from {number} to {new.get(token)}")
    if len(set(new.values())) != len(new):
        fail("id stability", f"{len(new) - len(set(new.values()))} ids are used twice")
    if len(new) != len(old) + len(case.extension.ids):
        fail("id stability", f"{len(new) - len(old)} tokens came, not {len(case.extension.ids)}")
    special = {n: t.content for n, t in case.old.get_added_tokens_decoder().items()}
    if special != {n: t.content for n, t in case.new.get_added_tokens_decoder().items()}:
        fail("id stability", "the table of added tokens changed")
    return {"old_tokens": len(old), "added_tokens": len(special)}


def coarsening(case: Case) -> dict[str, Any]:
    """Check that new boundaries are a subset of the old ones, compared in bytes."""
    lines = case.lines()
    before, after = encodings(case.old, lines), encodings(case.new, lines)
    for line, old, new in zip(lines, before, after, strict=True):
        if "".join(old.tokens) != "".join(new.tokens):
            fail("coarsening", f"other bytes for {line[:80]!r}")
        if not boundaries(new.tokens) <= boundaries(old.tokens):
            fail("coarsening", f"an old token is cut in {line[:80]!r}")
    return {"lines": len(lines)}


def round_trip(case: Case) -> dict[str, Any]:
    """Check that decoding what was encoded gives the text the base gives."""
    lines = case.lines()
    before, after = encodings(case.old, lines), encodings(case.new, lines)
    for line, old, new in zip(lines, before, after, strict=True):
        expected = case.old.decode(old.ids, skip_special_tokens=False)
        decoded = case.new.decode(new.ids, skip_special_tokens=False)
        if decoded != expected:
            fail("round trip", f"{line[:80]!r} decodes to {decoded[:80]!r}")
    return {"lines": len(lines)}


def blast_radius(case: Case) -> dict[str, Any]:
    """Check that protected lines keep every id; measure the share of other lines that change."""
    for line, changed in _changed(case, case.samples.protected):
        if changed:
            fail("blast radius", f"protected text changed: {line[:80]!r}")
    return {
        "protected_lines": len(case.samples.protected),
        "limit": case.max_changed_share,
        "replay": _share(case, case.samples.replay),
        "control": _share(case, case.samples.control),
    }


def _changed(case: Case, lines: list[str]) -> list[tuple[str, bool]]:
    both = zip(lines, encodings(case.old, lines), encodings(case.new, lines), strict=True)
    return [(line, old.ids != new.ids) for line, old, new in both]


def _share(case: Case, lines: list[str]) -> dict[str, Any]:
    changed = [line for line, moved in _changed(case, lines) if moved]
    share = len(changed) / len(lines) if lines else 0.0
    figures = {"lines": len(lines), "changed": len(changed), "share": share}
    return {**figures, "within_limit": share <= case.max_changed_share}


def template(case: Case) -> dict[str, Any]:
    """Check that the rendered chat template keeps its ids."""
    for chat, changed in _changed(case, case.chats):
        if changed:
            fail("template", f"{chat[:80]!r} has other ids")
    return {"chats": len(case.chats)}


CHECKS: Mapping[str, Callable[[Case], dict[str, Any]]] = {
    "reachability": reachability,
    "id stability": id_stability,
    "coarsening": coarsening,
    "round trip": round_trip,
    "blast radius": blast_radius,
    "template": template,
}
