"""The one training loop: explicit, exact over accumulation, safe against crashes.

`inject` and `tune` call `train` and differ in rows and loss only. A window of rows, a learning rate
and an update are functions of the step; saving and stopping happen between two steps only.
"""

from __future__ import annotations

import json
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from locale_tune.api import Job, StageFailed, Stopped, disk_errors
from locale_tune_training.batches import AnyRow
from locale_tune_training.checkpoints import Checkpoints
from locale_tune_training.hooks import Hooks
from locale_tune_training.lora import Adapters, adapters
from locale_tune_training.model import LossModule, compile_layers, recompute, resolve_dtype
from locale_tune_training.parallel import world_of
from locale_tune_training.recipe import recipe_of
from locale_tune_training.reporting import Reports
from locale_tune_training.schedule import learning_rate
from locale_tune_training.settings import TrainSettings
from locale_tune_training.spikes import Spikes
from locale_tune_training.trainer import Trainer, Update

METRICS = "metrics.jsonl"


@dataclass
class State:
    """Where a run is: updates done, tokens seen, and the losses for the report.

    `recent` is what the spike rule looks back on, `skipped` the steps it left out, `drifted` the
    fields of the recipe that were allowed to change, `kept` belongs to the hooks.
    """

    step: int = 0
    tokens: int = 0
    first_loss: float = 0.0
    loss: float = 0.0
    history: list[float] = field(default_factory=list)
    resumed_at: list[int] = field(default_factory=list)
    recent: list[list[float]] = field(default_factory=list)
    skipped: list[int] = field(default_factory=list)
    drifted: list[str] = field(default_factory=list)
    kept: dict[str, Any] = field(default_factory=dict)


def train(
    module: LossModule,
    stream: Iterator[AnyRow],
    steps: int,
    settings: TrainSettings,
    job: Job,
    hooks: Hooks | None = None,
) -> State:
    """Train for `steps` updates; go on from the newest verified checkpoint in `job.work`.

    Raises Stopped after saving when the process is asked to end, NotFinite on NaN or infinity,
    RecipeChanged when the checkpoints are of another recipe.
    """
    with _signals_noted() as asked:
        return _train(module, stream, steps, settings, job, hooks or Hooks(), asked)


def _train(
    module: LossModule,
    stream: Iterator[AnyRow],
    steps: int,
    settings: TrainSettings,
    job: Job,
    hooks: Hooks,
    asked: list[int],
) -> State:
    """Train; `asked` fills when the process is asked to end."""
    world = world_of(job.machine)
    torch.manual_seed(job.seed)
    merging = ready(module, settings)  # the same everywhere; dropout then differs by process
    if world.rank:
        torch.manual_seed(job.seed + world.rank)
    trainer = Trainer(module, settings, resolve_dtype(settings.dtype, job.machine), world)
    recipe = recipe_of(job, settings, steps, module.model, world.size)
    saves = Checkpoints(job.work, recipe, _teller(job, steps))
    reports = Reports(job, settings, world, saves.tell)
    state: State = saves.resume(trainer, State())
    state.resumed_at += [state.step] if state.step else []
    spikes = Spikes(settings.skip_spikes, state.recent)
    log = Log(job, steps, state, reports)
    if hooks.begin:
        hooks.begin(trainer, state)
    stream = islice(stream, state.step * settings.rows_per_step, None)
    saved_at = time.monotonic()
    enough = False
    while state.step < steps and not enough:
        window = list(islice(stream, settings.rows_per_step))
        if not window:
            break
        if hooks.before_step:
            hooks.before_step(trainer, state.step)
        lr = learning_rate(state.step, steps, settings)
        update = trainer.step(window, lr, state.step, spikes.accept, hooks.before_update)
        _count(state, update, window)
        if hooks.after_step:
            enough = hooks.after_step(trainer, state) == "stop"
        log.write(state, lr, update)
        late = time.monotonic() - saved_at > settings.checkpoint_seconds
        enough, stop, due = world.any(enough, bool(asked), late)
        if state.step < steps and not enough and (stop or due):
            saves.save(trainer, state)
            saved_at = time.monotonic()
        if stop and state.step < steps and not enough:
            reports.end()
            raise Stopped(f"stopped after step {state.step} of {steps}", "the same command goes on")
    reports.end()
    trainer.check(state.step)
    trainer.finished()
    if merging:
        merging.merge()
    if settings.gradient_checkpointing:
        recompute(module.model, on=False)
    if settings.compile:
        compile_layers(module.model, on=False)
    shutil.copyfile(log.path, job.out / METRICS)
    return state


def ready(module: LossModule, settings: TrainSettings) -> Adapters | None:
    """Make the model what the settings train: with adapters, with less memory."""
    if settings.normalizer == "completion" and getattr(settings, "prompt_loss_weight", 0) == 1:
        raise StageFailed(
            'normalizer = "completion" cannot tell answers from prompts of weight 1',
            "set prompt_loss_weight below 1, or another normalizer",
        )
    if settings.gradient_checkpointing:
        recompute(module.model)
    merging = adapters(module.model, settings)
    if settings.compile:
        compile_layers(module.model)
    return merging


def _count(state: State, update: Update, window: list[AnyRow]) -> None:
    state.loss = update.loss
    state.history.append(update.loss)
    state.step += 1
    state.tokens += sum(len(row.ids) for row in window)
    state.first_loss = state.first_loss or state.loss
    state.skipped += [state.step] if update.skipped else []


def _teller(job: Job, steps: int) -> Any:
    def tell(sentence: str) -> None:
        print(sentence)
        job.progress(0, steps, sentence)

    return tell


class Log:
    """Metrics as JSON lines in the artifact, and progress for a person."""

    def __init__(self, job: Job, steps: int, state: State, reports: Reports) -> None:
        self.job, self.steps, self.reports = job, steps, reports
        self.began, self.tokens_before = time.monotonic(), state.tokens
        # Kept beside the checkpoints, so that lines from before a kill are not lost; lines after
        # the checkpoint that is resumed from are written again.
        self.path = Path(job.work) / METRICS
        kept = self.path.read_text(encoding="utf-8").splitlines() if self.path.exists() else []
        lines = (f"{line}\n" for line in kept[: state.step])
        with disk_errors(self.path):
            self.path.write_text("".join(lines), encoding="utf-8")

    def write(self, state: State, lr: float, update: Update) -> None:
        """Record one update."""
        speed = (state.tokens - self.tokens_before) / max(1e-9, time.monotonic() - self.began)
        line: dict[str, Any] = {"step": state.step, "tokens": state.tokens}
        line |= {"loss": state.loss, "lr": lr, "norm": update.norm}
        line |= {"skipped": True} if update.skipped else {}
        with disk_errors(self.path), self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        self.reports.send(state.step, {**line, "tokens_per_second": speed})
        recent = state.history[-20:]
        loss = sum(recent) / len(recent)
        note = f"step {state.step}/{self.steps}  loss {loss:.3f}  {speed:,.0f} tokens/s"
        self.job.progress(state.step, self.steps, note)


@contextmanager
def _signals_noted() -> Iterator[list[int]]:
    """Give a list that fills when the process is asked to end; read between steps only."""
    asked: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        asked.append(number)

    before = {name: signal.signal(name, note) for name in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield asked
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
