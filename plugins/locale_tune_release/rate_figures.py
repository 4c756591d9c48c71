"""Figures of ratings: who won, could it be chance, and do the raters agree."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from itertools import combinations
from typing import Any

Z95 = 1.959963984540054


def summary(ratings: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """Return the figures of a list of ratings.

    Votes on one prompt depend on each other, so the test and the interval count prompts, not votes:
    a prompt is won by the side that more raters chose. `p` is of the two-sided sign test, `share`
    that of won prompts among the decided ones, `interval` its 95 % Wilson interval.
    """
    votes = Counter(rating["choice"] for rating in ratings)
    by_prompt: dict[str, list[str]] = defaultdict(list)
    for rating in ratings:
        by_prompt[rating["prompt"]].append(rating["choice"])
    leads = [choices.count("after") - choices.count("before") for choices in by_prompt.values()]
    won, lost = sum(lead > 0 for lead in leads), sum(lead < 0 for lead in leads)
    return {
        "raters": len({rating["rater"] for rating in ratings}),
        "prompts": len(by_prompt),
        "votes": {name: votes[name] for name in ("after", "before", "tie", "both bad")},
        "won": won,
        "lost": lost,
        "even": len(leads) - won - lost,
        "share": won / (won + lost) if won + lost else None,
        "interval": wilson(won, won + lost),
        "p": sign_test(won, lost),
        "equal": equal_share(by_prompt.values()),
        "alpha": alpha(by_prompt.values()),
    }


def sign_test(won: int, lost: int) -> float:
    """Return the two-sided p of `won` heads in `won + lost` throws of a fair coin."""
    n = won + lost
    tail = sum(math.comb(n, k) for k in range(min(won, lost) + 1))
    return min(1.0, float(Fraction(2 * tail, 1 << n)))


def wilson(won: int, n: int) -> tuple[float, float] | None:
    """Return the 95 % interval of a share (Wilson 1927); None without any."""
    if n == 0:
        return None
    share, spread = won / n, 1 + Z95**2 / n
    centre = (share + Z95**2 / (2 * n)) / spread
    half = Z95 * math.sqrt(share * (1 - share) / n + Z95**2 / (4 * n**2)) / spread
    return max(0.0, centre - half), min(1.0, centre + half)


def equal_share(units: Iterable[Sequence[str]]) -> float | None:
    """Return the share of equal votes among all pairs of raters of the same prompt."""
    pairs = [a == b for votes in units for a, b in combinations(votes, 2)]
    return sum(pairs) / len(pairs) if pairs else None


def alpha(units: Iterable[Sequence[str]]) -> float | None:
    """Return Krippendorff's alpha for nominal votes; None where it is not defined.

    1 - observed / expected disagreement, each over pairs of votes (Krippendorff 2011, Computing
    Krippendorff's Alpha-Reliability). A unit with one vote says nothing about agreement.
    """
    counts = [Counter(votes) for votes in units if len(votes) > 1]
    totals: Counter[str] = sum(counts, Counter())
    n = totals.total()
    expected = n * n - sum(count * count for count in totals.values())
    if not expected:
        return None
    observed = sum(
        (unit.total() ** 2 - sum(count * count for count in unit.values())) / (unit.total() - 1)
        for unit in counts
    )
    return 1 - (n - 1) * observed / expected
