"""The run directory: one build at a time, artifacts that are complete and verified or absent."""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from locale_tune.errors import DiskError, LocaleTuneError, StoreBusy
from locale_tune.files import read_json, replace_json, verified
from locale_tune.finished import PLAN, folder_of
from locale_tune.offers import Launcher
from locale_tune.schema import Artifact, Plan, Step


class Runs:
    """The artifacts of one plan in one run directory."""

    def __init__(self, out: Path, plan: Plan, launcher: Launcher | None = None) -> None:
        self.out = out
        self.plan = plan
        self.launcher = launcher
        self.steps = {step.name: step for step in plan.steps}
        self._made: dict[str, Artifact] = {}

    def folder(self, step: Step) -> Path:
        """Return where a step's artifact stands; the base model is shared by all builds."""
        return folder_of(self.out, step)

    def work(self, step: Step) -> Path:
        """Return the folder of a step that survives a crash (checkpoints)."""
        return self.out / "work" / f"{step.name}-{step.fingerprint[:16]}"

    def log(self, step: Step) -> Path:
        """Return the log file of a step's own process."""
        return self.out / "logs" / f"{step.name}.log"

    def made(self, step: Step) -> Artifact | None:
        """Return the artifact if it is complete and every byte is as written, else None."""
        if step.name not in self._made:
            manifest = verified(self.folder(step))
            if manifest is None or manifest.get("fingerprint") != step.fingerprint:
                return None
            self._made[step.name] = self._artifact(step, manifest)
        return self._made[step.name]

    def _artifact(self, step: Step, manifest: Mapping[str, Any]) -> Artifact:
        return Artifact(
            kind=step.makes,
            path=self.folder(step),
            fingerprint=step.fingerprint,
            step=step.name,
            facts=manifest["facts"],
            made_from=self.inputs(step),
        )

    def inputs(self, step: Step) -> dict[str, Artifact]:
        """Return the artifacts a step was or will be made from."""
        inputs = {}
        for kind, name in step.needs.items():
            artifact = self.made(self.steps[name])
            if artifact is None:
                raise LocaleTuneError(
                    f"'{step.name}' needs '{name}', which is not made", "build it"
                )
            inputs[kind] = artifact
        return inputs

    def why(self, step: Step) -> str:
        """Say what differs between this step and its newest other artifact in the store."""
        older = [m for m in self._manifests(step.name) if m["fingerprint"] != step.fingerprint]
        if not older:
            return "never made here"
        newest = max(older, key=lambda manifest: manifest["made_at"])
        return "; ".join(_differences(newest["step"], step, newest["seed"], self.plan)) or (
            "another version of the code"
        )

    def _manifests(self, name: str) -> list[dict[str, Any]]:
        found = []
        for path in (self.out / "store").glob(f"{name}-*/MANIFEST.json"):
            try:
                manifest = read_json(path)
            except (OSError, json.JSONDecodeError):
                continue
            if manifest.get("step", {}).get("name") == name:
                found.append(manifest)
        return found


def _differences(old: dict[str, Any], new: Step, old_seed: int, plan: Plan) -> Iterator[str]:
    if old_seed != plan.seed:
        yield f"seed {old_seed} -> {plan.seed}"
    for key in sorted({*old["settings"], *new.settings} - set(new.uncovered)):
        before, after = old["settings"].get(key), new.settings.get(key)
        if before != after:
            yield f"{new.name}.{key} {json.dumps(before)} -> {json.dumps(after)}"
    for key in sorted({*old["covers"], *new.covers}):
        if old["covers"].get(key) != new.covers.get(key):
            yield f"{key} changed"
    made = {step.name: step.fingerprint for step in plan.steps}
    for kind, name in new.needs.items():
        if old["inputs"].get(kind) != made[name]:
            yield f"its input '{name}' changed"
    if (old["stage"], old["provider"]) != (new.stage, new.provider):
        yield f"the stage of {new.provider} instead of {old['provider']}"


@contextmanager
def hold(out: Path) -> Iterator[None]:
    """Hold the run directory. Raise StoreBusy, naming the holder, when someone else does."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / ".lock").touch()
    except OSError as error:
        problem = f"cannot write in {out}: {error.strerror}"
        raise DiskError(problem, "choose another folder with --out") from error
    lock = FileLock(out / ".lock", fallback_to_soft=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise StoreBusy(
            f"another build is running in {out}: {_holder(out)}",
            "wait for it, or build into another folder with --out",
        ) from None
    with lock:
        replace_json(out / "holder.json", _me())
        _sweep(out)
        try:
            yield
        finally:
            _sweep(out)  # a worker asked to end twice may have left its folder behind
            (out / "holder.json").unlink(missing_ok=True)


def _sweep(out: Path) -> None:
    """Delete what a killed build left half made or half deleted."""
    for folder in (out / "store", *(out / "work").glob("*")):
        for left in (*folder.glob(".tmp-*"), *folder.glob(".trash-*")):
            shutil.rmtree(left, ignore_errors=True)


def save_plan(out: Path, plan: Plan) -> None:
    """Write plan.json, whole or not at all."""
    replace_json(out / PLAN, plan.model_dump(mode="json"))


def load_plan(out: Path) -> Plan | None:
    """Return the plan last written in a run directory, or None."""
    try:
        return Plan.model_validate(read_json(out / PLAN))
    except (OSError, ValueError):
        return None


def _me() -> dict[str, Any]:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return {"pid": os.getpid(), "host": socket.gethostname(), "since": now}


def _holder(out: Path) -> str:
    try:
        note = read_json(out / "holder.json")
        return f"process {note['pid']} on {note['host']}, since {note['since']}"
    except (OSError, ValueError, KeyError):
        return "a process that has just started"
