"""Nothing that is not finite gets into the weights, and nothing of it into a checkpoint."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import chain

from torch import Tensor

from locale_tune.api import NotFinite

REMEDY = "lower the learning rate (lr); the newest checkpoint holds the state before"


def finite(tensor: Tensor) -> bool:
    """Say whether every number is finite. One sum decides nearly always, many times faster."""
    tensor = tensor.detach()
    return math.isfinite(float(tensor.sum())) or bool(tensor.isfinite().all())


def first_bad(named: Iterable[tuple[str, Tensor | None]]) -> str:
    """Return the name of the first tensor that is not finite, or an empty string."""
    return next((name for name, t in named if t is not None and not finite(t)), "")


def check_update(
    step: int, loss: float, norm: float, lr: float, gradients: Iterable[tuple[str, Tensor | None]]
) -> None:
    """Raise NotFinite, naming step and tensor, before an update that would spoil the weights."""
    bad = [
        f"{name} is {value}"
        for name, value in (("the loss", loss), ("lr", lr))
        if not math.isfinite(value)
    ]
    if not math.isfinite(norm):
        name = first_bad(gradients)
        bad.append(f"the gradient of {name} is not finite" if name else f"their norm is {norm}")
    if bad:
        raise NotFinite(f"step {step}: {', '.join(bad)}", REMEDY)


def check_state(
    step: int, weights: Iterable[tuple[str, Tensor]], moments: Iterable[tuple[str, Tensor]]
) -> None:
    """Raise NotFinite, naming step and tensor, if a weight or a moment of AdamW is not finite."""
    bad = first_bad(chain(weights, moments))
    if bad:
        raise NotFinite(f"step {step}: {bad} is not finite", REMEDY)
