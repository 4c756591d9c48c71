"""Smooth calibration error: ECE without bins (Blasiok and Nakkiran 2023, arXiv 2309.12236).

smECE_s is the integral over t in [0, 1] of |mean_i K_s(t, f_i) (y_i - f_i)| for the Gaussian of
width s reflected at 0 and 1, and smECE is the s with smECE_s = s. The reflected Gaussian is the
heat kernel of an interval with insulated ends, which has the exact series

    K_s(t, f) = 1 + 2 sum_{m >= 1} exp(-(m pi s)^2 / 2) cos(m pi t) cos(m pi f).

So the residuals are projected on cosines once, and every further s costs one FFT. Unlike relplot
(apple/ml-calibration@18ff21a) confidences of exactly 0 and 1 count in full.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MESH = 1 << 14
NARROWEST = 2.0**-10
# exp(-x^2 / 2) is below 1e-16 beyond x = 8.6: no later term of the series changes a double.
REACH = 8.6
CHUNK = 256
COARSE, COARSE_MESH = 1 / 64, 256


def smooth_error(confidence: Array, correct: Array) -> tuple[float, float]:
    """Return (smECE, its width s), accurate to 1e-6 or so; below 2^-10 the width stays there."""
    spectrum = _spectrum(confidence, correct, NARROWEST)
    if (value := _integral(spectrum, NARROWEST)) <= NARROWEST:
        return value, NARROWEST
    low, high = NARROWEST, 1.0
    for _ in range(30):
        width = (low + high) / 2
        low, high = (width, high) if _integral(spectrum, width) > width else (low, width)
    return _integral(spectrum, high), high


def smooth_error_at(confidence: Array, correct: Array, width: float) -> float:
    """Return smECE_s for one width s."""
    return _integral(_spectrum(confidence, correct, width), width)


def smooth_errors(confidence: Array, correct: Array, weights: Array) -> Array:
    """Return smECE [R] of R resamples, given how often each item is in each (weights [R, N]).

    For intervals: a coarse mesh, widths from 1/64 on, and 12 halvings give three decimals.
    """
    frequencies = np.pi * np.arange(int(np.ceil(REACH / (np.pi * COARSE))) + 1)
    addends = (correct - confidence)[:, None] * np.cos(np.outer(confidence, frequencies))
    spectra = weights @ addends / np.maximum(weights.sum(axis=1, keepdims=True), 1)
    cells = (np.arange(COARSE_MESH) + 0.5) / COARSE_MESH
    waves = np.cos(np.outer(frequencies, cells)) * np.where(frequencies == 0, 1.0, 2.0)[:, None]

    def integrals(widths: Array) -> Array:
        damped = spectra * np.exp(-((np.outer(widths, frequencies)) ** 2) / 2)
        result: Array = np.abs(damped @ waves).mean(axis=1)
        return result

    low, high = np.full(len(spectra), COARSE), np.ones(len(spectra))
    narrow = integrals(low)
    for _ in range(12):
        middle = (low + high) / 2
        wider = integrals(middle) > middle
        low, high = np.where(wider, middle, low), np.where(wider, high, middle)
    return np.where(narrow <= COARSE, narrow, (low + high) / 2)


def _spectrum(confidence: Array, correct: Array, width: float) -> Array:
    """Return mean_i r_i cos(m pi f_i) for every m that this width can still see [M]."""
    terms = min(MESH, int(np.ceil(REACH / (np.pi * width))) + 1)
    frequencies = np.pi * np.arange(terms)
    residual = correct - confidence
    total = np.zeros(terms)
    for start in range(0, len(residual), CHUNK):
        part = slice(start, start + CHUNK)
        total += residual[part] @ np.cos(np.outer(confidence[part], frequencies))
    return total / max(len(residual), 1)


def _integral(spectrum: Array, width: float) -> float:
    """Return the integral of |smoothed residual|, by the midpoint rule on MESH cells."""
    m = np.arange(len(spectrum))
    damped = spectrum * np.exp(-((m * np.pi * width) ** 2) / 2) * np.where(m == 0, 1.0, 2.0)
    # sum_m a_m cos(m pi (j + 1/2) / MESH) is the real part of an inverse FFT of length 2 MESH.
    turned = damped * np.exp(0.5j * np.pi * m / MESH)
    values = np.fft.ifft(turned, 2 * MESH).real[:MESH] * (2 * MESH)
    return float(np.abs(values).mean())
