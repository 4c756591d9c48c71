"""What `extend` decided and measured, and the files that say so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

from locale_tune.api import write_json
from locale_tune_tokenizer.formats.styles import BYTE_LEVEL, Style
from locale_tune_tokenizer.learning.bpe import Learned
from locale_tune_tokenizer.learning.new_tokens import Sized
from locale_tune_tokenizer.learning.segments import Figures
from locale_tune_tokenizer.learning.size import rows as curve_rows

LISTED = 200


@dataclass(frozen=True)
class Outcome:
    """The answer of `extend`: how many tokens and why, and figures before and after."""

    reason: str = ""
    style: Style = BYTE_LEVEL
    min_frequency: int = 0
    text_bytes: int = 0
    learned_share: float = 1.0
    measured_on: str = ""
    before: Figures | None = None
    after: Figures | None = None
    english_fertility: float | None = None
    notes: tuple[str, ...] = ()
    sized: Sized = field(default_factory=Sized)
    pretokenizer: Mapping[str, Any] = field(default_factory=dict)
    trimmed: Mapping[str, Any] = field(default_factory=dict)
    certificate: Mapping[str, Any] = field(default_factory=dict)
    rows: Mapping[str, Any] = field(default_factory=dict)

    @property
    def learned(self) -> Learned:
        """Return what was learned and taken."""
        return self.sized.learned

    def because(self, reason: str) -> Outcome:
        """Return the answer zero with its reason; what was learned is not used."""
        refused = Learned(refused=self.learned.refused)
        return replace(self, reason=reason, sized=replace(self.sized, learned=refused))

    def with_learned(self, sized: Sized) -> Outcome:
        """Return the outcome with what was learned and how much of it was taken."""
        return replace(self, sized=sized)

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
            "new_tokens": len(self.learned.added),
            "reason": self.reason or self.sized.reason,
            "min_frequency": self.min_frequency,
            "text_bytes": self.text_bytes,
            "learned_share": self.learned_share,
            "merges": len(self.learned.merges),
            "letters": len(self.learned.letters),
            "rarest": self.learned.counts[-1] if self.learned.counts else None,
            "refused_pairs": dict(sorted(self.learned.refused.items())),
            "measured_on": self.measured_on,
            "words": before.words if before else 0,
            "fertility_before": before.fertility if before else None,
            "fertility_after": after.fertility if after else None,
            "fertility_english": self.english_fertility,
            "curve": list(curve_rows(self.sized.shown)),
            "knee": self.sized.knee,
            "frequent": self.sized.frequent,
            "floor": before.floor if before else None,
            "pretokenizer": dict(self.pretokenizer),
            "bytes_per_token_before": before.bytes_per_token if before else None,
            "bytes_per_token_after": after.bytes_per_token if after else None,
            "trimmed": dict(self.trimmed),
            "notes": list(self.notes),
            "checks": {name: check["passed"] for name, check in self.certificate.items()},
            "rows": dict(self.rows),
        }

    def _line(self) -> str:
        """Return the outcome in a few words, for a person who watches the build."""
        if not (self.before and self.after and self.learned.added):
            return self.reason
        per_word = f"{self.before.fertility:.2f} -> {self.after.fertility:.2f}"
        return f"{len(self.learned.added):,} new tokens, tokens per word {per_word}"


def write_outcome(out: Path, outcome: Outcome) -> dict[str, Any]:
    """Write `extension.json`, and `certificate.json` when there is one; return the facts."""
    facts = outcome.facts()
    # A token may be part of a letter; shown alone it would be a broken one.
    texts = (outcome.style.to_text(token) for token in outcome.learned.added)
    tokens = list(islice((text for text in texts if "\ufffd" not in text), LISTED))
    write_json(out / "extension.json", {**facts, "tokens": tokens})
    stale = out / "certificate.json"
    stale.unlink(missing_ok=True)
    if outcome.certificate:
        write_json(stale, dict(outcome.certificate))
    return facts


def _changed_notes(blast: Mapping[str, Any]) -> list[str]:
    return [
        f"{100 * blast[sample]['share']:.1f} % of {blast[sample]['lines']} {sample} lines get "
        f"other ids, more than {100 * blast['limit']:.1f} %: more replay text in their language "
        f"would protect them"
        for sample in ("replay", "control")
        if blast[sample]["within_limit"] is False
    ]
