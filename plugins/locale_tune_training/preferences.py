"""Preference losses: pure functions of summed log-probabilities, one number per pair.

With log-probabilities of a preferred answer w and a rejected answer l, summed over their tokens,
under the policy pi and a reference that stands still,

    m = (log pi(w) - log ref(w)) - (log pi(l) - log ref(l))

    dpo     -log sigmoid(beta m)                          Rafailov et al. 2023 (arXiv 2305.18290)
    dpop    -log sigmoid(beta (m - lambda max(0, log ref(w) - log pi(w))))
                                                          Pal et al. 2024 (arXiv 2402.13228), eq. 3
    ipo     (m - 1 / (2 beta))^2                          Azar et al. 2023 (arXiv 2310.12036)
    hinge   max(0, 1 - beta m)                            Chen et al. 2024 (arXiv 2401.01335)
    rloo    max(r(l), 1 - c) - min(r(w), 1 + c), r = pi / ref, times the gap of their rewards
                                                          Ahmadian et al. 2024 (arXiv 2402.14740)

DPOP's penalty stands inside the sigmoid: outside, or subtracted from the loss, it is another loss.
SPIN (Chen et al. 2024) is `dpo` or `hinge` where l is what the reference itself generated; its
lambda is our beta. `dpo-length` is `dpo` of log-probabilities per token, as in Lambert et al. 2024
(arXiv 2411.15124, section 5). Label smoothing is the conservative DPO of Mitchell 2023: with
probability eps the preference is the other way round.

REINFORCE leave-one-out gives sample k of K the advantage R_k - mean of the others' R. The sum over
k of advantage times grad log pi_k is 1 / (K - 1) times the sum over all pairs of (R_w - R_l) (grad
log pi_w - grad log pi_l), so `rloo` over all pairs of a prompt's samples is that estimator; the
ratio to the model that drew them is clipped as in PPO (Schulman et al. 2017, arXiv 1707.06347).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

CLIP = 0.2


class Logps(NamedTuple):
    """Log-probabilities of each pair's two answers, [P] each, in nats, summed over tokens."""

    chosen: Tensor
    rejected: Tensor
    ref_chosen: Tensor
    ref_rejected: Tensor

    @property
    def margin(self) -> Tensor:
        """How much more than the reference the policy prefers the chosen answer [P]."""
        return (self.chosen - self.ref_chosen) - (self.rejected - self.ref_rejected)


class Loss(NamedTuple):
    """Which loss, and its constants."""

    name: str = "dpo"
    beta: float = 0.1
    dpop_lambda: float = 50.0
    smoothing: float = 0.0

    def __call__(self, logps: Logps) -> Tensor:
        """Return the loss of each pair [P], in float32 at least."""
        wide = torch.promote_types(logps.chosen.dtype, torch.float32)
        return LOSSES[self.name](Logps(*(part.to(wide) for part in logps)), self)


def dpo(logps: Logps, loss: Loss) -> Tensor:
    """Return the logistic loss of the margin."""
    return _logistic(loss.beta * logps.margin, loss.smoothing)


def dpop(logps: Logps, loss: Loss) -> Tensor:
    """Return DPO's loss with a penalty where the chosen answer is less likely than it was."""
    fallen = torch.relu(logps.ref_chosen - logps.chosen)
    return _logistic(loss.beta * (logps.margin - loss.dpop_lambda * fallen), loss.smoothing)


def ipo(logps: Logps, loss: Loss) -> Tensor:
    """Return the squared distance of the margin from 1 / (2 beta)."""
    return (logps.margin - 1 / (2 * loss.beta)) ** 2


def hinge(logps: Logps, loss: Loss) -> Tensor:
    """Return SPIN's hinge: nothing is asked of a pair whose scaled margin is 1."""
    return torch.relu(1 - loss.beta * logps.margin)


def rloo(logps: Logps, loss: Loss) -> Tensor:
    """Return what is lost by unit of reward: the caller multiplies by the gap of the rewards."""
    chosen = torch.exp(logps.chosen - logps.ref_chosen).clamp(max=1 + CLIP)
    return torch.exp(logps.rejected - logps.ref_rejected).clamp(min=1 - CLIP) - chosen


def _logistic(scaled: Tensor, smoothing: float) -> Tensor:
    # logsigmoid, not log(sigmoid): DPOP's argument is often hundreds below zero.
    right = -logsigmoid(scaled)
    return right if not smoothing else (1 - smoothing) * right - smoothing * logsigmoid(-scaled)


# `dpo-length` differs in what it is given: log-probabilities per token.
LOSSES: dict[str, Callable[[Logps, Loss], Tensor]] = {
    "dpo": dpo,
    "dpo-length": dpo,
    "dpop": dpop,
    "ipo": ipo,
    "hinge": hinge,
    "rloo": rloo,
}
