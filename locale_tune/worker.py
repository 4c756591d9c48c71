"""Run one step of plan.json in this process: `python -m locale_tune.worker --run DIR --step NAME`.

Everything comes from the plan on disk; nothing is inherited from the build that started it. When
a launcher such as torchrun starts several processes, the first one (RANK 0) does all this; the
others take part in stages that are `parallel`, in scratch folders, and stay silent.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shutil
import signal
import threading
import traceback
from pathlib import Path
from typing import Any

from filelock import FileLock

from locale_tune import plugins, store
from locale_tune.build import job_for, run_here
from locale_tune.errors import LocaleTuneError, StageFailed, Stopped
from locale_tune.files import discard
from locale_tune.finished import BASE

DTYPES = ("bfloat16", "float32")


def main(argv: list[str] | None = None) -> int:
    """Run a step, or measure its speed; speak JSON lines on standard output."""
    for number in (signal.SIGTERM, signal.SIGINT):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup and shells' & have it
            signal.signal(number, _end)
    arguments = _arguments(argv)
    rank = int(os.environ.get("RANK", "0"))
    speak = _speaker(silent=rank > 0)
    if arguments.watch_parent:
        _die_with_parent()
    try:
        answer = _follow(arguments, rank) if rank else _work(arguments, speak)
    except LocaleTuneError as error:
        speak(error=_told(error))
        return error.exit_code
    except KeyboardInterrupt:  # before or after the loop, which has a way of its own to stop
        stopped = Stopped("stopped", "the same command goes on from there")
        speak(error=_told(stopped))
        return stopped.exit_code
    except Exception as error:
        traceback.print_exc()
        last = traceback.extract_tb(error.__traceback__)[-1]
        failed = StageFailed(
            f"'{arguments.step or arguments.speed}' failed: {type(error).__name__}: {error}",
            f"the whole traceback is in {arguments.run / 'logs'}",
            f"{last.filename}:{last.lineno}",
        )
        speak(error=_told(failed))
        return failed.exit_code
    speak(**answer)
    return 0


def _end(number: int, frame: object) -> None:
    """End as by Ctrl-C, once: the build passes on what a terminal has already told this process."""
    for again in (signal.SIGTERM, signal.SIGINT):
        signal.signal(again, signal.SIG_IGN)
    raise KeyboardInterrupt


def _work(arguments: argparse.Namespace, speak: Any) -> dict[str, Any]:
    runs, step, pm, parts = _open(arguments)

    def progress(done: float, total: float, note: str = "") -> None:
        speak(progress=[done, total, note])

    if arguments.speed:
        return _speed(runs, step, parts, progress)
    folder = runs.folder(step)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_name(f".{folder.name}.lock"), fallback_to_soft=False):
        if runs.made(step) is None:  # another build may have made a shared base meanwhile
            run_here(step, runs, pm, parts, progress)
    return {"made": step.name}


def _open(arguments: argparse.Namespace) -> tuple[store.Runs, Any, Any, Any]:
    """Return the run directory, the step, the plugins and their parts."""
    plan = store.load_plan(arguments.run)
    if plan is None:
        raise StageFailed(f"no plan.json in {arguments.run}", "start it with locale-tune build")
    pm = plugins.manager()
    pack = plugins.register_language(pm, plan.pack)
    runs = store.Runs(arguments.run, plan)
    return runs, runs.steps[arguments.step or arguments.speed], pm, plugins.parts(pm, pack)


def _follow(arguments: argparse.Namespace, rank: int) -> dict[str, Any]:
    """Take part in the step of the first process, in folders that are thrown away."""
    runs, step, _, parts = _open(arguments)
    stage = parts.stages[step.stage]
    if arguments.speed:
        step = step.model_copy(update={"needs": {"model": runs.steps[BASE].name}})
    run = stage.speed if arguments.speed else stage.run
    if stage.parallel and (arguments.speed or runs.made(step) is None):
        scratch = runs.out / "work" / f".process-{rank}"
        shutil.rmtree(scratch, ignore_errors=True)
        (scratch / "out").mkdir(parents=True)
        (scratch / "work").mkdir()
        job = job_for(step, runs, parts, scratch / "out", lambda done, total, note="": None)
        run(dataclasses.replace(job, work=scratch / "work"))
        discard(scratch)
    return {}


def _speed(runs: store.Runs, step: Any, parts: Any, progress: Any) -> dict[str, Any]:
    """Measure on the base model: the step's own inputs need not exist yet.

    On a CPU that multiplies bfloat16 itself, a step that leaves its dtype open is timed in both;
    the faster one is named. Elsewhere bfloat16 takes many times as long, and so would its probe.
    """
    measure = parts.stages[step.stage].speed
    base = runs.steps[BASE]
    probe = step.model_copy(update={"needs": {"model": base.name}})
    job = job_for(probe, runs, parts, runs.out, progress)
    fast = job.machine.device == "cpu" and job.machine.dtype == "bfloat16"
    open_ended = fast and step.settings.get("dtype") == "auto"
    speeds = {}
    for dtype in DTYPES if open_ended else (job.machine.dtype,):
        machine = job.machine.model_copy(update={"dtype": dtype})
        speeds[dtype] = float(measure(dataclasses.replace(job, machine=machine)))
    discard(runs.work(probe))
    fastest = max(speeds, key=lambda dtype: speeds[dtype])
    return {"speed": speeds[fastest], "dtype": fastest if open_ended else ""}


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="locale_tune.worker", description=__doc__)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--watch-parent", action="store_true", help="stop when stdin closes")
    wanted = parser.add_mutually_exclusive_group(required=True)
    wanted.add_argument("--step")
    wanted.add_argument("--speed")
    return parser.parse_args(argv)


def _speaker(silent: bool = False) -> Any:
    """Keep standard output for JSON lines; what libraries print goes to the log instead."""
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def speak(**message: Any) -> None:
        if not silent:
            print(json.dumps(message, ensure_ascii=False), file=channel, flush=True)

    return speak


def _die_with_parent() -> None:
    def watch() -> None:
        while os.read(0, 1):  # not sys.stdin: its lock would outlive the interpreter
            pass
        os._exit(137)

    threading.Thread(target=watch, daemon=True).start()


def _told(error: LocaleTuneError) -> dict[str, Any]:
    return {
        "problem": error.problem,
        "remedy": error.remedy,
        "where": error.where,
        "exit_code": error.exit_code,
    }


if __name__ == "__main__":
    raise SystemExit(main())
