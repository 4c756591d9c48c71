"""What differs between two runs: plan, settings, data, libraries, artifacts and scores, as data.

Nothing heavy is imported here. What needs the items of both runs is in `paired_runs`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from locale_tune.api import Artifact, Finding, FinishedRun, PlanError, Step, read_json

# Told in a table of their own, or all over again for every step.
APART = ("sources", "texts", "libraries", "machine", "locale", "names", "version", "distribution")
COUNTS = ("seen", "kept", "bytes", "heldout_bytes", "licence", "problem")
DECLARED = ("uri", "role", "lang", "variety", "origin", "weight", "cap", "on")


class Difference(NamedTuple):
    """One thing that is not the same; None where a run does not have it."""

    what: str
    a: Any
    b: Any


class Score(NamedTuple):
    """One finding in both runs; `overlap` compares the intervals of their changes."""

    check: str
    on: str
    label: str
    a: Finding | None
    b: Finding | None
    overlap: bool | None

    @property
    def change(self) -> float | None:
        """Return B minus A after the build, None where one run lacks it."""
        return self.b.after - self.a.after if self.a and self.b else None


def differences(a: FinishedRun, b: FinishedRun) -> dict[str, list[Difference]]:
    """Return what differs, by section; a section without differences is an empty list."""
    return {
        "build": compared(_build(a), _build(b)),
        "settings": compared(_settings(a), _settings(b)),
        "sources": compared(_sources(a), _sources(b)),
        "libraries": compared(_covered(a, "libraries"), _covered(b, "libraries")),
        "code and pack": [*_other(a, b)],
    }


def artifacts(a: FinishedRun, b: FinishedRun) -> list[Difference]:
    """Return every step with its fingerprint in each run, the same ones too."""
    sides = [{step.name: step.fingerprint for step in run.plan.steps} for run in (a, b)]
    names = dict.fromkeys(name for side in sides for name in side)
    return [Difference(name, sides[0].get(name), sides[1].get(name)) for name in names]


def compared(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[Difference]:
    """Return the keys whose values differ, in the order of the first mapping, then the second's."""
    names = dict.fromkeys([*a, *b])
    return [Difference(n, a.get(n), b.get(n)) for n in names if a.get(n) != b.get(n)]


def flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (dotted name, value) of every leaf of nested mappings; lists stay whole."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from flat(inner, f"{name}.{key}" if name else str(key))
    else:
        yield name, value


def scores(a: FinishedRun, b: FinishedRun) -> list[Score]:
    """Return every finding of either run. Raises PlanError when a run has not been assessed."""
    sides = [findings(run) for run in (a, b)]
    found = []
    for key in dict.fromkeys(key for side in sides for key in side):
        one, other = (side.get(key) for side in sides)
        label = (one or other or sides[0][key]).label
        found.append(Score(*key, label, one, other, _overlap(one, other)))
    return found


def findings(run: FinishedRun) -> dict[tuple[str, str], Finding]:
    """Return the findings of a run by check and what it was measured on."""
    path = run.newest("findings").path / "findings.json"
    try:
        told = [Finding.model_validate(found) for found in read_json(path)["findings"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PlanError(
            f"the findings of {run.path} cannot be read: they are damaged, or of another version",
            "build it again: assess writes them anew",
            path.name,
        ) from error
    return {(found.check, found.on): found for found in told}


def _overlap(a: Finding | None, b: Finding | None) -> bool | None:
    if not (a and b and a.interval and b.interval):
        return None
    return a.interval[0] <= b.interval[1] and b.interval[0] <= a.interval[1]


def _build(run: FinishedRun) -> dict[str, Any]:
    pack = run.plan.pack
    return {
        "pack": pack.locale.id,
        "pack version": pack.version,
        "language": f"{pack.locale.name} ({pack.locale.tag})",
        "endonym": pack.locale.endonym,
        "base": run.plan.base,
        "base content": _fingerprint(run, "base"),
        "seed": run.plan.seed,
        "budget": run.plan.budget,
        **{f"machine {name}": value for name, value in run.plan.machine.model_dump().items()},
    }


def _fingerprint(run: FinishedRun, name: str) -> str | None:
    return next((step.fingerprint for step in run.plan.steps if step.name == name), None)


def _settings(run: FinishedRun) -> dict[str, Any]:
    """Return every setting as it was resolved: command line, pack, budget, default."""
    return {
        name: value for step in run.plan.steps for name, value in flat(step.settings, step.name)
    }


def _sources(run: FinishedRun) -> dict[str, Any]:
    """Return what is declared of each source, its digest here, and what the corpus counted."""
    told: dict[str, Any] = {}
    digests = {found.source: found.sha256 for found in run.plan.sources}
    for source in run.plan.pack.sources:
        told |= {f"{source.id} {name}": getattr(source, name) for name in DECLARED}
        told[f"{source.id} sha256"] = digests.get(source.id) or None
    for row in _counted(run.made.values()):
        told |= {f"{row['id']} {name}": row.get(name) for name in COUNTS}
    return told


def _counted(made: Any) -> list[dict[str, Any]]:
    corpora: Sequence[Artifact] = [artifact for artifact in made if artifact.kind == "corpus"]
    path = corpora[-1].path / "sources.json" if corpora else None
    if path is None or not path.is_file():
        return []
    try:
        return [{**row, "id": str(row["id"])} for row in read_json(path)]
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise PlanError(
            "what the corpus counted cannot be read: it is damaged, or of another version",
            "build that run again: collect reads the sources anew",
            f"{corpora[-1].path.name}/{path.name}",
        ) from error


def _covered(run: FinishedRun, part: str) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for step in run.plan.steps:
        covered = step.covers.get(part)
        told |= covered if isinstance(covered, Mapping) else {}
    return told


def _other(a: FinishedRun, b: FinishedRun) -> Iterator[Difference]:
    """Yield what else the fingerprints cover, each difference once for all steps that share it."""
    seen: dict[str, tuple[Difference, list[str]]] = {}
    steps = [{step.name: step for step in run.plan.steps} for run in (a, b)]
    for name in [name for name in steps[0] if name in steps[1]]:
        for found in compared(_apart(steps[0][name]), _apart(steps[1][name])):
            seen.setdefault(repr(found), (found, []))[1].append(name)
    for found, names in seen.values():
        yield found._replace(what=f"{found.what} ({', '.join(names)})")


def _apart(step: Step) -> dict[str, Any]:
    covers = {key: value for key, value in step.covers.items() if key not in APART}
    return {**dict(flat(covers)), "stage": step.stage, "stage of": step.provider}
