"""Write numbers for people: a true minus sign, one precision per row, thousands apart."""

from __future__ import annotations

import math
from collections.abc import Sequence

MINUS = "\u2212"
SPACE = "\u00a0"  # keeps a number and its unit on one line
NONE = "not measured"
UNITS = ("bytes", "kB", "MB", "GB", "TB")


def decimals(*values: float | None) -> int:
    """Return how many decimals show about three digits of the largest value (0 to 4)."""
    sizes = [abs(v) for v in values if v is not None and math.isfinite(v)]
    top = max(sizes, default=0.0)
    if top == 0:
        return 2
    return min(4, max(0, 2 - math.floor(math.log10(top))))


def number(value: float | None, digits: int | None = None) -> str:
    """Write a number; without `digits` whole numbers stay whole and others get three digits."""
    if value is None or not math.isfinite(value):
        return NONE
    if digits is None:
        digits = 0 if value == int(value) else decimals(value)
    text = f"{abs(value):,.{digits}f}"
    return MINUS + text if value < 0 and float(text.replace(",", "")) != 0 else text


def short(value: float) -> str:
    """Write a number as a person would type it, without trailing zeros."""
    return f"{value:g}".replace("-", MINUS)


def signed(value: float | None, digits: int | None = None) -> str:
    """Write a change with its sign."""
    text = number(value, digits)
    unsigned = text == NONE or text.startswith(MINUS) or not any(c in "123456789" for c in text)
    return text if unsigned else f"+{text}"


def between(ends: Sequence[float], digits: int, sign: bool = False) -> str:
    """Write an interval, `+1.2 to +3.4`."""
    write = signed if sign else number
    return f"{write(ends[0], digits)} to {write(ends[1], digits)}"


def percent(part: float, whole: float) -> str:
    """Write a share; a part that is there never reads as 0 %."""
    if whole <= 0:
        return NONE
    share = 100 * part / whole
    if 0 < share < 0.1:
        return f"under 0.1{SPACE}%"
    digits = 0 if share >= 10 or share == 0 else 1
    return f"{share:.{digits}f}{SPACE}%"


def count(value: float) -> str:
    """Write a number of parameters: 4, 270 k, 134.5 M, 1.72 B."""
    for limit, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{number(value / limit, decimals(value / limit))}{SPACE}{letter}"
    return number(value)


def span(seconds: float) -> str:
    """Write a time: 0.4 s, 12 s, 3 min 20 s, 2 h 5 min."""
    if seconds < 60:
        return f"{seconds:.2g}{SPACE}s" if seconds < 10 else f"{seconds:.0f}{SPACE}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}{SPACE}min {rest}{SPACE}s"
    return f"{minutes // 60}{SPACE}h {minutes % 60}{SPACE}min"


def size(value: float) -> str:
    """Write a number of bytes in powers of 1000."""
    step = 0
    while value >= 1000 and step < len(UNITS) - 1:
        value, step = value / 1000, step + 1
    return f"{value:.3g}{SPACE}{UNITS[step]}"
