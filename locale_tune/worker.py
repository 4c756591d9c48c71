"""Run one step of plan.json in this process: `python -m locale_tune.worker --run DIR --step NAME`.

Everything comes from the plan on disk; nothing is inherited from the build that started it.
"""

from __future__ import annotations

import argparse
import json
import os
import threading
import traceback
from pathlib import Path
from typing import Any

from filelock import FileLock

from locale_tune import plugins, store
from locale_tune.build import job_for, run_here
from locale_tune.errors import LocaleTuneError, StageFailed
from locale_tune.files import discard


def main(argv: list[str] | None = None) -> int:
    """Run a step, or measure its speed; speak JSON lines on standard output."""
    arguments = _arguments(argv)
    speak = _speaker()
    if arguments.watch_parent:
        _die_with_parent()
    try:
        answer = _work(arguments, speak)
    except LocaleTuneError as error:
        speak(error=_told(error))
        return error.exit_code
    except KeyboardInterrupt:
        return 75
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


def _work(arguments: argparse.Namespace, speak: Any) -> dict[str, Any]:
    plan = store.load_plan(arguments.run)
    if plan is None:
        raise StageFailed(f"no plan.json in {arguments.run}", "start it with locale-tune build")
    pm = plugins.manager()
    pack = plugins.register_language(pm, plan.pack)
    parts = plugins.parts(pm, pack)
    runs = store.Runs(arguments.run, plan)
    step = runs.steps[arguments.step or arguments.speed]

    def progress(done: float, total: float, note: str = "") -> None:
        speak(progress=[done, total, note])

    if arguments.speed:
        return {"speed": _speed(runs, step, parts, progress)}
    folder = runs.folder(step)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_name(f".{folder.name}.lock"), fallback_to_soft=False):
        if runs.made(step) is None:  # another build may have made a shared base meanwhile
            run_here(step, runs, pm, parts, progress)
    return {"made": step.name}


def _speed(runs: store.Runs, step: Any, parts: Any, progress: Any) -> float:
    """Measure on the base model: the step's own inputs need not exist yet."""
    measure = parts.stages[step.stage].speed
    base = runs.steps[store.BASE]
    probe = step.model_copy(update={"needs": {"model": base.name}})
    speed = float(measure(job_for(probe, runs, parts, runs.out, progress)))
    discard(runs.work(probe))
    return speed


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="locale_tune.worker", description=__doc__)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--watch-parent", action="store_true", help="stop when stdin closes")
    wanted = parser.add_mutually_exclusive_group(required=True)
    wanted.add_argument("--step")
    wanted.add_argument("--speed")
    return parser.parse_args(argv)


def _speaker() -> Any:
    """Keep standard output for JSON lines; what libraries print goes to the log instead."""
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def speak(**message: Any) -> None:
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
