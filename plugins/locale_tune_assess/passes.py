"""Which checks run on which models.

Every check compares the base with the localized model. In a plan with `align` some of them, the
guards, also compare the model that `align` started from with what came of it: learning from
preferences can make answers poorer, less likely or too sure while the whole build still looks
better than its base.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from locale_tune.api import Check, Finding

from .models import LocalModel

BEFORE_ALIGN = "tuned"  # the input that the stage asks the plan for
PREFIX = "align."
TOLD = "since align"  # from the model before it to the last one


@dataclass(frozen=True)
class Pass:
    """One check on two models; what it finds is kept in `folder`."""

    check: Check
    before: LocalModel
    folder: Path
    guard: bool = False

    @property
    def prefix(self) -> str:
        """What names of findings and of files with items begin with."""
        return PREFIX if self.guard else ""

    def named(self, found: Mapping[str, Any]) -> Finding:
        """Return a finding as the build tells it: a guard's says what it compares."""
        finding = Finding.model_validate(found)
        if not self.guard:
            return finding
        told = {"check": PREFIX + finding.check, "label": f"{finding.label}, {TOLD}"}
        return finding.model_copy(update={**told, "section": "align"})


def passes(
    checks: Sequence[Check], guards: Sequence[str], models: Mapping[str, LocalModel], work: Path
) -> Iterator[Pass]:
    """Yield every check on base and localized model, then the guards where `align` was run."""
    for check in checks:
        yield Pass(check, models["before"], work / "checks" / check.name)
    if BEFORE_ALIGN not in models:
        return
    for check in checks:
        if check.name in guards:
            # A folder of their own: a check finds what another one kept beside its own folder.
            yield Pass(check, models[BEFORE_ALIGN], work / "guards" / check.name, guard=True)
