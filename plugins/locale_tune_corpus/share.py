"""Run one task over many parts, in this process or in several (on a cluster: `clusters.py`).

The order in which parts are done changes nothing: each writes its own folder, and one that a
crash left unfinished is done again.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Protocol

from locale_tune.api import StageFailed
from locale_tune_corpus.parts import Part

Told = Callable[[Part], None]
# Large pieces go back to the system when they are freed; otherwise holes would count as used.
PLAIN_MEMORY = {"ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_MMAP_THRESHOLD_": str(1 << 20)}


class Task(Protocol):
    """Something to do with every part. It is pickled before it is prepared."""

    def prepare(self) -> None:
        """Get ready, once in every process."""

    def run(self, part: Part) -> None:
        """Do one part, unless it is done."""

    def folder(self, part: Part) -> Path:
        """Return the folder that is there, and verified, when a part is done."""


def run_all(task: Task, parts: Sequence[Part], workers: int, told: Told) -> None:
    """Do every part in `workers` processes; `told` hears of each that is done.

    A plugin whose readers or filters cannot be pickled is served by this process alone.
    """
    if workers <= 1 or len(parts) <= 1 or not _portable(task):
        task.prepare()
        for part in parts:
            task.run(part)
            told(part)
        return
    os.environ.update(PLAIN_MEMORY)  # for the processes to come; this one has read it already
    context = multiprocessing.get_context("spawn")  # a fork would copy other threads' locks
    pool = ProcessPoolExecutor(
        min(workers, len(parts)), mp_context=context, initializer=_begin, initargs=(task,)
    )
    try:
        waiting = {pool.submit(_run, part): part for part in parts}
        for done in as_completed(waiting):
            done.result()
            told(waiting[done])
        pool.shutdown()
    except BrokenProcessPool as error:
        raise StageFailed(
            "a process that reads the sources died, perhaps for want of memory",
            "run the same command again with --set collect.workers=1; finished parts are kept",
        ) from error
    finally:  # asked to end, or one part failed: the others stop at once, and are done again
        pool.shutdown(wait=False, cancel_futures=True)
        for process in multiprocessing.active_children():
            process.terminate()


def _portable(task: Task) -> bool:
    try:
        pickle.dumps(task)
    except (pickle.PicklingError, AttributeError, TypeError):
        return False
    return True


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


_task: Task | None = None


def _begin(task: Task) -> None:
    global _task
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears it and ends this process
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    task.prepare()
    _task = task


def _end_with_parent() -> None:
    """A build that is killed must leave no process that writes behind the next one's back."""
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
        os._exit(137)


def _run(part: Part) -> None:
    assert _task is not None
    _task.run(part)
