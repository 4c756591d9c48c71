"""Skip the update when loss or gradient norm jumps.

After OLMo-core's `SkipStepOptimizer` (Apache-2.0, `olmo_core/optim/skip_step_optimizer.py`): an
update whose loss or gradient norm lies more than `sigmas` standard deviations (the unbiased ones)
from the mean of the last 128 is left out, moments included; what was skipped stays in the window,
so that a level that has changed for good is soon taken as it is. Theirs, with 6 sigmas, also skips
an update whose loss falls that far; ours skips jumps upwards only, since a text that is suddenly
easy does no harm. Ours waits for 64 earlier updates, theirs counts the present one as the 64th.
Where all 128 are equal, theirs skips (0 / 0 is not below 6), ours takes a value equal to them.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

WINDOW = 128


class Spikes:
    """Decide for each update; `seen` is [[loss, gradient norm], ...] and is kept with the state."""

    def __init__(self, sigmas: float, seen: list[list[float]]) -> None:
        self.sigmas = sigmas
        self.seen = seen

    def accept(self, loss: float, norm: float) -> bool:
        """Say whether to make this update, and remember it. Without `sigmas` all are made."""
        if not self.sigmas:
            return True
        usual = len(self.seen) < WINDOW // 2 or not any(
            _jumps(value, past, self.sigmas)
            for value, past in zip((loss, norm), zip(*self.seen, strict=True), strict=True)
        )
        self.seen.append([loss, norm])
        del self.seen[:-WINDOW]
        return usual


def _jumps(value: float, past: Sequence[float], sigmas: float) -> bool:
    # mean, not fmean: it is exact for equal numbers, where any error would exceed a deviation of 0
    return value - statistics.mean(past) > sigmas * statistics.stdev(past)
