"""The same parts on datatrove's executors: this machine, a SLURM cluster, or Ray.

datatrove (github.com/huggingface/datatrove) only deals the parts out; what is done with one is
the same function as in `share.py`, so the corpus is the same. It knows a finished task by a file
of its rank, whatever the task did; here a finished part is known by its verified folder instead.
"""

from __future__ import annotations

import importlib
import importlib.util
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from locale_tune.api import StageFailed, verified
from locale_tune_corpus.parts import Part
from locale_tune_corpus.share import Task, Told, cores

EXECUTORS = {
    "datatrove-local": ("datatrove.executor.local", "LocalPipelineExecutor"),
    "datatrove-slurm": ("datatrove.executor.slurm", "SlurmPipelineExecutor"),
    "datatrove-ray": ("datatrove.executor.ray", "RayPipelineExecutor"),
}
TASKS = 4
PAUSE = 5.0  # seconds between two looks at a cluster's queue
PATIENCE = 6  # looks in a row without an answer


@dataclass
class Deal:
    """A step of a datatrove pipeline that does every `world_size`-th part."""

    task: Task
    parts: tuple[Part, ...]

    def __call__(self, data: object, rank: int, world_size: int) -> None:
        """Do the parts of one rank."""
        self.task.prepare()
        for part in self.parts[rank::world_size]:
            self.task.run(part)


def run_on(
    name: str,
    options: Mapping[str, Any],
    task: Task,
    parts: Sequence[Part],
    logs: Path,
    told: Told,
) -> None:
    """Do every part on one of `EXECUTORS`. Raise StageFailed when a part is left undone.

    `options` go to the executor as they are; `tasks` says into how many jobs the parts are dealt.
    """
    if not importlib.util.find_spec("datatrove"):
        raise StageFailed(f"'{name}' needs datatrove", "pip install 'locale-tune[cluster]'")
    module, kind = EXECUTORS[name]
    given = {"tasks": TASKS, **_own(name, logs), **options}
    shutil.rmtree(logs, ignore_errors=True)
    made = getattr(importlib.import_module(module), kind)
    deal = Deal(task, tuple(parts))
    try:
        executor = made(pipeline=[deal], logging_dir=str(logs), skip_completed=False, **given)
        executor.run()
        if name == "datatrove-slurm":
            _wait(str(executor.job_id), task, parts)
    except (TypeError, OSError, subprocess.SubprocessError) as error:
        raise StageFailed(
            f"{kind} of datatrove did not start: {error}",
            "look at collect.executor_options: they go to it as they are",
        ) from error
    undone = [part for part in parts if verified(task.folder(part)) is None]
    if undone:
        raise StageFailed(
            f"{len(undone)} of {len(parts)} parts were not done, the first is {undone[0].name}",
            f"read the logs in {logs}, then run the same command again: finished parts are kept",
        )
    for part in parts:
        told(part)


def _own(name: str, logs: Path) -> dict[str, Any]:
    """Return what an executor should know that no person should have to say."""
    if name == "datatrove-local":
        return {"workers": cores(), "start_method": "spawn"}
    if name == "datatrove-slurm":
        programs = Path(sys.executable).parent
        return {
            "slurm_logs_folder": str(logs / "slurm"),
            "env_command": f"export PATH={shlex.quote(str(programs))}:$PATH",
        }
    return {}


def _wait(job: str, task: Task, parts: Sequence[Part]) -> None:
    """Wait until the job array has left the queue.

    A queue that does not answer is asked again: its jobs may be running, and a build that went on
    without them would start them a second time. It does not know of a job any more some minutes
    after its end, and says so with an error too.
    """
    unanswered, left = 0, list(parts)
    # What is done is verified once: to hash it all at every look would keep the disk busy.
    while unanswered < PATIENCE and (left := [p for p in left if not verified(task.folder(p))]):
        asked = ["squeue", "--noheader", "--jobs", job]
        queue = subprocess.run(asked, capture_output=True, text=True)
        if queue.returncode == 0 and not queue.stdout.strip():
            return
        unanswered = unanswered + 1 if queue.returncode else 0
        time.sleep(PAUSE)
