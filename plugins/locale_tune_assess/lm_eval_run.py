"""Run tasks of lm-evaluation-harness on a model folder, offline unless told otherwise."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from locale_tune.api import LocaleTuneError, StageFailed

from .settings import AssessSettings

BATCH = 8
# Metrics that `evaluate` would fetch as code from the Hub are never fetched.
ALWAYS = {"HF_EVALUATE_OFFLINE": "1", "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}
OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}


class NoHarness(LocaleTuneError):
    """lm-evaluation-harness is not installed."""


def prepare(download: bool) -> None:
    """Set the environment before the first import. Raise NoHarness without lm-eval."""
    if find_spec("lm_eval") is None:
        raise NoHarness("lm-evaluation-harness is not installed", 'pip install "locale-tune[eval]"')
    os.environ.update(ALWAYS | ({} if download else OFFLINE))


def task_manager(include: Sequence[Path], builtin: bool) -> Any:
    """Return lm-eval's index of tasks; with `builtin` it reads thousands of files (seconds)."""
    from lm_eval.tasks import TaskManager

    return TaskManager(include_path=[str(path) for path in include], include_defaults=builtin)


def run_tasks(
    folder: Path,
    tasks: Sequence[Any],
    manager: Any,
    settings: AssessSettings,
    device: str,
    seed: int,
    limit: int | None,
) -> Mapping[str, Any]:
    """Return lm-eval's results of one model: `samples` by task, `higher_is_better`, and more.

    Greedy and seeded; no chat template, no code from the model's folder or from a data set. Raises
    StageFailed, in lm-eval's words, when it cannot run a task.
    """
    try:
        return _evaluated(folder, tasks, manager, settings, device, seed, limit)
    except Exception as error:
        problem = " ".join(f"{type(error).__name__}: {error}".split())
        raise StageFailed(
            f"lm-eval cannot run these tasks: {problem[:300]}",
            "--download lets it fetch their data sets once; see logs/lm-eval.log for all it says",
        ) from error
    finally:
        _free(device)


def _evaluated(
    folder: Path,
    tasks: Sequence[Any],
    manager: Any,
    settings: AssessSettings,
    device: str,
    seed: int,
    limit: int | None,
) -> Mapping[str, Any]:
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM

    model = HFLM(
        pretrained=str(folder),
        dtype=settings.dtype,
        device=device,
        batch_size=BATCH,
        trust_remote_code=False,
    )
    result: Mapping[str, Any] = simple_evaluate(
        model=model,
        tasks=list(tasks),
        task_manager=manager,
        limit=limit,
        log_samples=True,
        bootstrap_iters=0,  # the intervals are ours: paired
        confirm_run_unsafe_code=False,
        random_seed=seed,
        numpy_random_seed=seed,
        torch_random_seed=seed,
        fewshot_random_seed=seed,
    )
    return result


def _free(device: str) -> None:
    """Give back what the last model held: the next one needs the room."""
    import torch

    gc.collect()
    if device.startswith("cuda"):
        torch.cuda.empty_cache()


@contextmanager
def into_log(path: Path) -> Iterator[None]:
    """Send what libraries print, on either channel, to a log file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as log:
        kept = [os.dup(1), os.dup(2)]
        try:
            for channel in (1, 2):
                os.dup2(log.fileno(), channel)
            yield
        finally:
            for channel, old in zip((1, 2), kept, strict=True):
                os.dup2(old, channel)
                os.close(old)
