"""The stage `assess`: every check on both models, one harness, results kept per item."""

from __future__ import annotations

import hashlib
import shutil
import signal
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from locale_tune.api import (
    Artifact,
    Check,
    Finding,
    Job,
    LocaleTuneError,
    PluginError,
    StageFailed,
    Stopped,
    canonical,
    commit_folder,
    did_you_mean,
    verified,
    write_json,
)

from .context import SAFE, Context, judged
from .identifying import Languages
from .models import LocalModel, Shelf
from .passes import BEFORE_ALIGN, Pass, passes

NO_TOKENIZER = {
    f"{key}_{side}": None
    for key in ("fertility", "bytes_per_token", "parity")
    for side in ("before", "after")
}


def run(job: Job) -> dict[str, Any]:
    """Run the checks and write findings.json and items/; return the findings as facts.

    Each check's results are committed to `job.work` when it ends, so a build that is stopped goes
    on with the first check that had not ended.
    """
    torch.set_num_threads(max(1, job.machine.threads))
    checks = chosen(job)
    if BEFORE_ALIGN in job.inputs:
        known(job.settings.guards, job.parts.checks, "assess.guards")
    tracker = Tracker(job)
    models = all_models(job, tracker)
    order = list(passes(checks, job.settings.guards, models, job.work))
    tracker.names = [one.prefix + one.check.name for one in order]
    with stoppable():
        done = []
        for index, one in enumerate(order):
            tracker.index = index
            done.append(_done(job, one, models["after"]))
    tracker.finish()
    return _gather(job, order, done)


class Tracker:
    """Tells a person which check is running and how far it is."""

    def __init__(self, job: Job) -> None:
        self.progress = job.progress
        self.names: list[str] = []
        self.index = 0

    def note(self, note: str) -> None:
        """Report the checks done so far and a note on the one that runs."""
        self.progress(self.index, len(self.names), f"{self.names[self.index]}: {note}")

    def finish(self) -> None:
        """Report that all is done."""
        self.progress(len(self.names), len(self.names))


def chosen(job: Job) -> list[Check]:
    """Return the checks to run: those the settings name, or all that are offered, by name."""
    offered = job.parts.checks
    names = job.settings.checks or sorted(offered)
    known(names, offered, "assess.checks")
    for name in names:
        if not SAFE.fullmatch(name):
            raise PluginError(
                f"'{name}' is no name for a check", "use letters, digits, '.', '_' and '-'"
            )
    return [offered[name] for name in dict.fromkeys(names)]


def known(names: Sequence[str], offered: Mapping[str, Check], setting: str) -> None:
    """Raise LocaleTuneError for a name that no check has."""
    for name in names:
        if name not in offered:
            raise LocaleTuneError(
                f"no check is called '{name}'",
                did_you_mean(name, offered) or f"choose from {', '.join(sorted(offered))}",
                f"settings {setting}",
            )


def all_models(job: Job, tracker: Tracker) -> dict[str, LocalModel]:
    """Return base (`before`), localized model (`after`), and in a plan with `align` the model it
    starts from; none is loaded yet."""
    shelf = Shelf(job.settings.keep_both_below)
    base, tuned = job.inputs["base"], job.inputs.get(BEFORE_ALIGN)

    def local(side: str, model: Artifact, shared: Path | None = None) -> LocalModel:
        return LocalModel(
            side,
            model.path,
            job.settings,
            shelf,
            device=job.machine.device,
            report=tracker.note,
            seed=job.seed,
            keep=job.work,
            shared=shared,
        )

    models = {
        "before": local("before", base, shared_answers(job, base)),
        "after": local("after", job.inputs["model"]),
    }
    if tuned and tuned.fingerprint == base.fingerprint:
        models[BEFORE_ALIGN] = models["before"]
    elif tuned:
        models[BEFORE_ALIGN] = local(BEFORE_ALIGN, tuned, shared_answers(job, tuned))
    return models


def shared_answers(job: Job, model: Artifact) -> Path:
    """Return the folder for what a model that is compared with answers: one for all builds of a
    run directory.

    However the localized model is made, the other one is asked the same and answers the same, as
    long as this machine computes the same way.
    """
    same = [model.fingerprint, job.machine.model_dump()]
    same += [version(name) for name in ("torch", "transformers")]
    same += [job.settings.dtype, job.settings.window, job.settings.batch_tokens]
    name = hashlib.sha256(canonical(same).encode()).hexdigest()[:16]
    folder = job.work.parent / f"asked-of-{model.step}-{name}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _done(job: Job, one: Pass, after: LocalModel) -> Mapping[str, Any]:
    """Run one check into a folder of its own, unless an earlier run completed it."""

    def fill(out: Path) -> dict[str, Any]:
        context = Context(
            locale=job.pack.locale,
            settings=job.settings,
            seed=job.seed,
            corpus=job.inputs["corpus"].path,
            out=out,
            before=one.before,
            after=after,
            prompts=job.pack.prompts,
            languages=languages_of(job),
        )
        findings = measured(one.check, context)
        return {"findings": findings, "shown": context.shown}

    return verified(one.folder) or commit_folder(one.folder, fill)


def languages_of(job: Job) -> Languages:
    """Return what tells languages apart; it is trained when a check first asks."""
    return Languages(
        locale=job.pack.locale,
        corpus=job.inputs["corpus"].path,
        filters=job.parts.filters,
        name=job.settings.identifier,
        work=job.work / "identifier",
        seed=job.seed,
    )


def measured(check: Check, context: Context) -> list[dict[str, Any]]:
    """Run a check. What goes wrong in it is told with its name and how to leave it out."""
    try:
        return [
            Finding.model_validate(found).model_dump(mode="json")
            for found in check.measure(context)
        ]
    except (LocaleTuneError, MemoryError, OSError):
        raise
    except Exception as error:
        raise StageFailed(
            f"the check '{check.name}' failed: {type(error).__name__}: {error}",
            "mend it, or name the other checks in the setting assess.checks",
        ) from error


def _gather(job: Job, order: list[Pass], done: list[Mapping[str, Any]]) -> dict[str, Any]:
    results = list(zip(order, done, strict=True))
    found = [one.named(finding) for one, result in results for finding in result["findings"]]
    findings = [finding.model_dump(mode="json") for finding in judged(found)]
    shown: dict[str, Any] = {
        "reliability": [],
        "tokenizer": {"rows": [], **NO_TOKENIZER},
        "samples": [],
    }
    # What guards show besides stays with their items: the page's diagrams are of base and model.
    told = [result["shown"] for one, result in results if not one.guard]
    for key, value in (pair for some in told for pair in some.items()):
        shown[key] = [*shown.get(key, []), *value] if isinstance(value, list) else value
    (job.out / "items").mkdir()
    for one in order:
        for file in sorted((one.folder / "items").glob("*.parquet")):
            shutil.copyfile(file, job.out / "items" / (one.prefix + file.name))
    write_json(job.out / "findings.json", {"findings": findings, **shown})
    verdicts = Counter(finding["verdict"] for finding in findings)
    line = ", ".join(f"{count} {verdict}" for verdict, count in sorted(verdicts.items()))
    silent = unguarded(job, results)
    return {
        "line": line + (f"; nothing guards align by {', '.join(silent)}" if silent else ""),
        **({"unguarded": silent} if silent else {}),
        "findings": findings,
        "summary": {f"{f['check']}/{f['on']}": [f["before"], f["after"]] for f in findings},
        "without_items": [
            one.prefix + one.check.name
            for one, result in results
            if not result["findings"] and not result["shown"]
        ],
    }


def unguarded(job: Job, results: Sequence[tuple[Pass, Mapping[str, Any]]]) -> list[str]:
    """Return the guards of `align` that found nothing: left out of the checks, or without items."""
    if BEFORE_ALIGN not in job.inputs:
        return []
    found = {one.check.name for one, result in results if one.guard and result["findings"]}
    return [name for name in job.settings.guards if name not in found]


@contextmanager
def stoppable() -> Iterator[None]:
    """Turn SIGTERM into Stopped: checks that ended are kept, the same command goes on."""

    def stop(*_: object) -> None:
        raise Stopped("stopped while assessing", "the same command goes on with the next check")

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    earlier = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, earlier)
