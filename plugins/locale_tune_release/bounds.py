"""Compare what was measured with the limits the pack sets; a broken bound fails the build."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from locale_tune.api import Bound, Finding

from .figures import between, number, short, signed

# What learning from preferences must not cost, against the model before it, where a pack sets no
# bound of its own on the same finding: DPO can make preferred answers unlikelier (arXiv 2402.13228)
# and answers alike; the limits are those of the packs for a whole build.
GUARDS = (
    Bound(check="align.preferences", of="change", max=0.0, clear=True),
    Bound(check="align.distinct_2", of="ratio", min=0.3),
    Bound(check="align.entropy", of="ratio", min=0.3),
    Bound(check="align.ece", of="change", max=0.05, clear=True),
    Bound(check="align.tax", max=10.0),
)
GUARD_REMEDY = (
    " Let align train less (epochs, lr) or keep more (loss = dpop, a higher beta), "
    "or say in the pack what it may cost: a bound on this number replaces the guard."
)


@dataclass(frozen=True)
class BoundResult:
    """One bound against one finding; `finding` is None when the bound matches none.

    `problem` is empty when the bound holds, else the sentence a person reads.
    """

    bound: Bound
    finding: Finding | None
    problem: str

    @property
    def kept(self) -> bool:
        """Whether the bound holds."""
        return not self.problem


def with_guards(bounds: Iterable[Bound], findings: Sequence[Finding]) -> list[Bound]:
    """Return the bounds of a pack and, for a build with `align`, the guards it says nothing of."""
    own = list(bounds)
    return own + [
        guard.model_copy(update={"on": finding.on})
        for guard in GUARDS
        for finding in findings
        if finding.check == guard.check and not _settled(guard, finding, own)
    ]


def _settled(guard: Bound, finding: Finding, own: Sequence[Bound]) -> bool:
    """Return whether nothing is to be guarded: the pack bounds this number, or it was nothing."""
    bounded = any(b.check == finding.check and b.on in ("", finding.on) for b in own)
    return bounded or (guard.of == "ratio" and not finding.before)


def is_guard(bound: Bound) -> bool:
    """Return whether a bound is one that no pack has written."""
    return bound.model_copy(update={"on": ""}) in GUARDS


def evaluate(bounds: Iterable[Bound], findings: Sequence[Finding]) -> list[BoundResult]:
    """Check each bound against every finding it names; limits themselves are allowed values.

    A bound with an empty `on` holds for each finding of its check. A bound that matches nothing,
    or a number that is missing or not finite, is broken: silence is no proof.
    """
    return [result for bound in bounds for result in _results(bound, findings)]


def broken(bounds: Iterable[Bound], findings: Sequence[Finding]) -> list[str]:
    """Return one sentence per broken bound, in the order of the pack."""
    return [result.problem for result in evaluate(bounds, findings) if result.problem]


def limits(bound: Bound) -> str:
    """Say a bound in words, e.g. `change of at least −2`."""
    words = []
    if bound.min is not None:
        words.append(f"at least {short(bound.min)}")
    if bound.max is not None:
        words.append(f"at most {short(bound.max)}")
    limit = " and ".join(words) or "no limit"
    clearly = " (broken where the whole interval is beyond)" if bound.clear else ""
    if bound.of == "ratio":
        return f"{limit} times what it was before"
    return f"change of {limit}{clearly}" if bound.of == "change" else limit


def _results(bound: Bound, findings: Sequence[Finding]) -> Iterator[BoundResult]:
    matching = [f for f in findings if f.check == bound.check and bound.on in ("", f.on)]
    if not matching:
        yield BoundResult(bound, None, _unmatched(bound, findings))
    for finding in matching:
        yield BoundResult(bound, finding, _problem(bound, finding))


def _unmatched(bound: Bound, findings: Sequence[Finding]) -> str:
    where = f" on '{bound.on}'" if bound.on else ""
    known = sorted({f.on for f in findings if f.check == bound.check})
    hint = f" It was measured on {', '.join(known)}." if known else ""
    return f"The bound on '{bound.check}'{where} ({limits(bound)}) matches nothing measured.{hint}"


def _problem(bound: Bound, finding: Finding) -> str:
    value = _value(bound, finding)
    what = f"{finding.label} ({finding.check} on {finding.on})"
    asks, remedy = ("the guard of align", GUARD_REMEDY) if is_guard(bound) else ("the pack", "")
    if value is None or not math.isfinite(value):
        return f"{what} has no {bound.of} number, but {asks} asks for {limits(bound)}.{remedy}"
    # Without an interval (fewer than five groups) nothing is clear: the number itself decides.
    low, high = finding.interval if bound.clear and finding.interval else (value, value)
    below = bound.min is not None and high < bound.min
    above = bound.max is not None and low > bound.max
    if not (below or above):
        return ""
    if bound.of == "change":
        seen = finding.interval if bound.clear else None
        clear = f" (95 % interval {between(seen, 3, sign=True)})" if seen else ""
        found = f"changed by {signed(value)}{clear}; {asks} asks for a"
    else:
        times = " times what it was" if bound.of == "ratio" else ""
        found = f"is {number(value)}{times}; {asks} asks for"
    return f"{what} {found} {limits(bound)}.{remedy}"


def _value(bound: Bound, finding: Finding) -> float | None:
    if bound.of == "ratio":
        return finding.after / finding.before if finding.before else None
    return finding.after if bound.of == "after" else finding.change
