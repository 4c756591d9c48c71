"""Start a heavy step in its own process and listen to it.

The worker gets the run directory and the name of a step, and speaks one JSON object a line. It
watches its standard input: when this process dies, the pipe closes and the worker stops at once,
so no orphan writes behind the next build's back.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import IO, Any

from locale_tune.errors import LocaleTuneError, StageFailed, Stopped
from locale_tune.schema import Progress, Step
from locale_tune.store import Runs

TAIL_LINES = 8
ASKED_TO_END = (signal.SIGTERM, signal.SIGINT)
WORKER_ENVIRONMENT = {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
    # Threads that spin while they wait slow each other down where cores are few or shared.
    "OMP_WAIT_POLICY": "PASSIVE",
    # A folder called like a library, where the person happens to be, must not shadow it. The same
    # as python's -P, but it also holds for what a launcher starts.
    "PYTHONSAFEPATH": "1",
}


def run_worker(runs: Runs, step: Step, parallel: bool, progress: Progress) -> None:
    """Run one step in its own process. Raise what the worker raised, or StageFailed.

    A step that is `parallel` may run in several, if the launcher starts them.
    """
    _listen(runs, step, ["--step", step.name], parallel, progress)


def measure_speed(runs: Runs, step: Step, parallel: bool) -> tuple[float, str]:
    """Return the trained tokens per second of a step here, and in which dtype if it was open."""
    args = ["--speed", step.name]
    answer = _listen(runs, step, args, parallel, lambda done, total, note="": None)
    return float(answer["speed"]), str(answer.get("dtype", ""))


def _listen(
    runs: Runs, step: Step, args: list[str], parallel: bool, progress: Progress
) -> dict[str, Any]:
    log = runs.log(step)
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-P", "-m", "locale_tune.worker", "--watch-parent"]
    command += ["--run", str(runs.out), *args]
    if runs.launcher and (parallel or not runs.launcher.several):
        command = runs.launcher.command(command)
    answer: dict[str, Any] = {}
    with log.open("a", encoding="utf-8") as errors:
        worker = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={**WORKER_ENVIRONMENT, **os.environ},
        )
        try:
            assert worker.stdout is not None
            answer = _read(worker.stdout, errors, progress)
            code = worker.wait()
        except KeyboardInterrupt:
            # The worker saves a checkpoint between two steps and ends; a terminal has told it too.
            worker.terminate()
            worker.wait()
            raise _stopped(step) from None
        finally:
            if worker.poll() is None:
                worker.kill()
            for pipe in (worker.stdin, worker.stdout):
                if pipe:
                    pipe.close()
    if "error" in answer:
        raise _error(answer["error"])
    if -code in ASKED_TO_END:  # so early that the worker could not say it itself
        raise _stopped(step)
    if code != 0:
        told = f"the process of '{step.name}' ended with {_ending(code)}; the log says:"
        raise StageFailed(
            f"{told}\n{_tail(runs, step)}",
            f"read {log}, then run the same command again: finished steps are kept",
        )
    return answer


def _stopped(step: Step) -> Stopped:
    remedy = "run the same command again: it goes on from there"
    return Stopped(f"'{step.name}' was stopped", remedy)


def _read(lines: IO[str], errors: IO[str], progress: Progress) -> dict[str, Any]:
    answer: dict[str, Any] = {}
    for line in lines:
        try:
            message = json.loads(line)
            if "progress" in message:
                progress(*message["progress"])
            else:
                answer.update(message)
        except (ValueError, TypeError):
            errors.write(line)
    return answer


def _error(told: dict[str, Any]) -> LocaleTuneError:
    error = StageFailed(told["problem"], told["remedy"], told["where"])
    error.exit_code = told["exit_code"]
    return error


def _ending(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def _tail(runs: Runs, step: Step) -> str:
    lines = runs.log(step).read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(f"    {line}" for line in lines[-TAIL_LINES:])
