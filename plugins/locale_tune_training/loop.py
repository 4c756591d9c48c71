"""The one training loop: explicit, exact over accumulation, safe against crashes.

Weights that train are float32 ("master"); the forward and backward passes may run in bfloat16 on a
copy that is refreshed after each update, because with bfloat16 masters small updates vanish. The
gradient of a step is that of the weighted mean over its whole window of rows, however it is split.
"""

from __future__ import annotations

import json
import math
import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from locale_tune.api import Job, NotFinite, Stopped
from locale_tune_training.batches import Row
from locale_tune_training.checkpoints import Checkpoints
from locale_tune_training.model import LossModule, resolve_dtype
from locale_tune_training.settings import TrainSettings

BETAS = (0.9, 0.95)
METRICS = "metrics.jsonl"


@dataclass
class State:
    """Where a run is: updates done, tokens seen, and the losses for the report."""

    step: int = 0
    tokens: int = 0
    first_loss: float = 0.0
    loss: float = 0.0
    history: list[float] = field(default_factory=list)
    resumed_at: list[int] = field(default_factory=list)


class Trainer:
    """The tensors of one run: module, masters, optimizer. `train` below is the loop."""

    def __init__(self, module: LossModule, settings: TrainSettings, dtype: torch.dtype) -> None:
        self.module = module
        self.working: list[torch.Tensor] = [p for p in module.parameters() if p.requires_grad]
        same = dtype == torch.float32
        masters: list[torch.Tensor] = []
        if not same:
            masters = [p.detach().float().clone() for p in self.working]
        _cast(module, dtype)
        self.masters = masters if masters else self.working
        if not same:
            for master in self.masters:
                master.grad = torch.zeros_like(master)
        self.optimizer = torch.optim.AdamW(
            self.masters,
            lr=settings.lr,
            betas=BETAS,
            weight_decay=settings.weight_decay,
            fused=True,
        )
        self.clip = settings.clip

    def step(self, window: list[Row], lr: float) -> tuple[float, float]:
        """Make one update from a window of rows; return (mean loss, gradient norm).

        Raises NotFinite before anything is changed when loss or gradient is NaN or infinite.
        """
        total = float(sum(row.weights[1:].sum() for row in window))
        if total == 0:
            return 0.0, 0.0
        loss = 0.0
        for row in window:
            sums = self.module(row)
            (sums.loss / total).backward()
            loss += float(sums.loss.detach()) / total
            self._collect()
        norm = torch.nn.utils.get_total_norm([m.grad for m in self.masters if m.grad is not None])
        if not (math.isfinite(loss) and torch.isfinite(norm)):
            raise NotFinite(
                f"loss {loss}, gradient norm {float(norm)}", "lower the learning rate (lr)"
            )
        torch.nn.utils.clip_grads_with_norm_(self.masters, self.clip, norm)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self.optimizer.step()
        self.refresh()
        return loss, float(norm)

    def _collect(self) -> None:
        """Add the gradients of one micro-batch to the float32 masters."""
        if self.working is self.masters:
            return
        pairs = zip(self.working, self.masters, strict=True)
        found = [(m.grad, w.grad) for w, m in pairs if w.grad is not None and m.grad is not None]
        torch._foreach_add_([m for m, _ in found], [w for _, w in found])
        for working in self.working:
            working.grad = None

    def refresh(self) -> None:
        """Copy the masters into the weights that compute, and clear the gradients."""
        if self.working is self.masters:
            self.optimizer.zero_grad(set_to_none=True)
            return
        with torch.no_grad():
            torch._foreach_copy_(self.working, self.masters)
        self.optimizer.zero_grad(set_to_none=False)

    def finished(self) -> LossModule:
        """Return the module with its float32 weights in place."""
        _cast(self.module, torch.float32)
        with torch.no_grad():
            for parameter, master in zip(self.working, self.masters, strict=True):
                parameter.copy_(master)
        return self.module


def _cast(module: LossModule, dtype: torch.dtype) -> None:
    """Change the dtype of the parameters only: rotary frequencies in bfloat16 would be wrong."""
    for parameter in module.parameters():
        parameter.data = parameter.data.to(dtype)


def learning_rate(step: int, steps: int, settings: TrainSettings) -> float:
    """Return the rate of update `step` (from 0): linear warm-up, then cosine to `final_lr`.

    A pure function of the step over a fixed horizon, so that a resumed run cannot jump.
    """
    warm = max(1, round(settings.warmup * steps)) if settings.warmup else 0
    if step < warm:
        return settings.lr * (step + 1) / warm
    through = (step - warm) / max(1, steps - warm)
    low = settings.final_lr
    return settings.lr * (low + (1 - low) * 0.5 * (1 + math.cos(math.pi * through)))


def train(
    module: LossModule, stream: Iterator[Row], steps: int, settings: TrainSettings, job: Job
) -> State:
    """Train for `steps` updates; go on from the newest verified checkpoint in `job.work`.

    Raises Stopped after saving when the process is asked to end, NotFinite on NaN or infinity.
    """
    torch.manual_seed(job.seed)
    trainer = Trainer(module, settings, resolve_dtype(settings.dtype, job.machine))
    saves = Checkpoints(job.work, job.fingerprint)
    state: State = saves.resume(trainer, State())
    state.resumed_at += [state.step] if state.step else []
    stream = islice(stream, state.step * settings.rows_per_step, None)
    asked = _listen_for_signals()
    saved_at = time.monotonic()
    log = Log(job, steps, state)
    while state.step < steps:
        window = list(islice(stream, settings.rows_per_step))
        if not window:
            break
        lr = learning_rate(state.step, steps, settings)
        state.loss, norm = trainer.step(window, lr)
        state.history.append(state.loss)
        state.step += 1
        state.tokens += sum(len(row.ids) for row in window)
        state.first_loss = state.first_loss or state.loss
        log.write(state, lr, norm)
        due = time.monotonic() - saved_at > settings.checkpoint_seconds
        if state.step < steps and (asked or due):
            saves.save(trainer, state)
            saved_at = time.monotonic()
        if asked and state.step < steps:
            raise Stopped(f"stopped after step {state.step} of {steps}", "the same command goes on")
    trainer.finished()
    shutil.copyfile(log.path, job.out / METRICS)
    return state


class Log:
    """Metrics as JSON lines in the artifact, and progress for a person."""

    def __init__(self, job: Job, steps: int, state: State) -> None:
        self.job, self.steps = job, steps
        self.began, self.tokens_before = time.monotonic(), state.tokens
        # Kept beside the checkpoints, so that lines from before a kill are not lost; lines after
        # the checkpoint that is resumed from are written again.
        self.path = Path(job.work) / METRICS
        kept = self.path.read_text(encoding="utf-8").splitlines() if self.path.exists() else []
        lines = (f"{line}\n" for line in kept[: state.step])
        self.path.write_text("".join(lines), encoding="utf-8")

    def write(self, state: State, lr: float, norm: float) -> None:
        """Record one update."""
        speed = (state.tokens - self.tokens_before) / max(1e-9, time.monotonic() - self.began)
        line: dict[str, Any] = {"step": state.step, "tokens": state.tokens}
        line |= {"loss": state.loss, "lr": lr, "norm": norm}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        recent = state.history[-20:]
        loss = sum(recent) / len(recent)
        note = f"step {state.step}/{self.steps}  loss {loss:.3f}  {speed:,.0f} tokens/s"
        self.job.progress(state.step, self.steps, note)


def _listen_for_signals() -> list[int]:
    """Return a list that fills when the process is asked to end; read between steps only."""
    asked: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        asked.append(number)

    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, note)
    return asked
