"""What this machine has, found out without importing torch, and what time it is."""

from __future__ import annotations

import importlib.metadata
import os
from datetime import UTC, datetime
from pathlib import Path

from locale_tune.errors import PlanError
from locale_tune.schema import Machine


def this_machine(device: str = "auto") -> Machine:
    """Describe the machine without importing torch: device, threads, fast dtype."""
    asked = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]  # "2,2" is legal OpenMP
    threads = int(asked) if asked.isdigit() and int(asked) else len(os.sched_getaffinity(0))
    chosen = _device() if device == "auto" else device
    fast = chosen == "cuda" or _cpu_has_bfloat16()
    return Machine(device=chosen, threads=threads, dtype="bfloat16" if fast else "float32")


def now() -> datetime:
    """Return the time, or the one that stands for it where bytes must repeat.

    SOURCE_DATE_EPOCH: seconds since 1970 (reproducible-builds.org/specs/source-date-epoch).
    Raise PlanError if it says anything else.
    """
    said = os.environ.get("SOURCE_DATE_EPOCH", "")
    if not said:
        return datetime.now(UTC)
    if not (said.isascii() and said.isdigit()):
        raise PlanError(f"SOURCE_DATE_EPOCH is '{said}'", "give whole seconds since 1970")
    return datetime.fromtimestamp(int(said), UTC)


def peak_memory() -> int | None:
    """Return the most bytes of memory that this process has held, or None where Linux is not."""
    try:
        told = Path("/proc/self/status").read_text(encoding="utf-8").partition("VmHWM:")[2].split()
    except OSError:
        return None
    return int(told[0]) * 1024 if told else None


def _cpu_has_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 itself; elsewhere float32 is faster."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False
    return "amx_bf16" in flags or "avx512_bf16" in flags


def _device() -> str:
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    built_for_cpu = version_of("torch").endswith("+cpu")
    return "cuda" if Path("/dev/nvidiactl").exists() and not (hidden or built_for_cpu) else "cpu"


def version_of(distribution: str) -> str:
    """Return the version of an installed distribution, or "not installed"."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
