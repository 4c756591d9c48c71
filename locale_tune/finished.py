"""Look at a build that is done: its plan and its artifacts, read only, nothing hashed anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from locale_tune.assets import cache_dir
from locale_tune.errors import PlanError
from locale_tune.files import MANIFEST, digest, read_json
from locale_tune.schema import Artifact, Plan, Step

PLAN = "plan.json"
BASE = "base"


@dataclass(frozen=True)
class FinishedRun:
    """A run directory, the plan last written there, and those of its artifacts that are made."""

    path: Path
    plan: Plan
    made: Mapping[str, Artifact]

    def base(self) -> Artifact:
        """Return the untouched base model. Raise PlanError when it is gone."""
        return self._step(BASE)

    def newest(self, kind: str) -> Artifact:
        """Return the last artifact of a kind. Raise PlanError when that step is not made."""
        names = [step.name for step in self.plan.steps if step.makes == kind]
        if not names:
            raise PlanError(
                f"the build in {self.path} has no step that makes {kind}",
                "name a run whose pack has one in [pack] stages",
            )
        return self._step(names[-1])

    def _step(self, name: str) -> Artifact:
        if name not in self.made:
            raise PlanError(
                f"the build in {self.path} is not finished: '{name}' is not made",
                self.plan.command or f"locale-tune build {self.plan.pack.locale.id}",
            )
        return self.made[name]


def open_run(run: Path) -> FinishedRun:
    """Open a run directory, its plan.json, or (by the id of a pack) runs/ID.

    An artifact counts as made when its folder has a manifest that is whole and of this plan.
    Raises PlanError when there is no plan that can be read.
    """
    try:
        folder = _directory(run)
        plan = Plan.model_validate(read_json(folder / PLAN))
    except OSError as error:
        raise PlanError(
            f"{run} is no run: there is no {PLAN} in it",
            "name a folder that locale-tune build made, such as runs/PACK",
        ) from error
    except (ValueError, RecursionError) as error:
        raise PlanError(
            f"the {PLAN} of {run} cannot be read: it is damaged, or of another version",
            "build again into the same folder: finished steps are kept",
        ) from error
    made: dict[str, Artifact] = {}
    for step in plan.steps:
        path = folder_of(folder, step)
        if (manifest := _manifest(path)) and manifest.get("fingerprint") == step.fingerprint:
            inputs = {kind: made[name] for kind, name in step.needs.items() if name in made}
            made[step.name] = Artifact(
                kind=step.makes,
                path=path,
                fingerprint=step.fingerprint,
                step=step.name,
                facts=manifest.get("facts", {}),
                made_from=inputs,
            )
    return FinishedRun(folder, plan, made)


def folder_of(out: Path, step: Step) -> Path:
    """Return where a step's artifact stands; the base model is shared by all builds."""
    home = cache_dir() / "models" if step.name == BASE else out / "store"
    return home / f"{step.name}-{step.fingerprint[:16]}"


def _directory(run: Path) -> Path:
    if run.name == PLAN and run.is_file():
        return run.parent
    return run if (run / PLAN).exists() else _by_id(run)


def _by_id(run: Path) -> Path:
    named = Path("runs") / run
    return named if (named / PLAN).exists() else run


def _manifest(path: Path) -> dict[str, Any]:
    """Return a manifest that covers itself; {} for any other."""
    try:
        manifest = read_json(path / MANIFEST)
        covered = {key: value for key, value in manifest.items() if key != "self"}
        return dict(manifest) if manifest["self"] == digest(covered) else {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}
