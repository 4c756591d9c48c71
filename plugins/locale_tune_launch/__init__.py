"""How a heavy step is started: one process, or several that train one model together."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from locale_tune.api import Launcher, LocaleTuneError, hookimpl, this_machine

PROCESSES = "LOCALE_TUNE_PROCESSES"


def local(argv: list[str]) -> list[str]:
    """Start the worker as it is."""
    return argv


def torchrun(argv: list[str]) -> list[str]:
    """Start it in several processes of this machine by torch's own launcher."""
    run = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", processes()]
    # "--": torchrun has options called --run-..., which would swallow the worker's --run.
    return [argv[0], *run, "-m", "--", *_module(argv)]


def accelerate(argv: list[str]) -> list[str]:
    """Start it in several processes of this machine by `accelerate launch`, whatever its config."""
    count = processes()
    run = ["-m", "accelerate.commands.launch", "--num_processes", count]
    run += ["--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no"]
    if count != "1":
        # On CPUs too: with --cpu accelerate starts one process, however many are asked for. The
        # workers know their device from the plan. Port 0: any that is free.
        run += ["--multi_gpu", "--main_process_port", "0"]
    elif this_machine().device == "cpu":
        run += ["--cpu"]
    return [argv[0], *run, "-m", *_module(argv)]


def processes() -> str:
    """Return how many: LOCALE_TUNE_PROCESSES, else one for each GPU, else one.

    Raises LocaleTuneError if the variable holds anything but a number above 0.
    """
    asked = os.environ.get(PROCESSES, "")
    if asked and not (asked.isdecimal() and int(asked)):
        raise LocaleTuneError(f"{PROCESSES} is '{asked}'", "give it a whole number above 0")
    return asked or str(_gpus() or 1)


def _gpus() -> int:
    """Count the GPUs that this process may use, without importing torch."""
    if this_machine().device != "cuda":
        return 0
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return len(visible.split(",")) if visible else len(list(Path("/dev").glob("nvidia[0-9]*")))


def _module(argv: list[str]) -> list[str]:
    """Return the words after the `-m` of the worker's own command."""
    return argv[argv.index("-m") + 1 :]


@hookimpl
def locale_tune_launchers() -> Iterator[Launcher]:
    """Offer one process, and two ways to start several; a cluster's plugin may put `srun` first."""
    yield Launcher("local", command=local, doc="a process on this machine")
    yield Launcher("torchrun", command=torchrun, doc="several processes, by torchrun", several=True)
    yield Launcher(
        "accelerate",
        command=accelerate,
        doc="several processes, by accelerate launch",
        several=True,
    )
