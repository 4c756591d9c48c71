"""What `extend` decided and measured, and the files that say so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

from locale_tune.api import write_json
from locale_tune_tokenizer.bpe import Learned
from locale_tune_tokenizer.bytelevel import to_text
from locale_tune_tokenizer.segments import Figures

LISTED = 200


@dataclass(frozen=True)
class Outcome:
    """The answer of `extend`: how many tokens and why, and figures before and after."""

    reason: str = ""
    min_frequency: int = 0
    max_new_tokens: int = 0
    text_bytes: int = 0
    learned_share: float = 1.0
    measured_on: str = ""
    before: Figures | None = None
    after: Figures | None = None
    english_fertility: float | None = None
    notes: tuple[str, ...] = ()
    learned: Learned = field(default_factory=Learned)
    certificate: Mapping[str, Any] = field(default_factory=dict)
    rows: Mapping[str, Any] = field(default_factory=dict)

    def because(self, reason: str) -> Outcome:
        """Return the answer zero with its reason; what was learned is not used."""
        refused = Learned(refused=self.learned.refused)
        return replace(self, reason=reason, learned=refused)

    def with_learned(self, learned: Learned) -> Outcome:
        """Return the outcome with the merges learned."""
        return replace(self, learned=learned)

    def extended(
        self, after: Figures, certificate: Mapping[str, Any], rows: Mapping[str, Any]
    ) -> Outcome:
        """Return the finished outcome, with a note for each sample changed more than allowed."""
        notes = (*self.notes, *_changed_notes(certificate["blast radius"]))
        return replace(self, after=after, certificate=certificate, rows=rows, notes=notes)

    def facts(self) -> dict[str, Any]:
        """Return what the manifest and the report keep."""
        before, after = self.before, self.after
        return {
            "line": self._line(),
            "new_tokens": len(self.learned.tokens),
            "reason": self.reason or _why_so_many(self),
            "min_frequency": self.min_frequency,
            "text_bytes": self.text_bytes,
            "learned_share": self.learned_share,
            "merges": len(self.learned.merges),
            "refused_pairs": dict(sorted(self.learned.refused.items())),
            "measured_on": self.measured_on,
            "words": before.words if before else 0,
            "fertility_before": before.fertility if before else None,
            "fertility_after": after.fertility if after else None,
            "fertility_english": self.english_fertility,
            "floor": before.floor if before else None,
            "bytes_per_token_before": before.bytes_per_token if before else None,
            "bytes_per_token_after": after.bytes_per_token if after else None,
            "notes": list(self.notes),
            "checks": {name: check["passed"] for name, check in self.certificate.items()},
            "rows": dict(self.rows),
        }

    def _line(self) -> str:
        """Return the outcome in a few words, for a person who watches the build."""
        if not (self.before and self.after and self.learned.tokens):
            return self.reason or _why_so_many(self)
        per_word = f"{self.before.fertility:.2f} -> {self.after.fertility:.2f}"
        return f"{len(self.learned.tokens):,} new tokens, tokens per word {per_word}"


def write_outcome(out: Path, outcome: Outcome) -> dict[str, Any]:
    """Write `extension.json`, and `certificate.json` when there is one; return the facts."""
    facts = outcome.facts()
    # A token may be part of a letter; shown alone it would be a broken one.
    texts = (to_text(token) for token in outcome.learned.tokens)
    tokens = list(islice((text for text in texts if "\ufffd" not in text), LISTED))
    write_json(out / "extension.json", {**facts, "tokens": tokens})
    stale = out / "certificate.json"
    stale.unlink(missing_ok=True)
    if outcome.certificate:
        write_json(stale, dict(outcome.certificate))
    return facts


def _why_so_many(outcome: Outcome) -> str:
    """Say what ended the learning; empty when nothing was learned."""
    if not outcome.learned.tokens:
        return ""
    rarest = f"the rarest merge was seen {outcome.learned.counts[-1]} times"
    if len(outcome.learned.tokens) == outcome.max_new_tokens:
        return f"as many as max_new_tokens allows; {rarest}"
    return f"{rarest}, and the next is below the threshold of {outcome.min_frequency}"


def _changed_notes(blast: Mapping[str, Any]) -> list[str]:
    return [
        f"{100 * blast[sample]['share']:.1f} % of {blast[sample]['lines']} {sample} lines get "
        f"other ids, more than {100 * blast['limit']:.1f} %: more replay text in their language "
        f"would protect them"
        for sample in ("replay", "control")
        if not blast[sample]["within_limit"]
    ]
