"""Linear cross-entropy without the full logits: weighted, smoothed, exact, in row chunks.

With z = s * (h W^T + b), optionally z = cap * tanh(z / cap), token weights w_t, smoothing mass eps
spread evenly over a set S of the vocabulary (all of it unless given):

    LS_t = lse(z_t) - (1 - eps) * z_t[y] - eps * mean_{v in S} z_t[v]
    dz_t = w_t * (softmax(z_t) - (1 - eps) * onehot(y) - eps * [v in S] / |S|)

Label smoothing as in Szegedy et al. 2016 (arXiv 1512.00567) over the whole vocabulary, the same as
`torch.nn.functional.cross_entropy(label_smoothing=eps)`. Tokens of weight 0 are never projected.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

# Logits of one chunk: 64 MiB in float32 on a CPU; on a GPU 1 GiB, or its launches take longer
# than its work. Each chunk adds to the whole gradient of the head, so it has some rows at least.
CHUNK_LOGITS = {"cpu": 1 << 24, "cuda": 1 << 28}
LEAST_ROWS = 256


class Sums(NamedTuple):
    """Sums over tokens, never means: of w * LS (with gradient), w * NLL, and w.

    They are float32, or float64 where the hidden states are.
    """

    loss: Tensor
    nll: Tensor
    weight: Tensor


def fused_ce(
    hidden: Tensor,
    head: Tensor,
    labels: Tensor,
    weights: Tensor,
    smoothing: float = 0.0,
    smooth_over: Tensor | None = None,
    scale: float = 1.0,
    cap: float = 0.0,
    bias: Tensor | None = None,
) -> Sums:
    """Return the summed loss of `hidden` [N, H] against `labels` [N] under `head` [V, H].

    `weights` is [N]; `bias` is [V]; `smooth_over` a boolean [V], all rows unless given. With no
    weighted token all three sums are 0 and so are the gradients.
    """
    keep = weights != 0
    weighted = weights[keep].to(_wide(hidden))
    loss, nll = _FusedCE.apply(  # type: ignore[no-untyped-call]
        hidden[keep], head, labels[keep], weighted, smoothing, smooth_over, scale, cap, bias
    )
    return Sums(loss, nll, weighted.sum())


@torch.no_grad()
def token_logps(
    hidden: Tensor,
    head: Tensor,
    labels: Tensor,
    scale: float = 1.0,
    cap: float = 0.0,
    bias: Tensor | None = None,
) -> Tensor:
    """Return log p of each label [N] given its hidden state [N, H]; no gradient, no full logits."""
    wide = _wide(hidden)
    found = torch.empty(len(labels), dtype=wide, device=hidden.device)
    chunk = _chunk_rows(hidden.device.type, len(head))
    for start in range(0, len(labels), chunk):
        rows = slice(start, start + chunk)
        z = _logits(hidden[rows], head, wide, scale, cap, bias)
        found[rows] = z.gather(1, labels[rows, None]).squeeze(1) - torch.logsumexp(z, dim=1)
    return found


class _FusedCE(torch.autograd.Function):
    """Compute loss and gradients in one pass over row chunks; backward only scales them."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        head: Tensor,
        labels: Tensor,
        weights: Tensor,
        smoothing: float,
        smooth_over: Tensor | None,
        scale: float,
        cap: float,
        bias: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        """Return (sum of w * LS, sum of w * NLL), both scalars."""
        wide = _wide(hidden)
        spread = _spread(head, smoothing, smooth_over, wide)
        d_hidden = torch.empty_like(hidden)
        d_head = torch.zeros(0, dtype=wide, device=head.device)
        d_bias = torch.zeros(len(head), dtype=wide, device=head.device)
        loss = nll = torch.zeros((), dtype=wide, device=hidden.device)
        chunk = _chunk_rows(hidden.device.type, len(head))
        for start in range(0, len(labels), chunk):
            rows = slice(start, start + chunk)
            h, y, w = hidden[rows], labels[rows, None], weights[rows]
            z = _logits(h, head, wide, scale, cap, bias)
            slope = 1.0 - (z / cap) ** 2 if cap else None
            z_y = z.gather(1, y).squeeze(1)
            smoothed = smoothing * z_y - z @ spread if smoothing else 0.0
            # From here on z is turned into its own gradient: [rows, V] is the largest tensor.
            top = z.amax(dim=1)
            mass = z.sub_(top[:, None]).exp_().sum(dim=1)
            token_nll = top + mass.log() - z_y
            loss = loss + (w * (token_nll + smoothed)).sum()
            nll = nll + (w * token_nll).sum()
            dz = z.mul_((w / mass)[:, None])
            if smoothing:
                dz.addr_(w, spread, alpha=-1.0)
            dz.scatter_add_(1, y, ((smoothing - 1.0) * w)[:, None])
            if scale != 1.0:
                dz *= scale
            if slope is not None:
                dz *= slope
            small = dz.to(head.dtype)
            d_hidden[rows] = small @ head
            d_head = _add_product(d_head, small, h)
            if bias is not None:
                d_bias += dz.sum(0)
            del z, dz, small, slope  # or the next chunk would stand beside this one
        if not len(labels):
            d_head = torch.zeros_like(head)
        # Not save_for_backward: what is held there twice would be copied into .grad, not moved.
        ctx.found = [d_hidden, d_head.to(head.dtype), d_bias if bias is not None else None]
        return loss, nll

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Scale the gradients found in forward, in place; the NLL sum is for reading only."""
        if ctx.found is None:
            raise RuntimeError("the fused loss can go backward once: its gradients are reused")
        found, ctx.found = ctx.found, None
        for part in found:
            if part is not None:
                part.mul_(grads[0])
        d_hidden, d_head, d_bias = found
        return d_hidden, d_head, *(None,) * 6, d_bias


def _logits(
    hidden: Tensor, head: Tensor, wide: torch.dtype, scale: float, cap: float, bias: Tensor | None
) -> Tensor:
    """Return the logits of one chunk of rows, in `wide`."""
    z = (hidden @ head.T).to(wide)
    if bias is not None:
        z += bias
    if scale != 1.0:
        z *= scale
    return cap * torch.tanh(z / cap) if cap else z


def _chunk_rows(device: str, vocabulary: int) -> int:
    """Return how many tokens are projected at once."""
    return max(LEAST_ROWS, CHUNK_LOGITS.get(device, 1 << 24) // vocabulary)


def _add_product(total: Tensor, dz: Tensor, hidden: Tensor) -> Tensor:
    """Return `total` + dz^T hidden, float32 at least; the first product is taken as it is."""
    if not total.numel():
        return dz.T @ hidden
    if total.dtype == dz.dtype == _wide(dz):
        return total.addmm_(dz.T, hidden)
    return total.to(_wide(dz)).add_(dz.T @ hidden)


def _wide(hidden: Tensor) -> torch.dtype:
    """Return the dtype of logits and sums: float32 at least."""
    return torch.promote_types(hidden.dtype, torch.float32)


def _spread(
    head: Tensor, smoothing: float, smooth_over: Tensor | None, wide: torch.dtype
) -> Tensor:
    """Return eps * u [V]: the smoothing mass each row of the head receives."""
    chosen = smooth_over if smooth_over is not None else torch.ones(len(head), dtype=torch.bool)
    mass = chosen.to(head.device, wide)
    return smoothing * mass / mass.sum()
