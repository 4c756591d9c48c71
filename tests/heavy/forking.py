"""Runs in forked children: torch is imported once, each trial is a process that may be killed."""

from __future__ import annotations

import hashlib
import os
import socket
import time
import traceback
import warnings
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import torch
from tiny import tiny_model, tiny_tokenizer

from locale_tune import files
from locale_tune.api import Job, LocaleTuneError, Machine, Parts, canonical
from locale_tune_training.batches import Row
from locale_tune_training.hooks import Hooks
from locale_tune_training.loop import train
from locale_tune_training.model import LossModule
from locale_tune_training.settings import InjectSettings, TuneSettings

STEPS = 8
torch.set_num_threads(1)  # before the first fork: a pool of threads does not survive it
TOKENIZER = tiny_tokenizer()
KINDS = ("inject", "tune")


def fork(work: Callable[[], object]) -> int:
    """Run `work` in a child; it ends with 0, with a LocaleTuneError's exit code, or with 99."""
    torch.set_num_threads(1)
    with warnings.catch_warnings():
        # Python 3.12 warns of forks beside threads; torch has one here, and the child is ours.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid:
        return pid
    code = 99
    try:
        files.crossed = 0
        work()
        code = 0
    except LocaleTuneError as error:
        print(error, flush=True)
        code = error.exit_code
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def ended(pid: int, within: float = 120.0) -> int:
    """Return the exit code of a child, -N if signal N ended it."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    raise AssertionError(f"a child ran longer than {within} s")


def together(work: Callable[[int], object], size: int = 2) -> list[int]:
    """Run `work(rank)` in `size` processes that find each other; return their exit codes."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]

    def member(rank: int) -> None:
        places = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": size, "LOCAL_WORLD_SIZE": size}
        os.environ |= {key: str(value) for key, value in places.items()}
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        os.environ |= {"OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
        work(rank)

    pids = [fork(lambda rank=rank: member(rank)) for rank in range(size)]
    return [ended(pid) for pid in pids]


def rows(kind: str, count: int = 10_000):
    """Yield packed rows of two records: whole weights for `inject`, masked ones for `tune`."""
    for index in range(count):
        generator = torch.Generator().manual_seed(index)
        lengths = torch.randint(4, 20, (2,), generator=generator).tolist()
        ids = torch.randint(0, 300, (sum(lengths),), generator=generator)
        weights = torch.ones(len(ids))
        if kind == "tune":
            weights = torch.tensor([0.1, 1.0])[
                (torch.rand(len(ids), generator=generator) > 0.5) * 1
            ]
        weights[[0, lengths[0]]] = 0.0
        yield Row(ids, torch.cat([torch.arange(n) for n in lengths]), weights)


def settings_of(kind: str, **more):
    """Return settings with a checkpoint after every step and two rows accumulated."""
    made = InjectSettings if kind == "inject" else TuneSettings
    return made(**{"rows_per_step": 2, "checkpoint_seconds": 0.0, "dtype": "float32", **more})


def job_in(folder: Path, **more) -> Job:
    """Return a job whose folders are in `folder`."""
    for name in ("out", "work"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    known = {
        "pack": None,
        "parts": Parts(),
        "settings": None,
        "inputs": {},
        "seed": 0,
        "fingerprint": "print",
        "out": folder / "out",
        "work": folder / "work",
        "machine": Machine(threads=1),
        "progress": lambda *a: None,
    }
    return Job(**{**known, **more})


def run(kind: str, folder: Path, steps: int = STEPS, hooks: Hooks | None = None, **more) -> None:
    """Train a tiny model with dropout in `folder` and write `digest` beside its work."""
    torch.set_num_threads(1)
    caught = []

    def begin(trainer, state):
        caught.append(trainer)
        if hooks and hooks.begin:
            hooks.begin(trainer, state)

    with_begin = Hooks(
        begin, *([hooks.before_step, hooks.before_update, hooks.after_step] if hooks else [])
    )
    module = LossModule(
        tiny_model(TOKENIZER, attention_dropout=0.1), 0.1 if kind == "tune" else 0.0
    )
    settings = settings_of(kind, **more)
    state = train(module, rows(kind), steps, settings, job_in(folder), with_begin)
    (folder / "digest").write_text(digest(caught[0], state))


def digest(trainer, state) -> str:
    """Return sha256 over weights, moments, the random generator and the state of a run."""
    sha = hashlib.sha256()
    for tensor in trainer.masters:
        sha.update(tensor.detach().contiguous().numpy().tobytes())
    for key, tensor in sorted(trainer.moments()):
        sha.update(key.encode() + tensor.contiguous().numpy().tobytes())
    sha.update(torch.get_rng_state().numpy().tobytes())
    sha.update(canonical([state.step, state.tokens, state.history, state.recent]).encode())
    return sha.hexdigest()


def reference(kind: str, folder: Path, **more) -> str:
    """Return the digest of a run that nothing disturbs."""
    assert ended(fork(lambda: run(kind, folder, **more))) == 0
    return (folder / "digest").read_text()


def first_rows(kind: str, count: int) -> list[Row]:
    """Return the first rows of a kind."""
    return list(islice(rows(kind), count))
