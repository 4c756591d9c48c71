"""Goldfish loss: leave a fixed share of the targets out, so that no passage is learned by heart.

After Hans et al. 2024 (arXiv 2406.10209). Target s has weight 0 when a hash of the h ids before it
falls below 2^64 / k, so a passage is masked alike wherever it stands. The reference multiplies the
ids modulo 1,000,003, where one id 0 fixes the product, and counts the target among them; here the
window is mixed to 64 bits and ends before the target, within the document.
"""

from __future__ import annotations

import numpy as np

from locale_tune_training.batches import Tokens

SMALL_BYTES = 20_000_000
MANY_EPOCHS = 10.0
U64 = np.uint64


def dropped(ids: np.ndarray, k: int, h: int) -> np.ndarray:
    """Return a boolean [n]: which targets of one document are left out; never the first h."""
    mask = np.zeros(len(ids), bool)
    count = len(ids) - h
    if count <= 0:
        return mask
    mixed = _mix(ids.astype(np.int64).astype(U64) + U64(1))
    window = np.zeros(count, U64)
    with np.errstate(over="ignore"):
        for k_th in range(h):  # a polynomial in an odd constant: order counts
            window = window * U64(0x9E3779B97F4A7C15) + mixed[k_th : k_th + count]
    mask[h:] = _mix(window) < U64((1 << 64) // k)
    return mask


def _mix(x: np.ndarray) -> np.ndarray:
    """Spread each 64-bit value over all bits: the finaliser of splitmix64 (Steele et al. 2014)."""
    with np.errstate(over="ignore"):
        x = (x ^ (x >> U64(30))) * U64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> U64(27))) * U64(0x94D049BB133111EB)
    mixed: np.ndarray = x ^ (x >> U64(31))
    return mixed


def apply(tokens: Tokens, k: int, h: int) -> float:
    """Take the weight of the chosen targets of every record; return the share left out."""
    gone = targets = 0
    for record in range(len(tokens)):
        ids, weights = tokens.piece(record, 0, tokens.length(record))
        mask = dropped(np.asarray(ids), k, h)
        targets += int(np.count_nonzero(weights))
        gone += int(np.count_nonzero(weights[mask]))
        tokens.drop(record, mask)
    return gone / max(1, targets)


def wanted(setting: str, text_bytes: int, epochs: float) -> bool:
    """Return whether to mask: `auto` where a small text would be seen many times."""
    small = text_bytes < SMALL_BYTES and epochs >= MANY_EPOCHS - 1e-6
    return setting == "on" or (setting == "auto" and small)
