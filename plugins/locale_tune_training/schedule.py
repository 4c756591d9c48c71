"""Learning rates: pure functions of the step over a fixed horizon, so a resumed run cannot jump."""

from __future__ import annotations

import math

from locale_tune_training.settings import TrainSettings


def learning_rate(step: int, steps: int, settings: TrainSettings) -> float:
    """Return the rate of update `step` (from 0) of `steps`: linear warm-up, then the schedule."""
    warm = max(1, round(settings.warmup * steps)) if settings.warmup else 0
    if step < warm:
        return settings.lr * (step + 1) / warm
    shape = _cosine if settings.schedule == "cosine" else _stable_then_decay
    low = settings.final_lr
    return settings.lr * (low + (1 - low) * shape(step, warm, steps, settings))


def _cosine(step: int, warm: int, steps: int, _settings: TrainSettings) -> float:
    """Return 1 at the end of the warm-up, 0 at the horizon, half a cosine between."""
    through = (step - warm) / max(1, steps - warm)
    return 0.5 * (1 + math.cos(math.pi * through))


def _stable_then_decay(step: int, warm: int, steps: int, settings: TrainSettings) -> float:
    """Return 1 until the last `decay` of the steps, then 1 - sqrt(share of the tail gone).

    The tail of Haegele et al. 2024 (arXiv 2405.18392), better there than a linear one. A tail
    longer than what the warm-up leaves starts where the warm-up ends.
    """
    begins = max(warm, steps - max(1, round(settings.decay * steps)))
    through = (step - begins) / max(1, steps - begins)
    return 1.0 if step < begins else 1.0 - math.sqrt(through)
