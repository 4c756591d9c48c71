"""The forgetting budget: English is measured while another language is taught.

Every n updates the bits per UTF-8 byte of a few held-out control lines are measured. When they have
risen by more than the budget, the run stops, or replay gets a larger share of the rows to come.
What was measured and done is in the checkpoint and, at the end, in the facts.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import torch

from locale_tune.api import Record
from locale_tune_training.batches import Row
from locale_tune_training.encoding import Encoder
from locale_tune_training.hooks import Hooks, Verdict
from locale_tune_training.mixing import Mixture

KEPT = "forgetting"


class Line(NamedTuple):
    """One control line: its row, and its length in UTF-8 bytes."""

    row: Row
    bytes: int


def control_lines(
    records: Iterable[Record], encoder: Encoder, count: int, sequence: int, seed: int
) -> list[Line]:
    """Return `count` English control lines (any, if none is English), drawn by the seed.

    A line is cut to `sequence` characters; one that still has more tokens than that is passed over.
    """
    found = [record for record in records if record.text]
    found = [r for r in found if r.lang.split("-")[0] == "en"] or found
    found.sort(key=lambda r: hashlib.sha256(f"{seed}:{r.id}:{r.text}".encode()).digest())
    lines: list[Line] = []
    for record in found:
        text = record.text[:sequence]
        ids = encoder.content_ids(text)
        if len(lines) < count and 2 <= len(ids) <= sequence:
            weights = torch.ones(len(ids))
            weights[0] = 0.0  # nothing predicts the first token
            row = Row(torch.tensor(ids), torch.arange(len(ids)), weights)
            lines.append(Line(row, len(text.encode())))
    return lines


def bits_per_byte(module: Any, lines: list[Line]) -> float:
    """Return the summed negative log-likelihood in bits by UTF-8 byte; dropout and noise are off.

    The first token of a line has no prediction and counts with its bytes only: the same before and
    after, so the change is exact.
    """
    was_training = module.training
    module.eval()
    with torch.no_grad():
        nll = sum(float(module(line.row).nll) for line in lines)
    module.train(was_training)
    return nll / (math.log(2) * sum(line.bytes for line in lines))


class Watch:
    """The budget of one run: measure, compare with the start, act."""

    def __init__(self, lines: list[Line], settings: Any, mixture: Mixture | None) -> None:
        self.lines, self.settings, self.mixture = lines, settings, mixture
        self.kept: dict[str, Any] = {}

    def hooks(self) -> Hooks:
        """Return the parts that the loop calls."""
        return Hooks(begin=self._begin, after_step=self._after)

    def _begin(self, trainer: Any, state: Any) -> None:
        """Take up what an earlier process knew, or measure where the model starts."""
        if KEPT not in state.kept:
            start = bits_per_byte(trainer.module, self.lines)
            state.kept[KEPT] = {"start": start, "measured": [], "since": [], "stopped": False}
        self.kept = state.kept[KEPT]
        if self.mixture is not None:
            for row, share in self.kept["since"]:
                self.mixture.change(row, share)

    def _after(self, trainer: Any, state: Any) -> Verdict:
        if state.step % self.settings.forgetting_every:
            return "go on"
        now = bits_per_byte(trainer.module, self.lines)
        self.kept["measured"].append([state.step, now])
        over = now - self.kept["start"] > self.settings.forgetting_budget
        if over and self.settings.forgetting == "stop":
            self.kept["stopped"] = True
            return "stop"
        if over and self.settings.forgetting == "replay":
            self._raise(state.step)
        return "go on"

    def _raise(self, step: int) -> None:
        """Give replay a larger share from the next update on, up to the most that is allowed."""
        if self.mixture is None:
            return
        share = min(self.mixture.share + self.settings.replay_raise, self.settings.replay_most)
        if share > self.mixture.share:
            row = step * self.settings.rows_per_step
            self.mixture.change(row, share)
            self.kept["since"].append([row, share])

    def facts(self) -> dict[str, Any]:
        """Return what the manifest says of forgetting."""
        measured = self.kept["measured"]
        last = measured[-1][1] if measured else self.kept["start"]
        return {
            "control_lines": len(self.lines),
            "control_bits_per_byte_start": round(self.kept["start"], 5),
            "control_bits_per_byte": [[step, round(bits, 5)] for step, bits in measured],
            "forgetting": round(last - self.kept["start"], 5),
            "forgetting_budget": self.settings.forgetting_budget,
            "replay_raised": self.kept["since"],
            "stopped_by_budget": self.kept["stopped"],
        }
