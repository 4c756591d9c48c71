"""The warm-up of new rows from start to end: one loss, or a probe of two and then the better.

A probe trains each loss from the same rows on the same batches. The better one goes on from where
its probe ended, so that only the other's steps are lost; they count as fed all the same.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from types import FrameType

from torch import Tensor

from locale_tune.api import Progress, Stopped
from locale_tune_tokenizer.embeddings.held_out import HeldOut
from locale_tune_tokenizer.embeddings.row_batches import Packed
from locale_tune_tokenizer.embeddings.row_checkpoints import RowCheckpoints, Saved
from locale_tune_tokenizer.embeddings.row_losses import Fed, mean_loss
from locale_tune_tokenizer.embeddings.row_training import RowTrainer

PROBED = ("next-token", "distillation")
PROBE_STEPS = 100
PROBE_SHARE = 4  # a probe of one loss takes at most a quarter of the steps
MARGIN = 0.005  # bits per byte; within it the loss without a teacher's pass wins
CHECKPOINT_SECONDS = 60.0

Batches = Sequence[Sequence[Packed]]


@dataclass(frozen=True)
class RowPlan:
    """What to train: `loss` by name or "auto", why, all batches, and those of each probe."""

    loss: str
    why: str
    batches: Batches
    probe: int = 0

    def phases(self) -> list[tuple[str, Batches, int]]:
        """Return (loss, batches, number of the first update); loss "" is the probe's winner."""
        if not self.probe:
            return [(self.loss, self.batches, 0)]
        probed = [(loss, self.batches[: self.probe], 0) for loss in PROBED]
        return [*probed, ("", self.batches[self.probe : self._end()], self.probe)]

    def _end(self) -> int:
        """Return where the winner ends: what the losing probe is fed comes off the end."""
        fed = list(map(_tokens, self.batches))
        most = sum(fed) - sum(fed[: self.probe])
        return next(end for end in range(len(fed), -1, -1) if sum(fed[:end]) <= most)


def plan_rows(wish: str, batches: Batches, held: HeldOut, reason: str) -> RowPlan:
    """Return what to train; `reason`, if any, says why there is nothing to distil from."""
    if wish == "next-token":
        return RowPlan("next-token", "as set", batches)
    if reason:
        return RowPlan("next-token", reason, batches)
    if wish == "distillation":
        return RowPlan("distillation", "as set", batches)
    probe = min(PROBE_STEPS, len(batches) // PROBE_SHARE)
    if not probe or not held.tokens:
        lacks = "held-out text" if probe else "steps"
        return RowPlan("next-token", f"too few {lacks} to compare two losses", batches)
    return RowPlan("auto", "", batches, probe)


@dataclass
class State:
    """Where the warm-up is, and the figures so far. `losses` holds (loss, tokens) by path."""

    phase: int = 0
    step: int = 0
    updates: int = 0
    tokens: int = 0
    teacher_tokens: int = 0
    before: float = 0.0
    winner: str = ""
    bits: dict[str, float] = field(default_factory=dict)
    losses: dict[str, list[tuple[float, int]]] = field(default_factory=dict)
    rows_from: dict[str, int] = field(default_factory=dict)


class RowStage:
    """The tensors and the state of one warm-up; `run` is the loop."""

    def __init__(
        self,
        trainer: RowTrainer,
        plan: RowPlan,
        held: HeldOut,
        saves: RowCheckpoints,
        progress: Progress,
    ) -> None:
        self.trainer, self.plan, self.held = trainer, plan, held
        self.saves, self.progress = saves, progress
        self.state = State()
        self.kept: dict[str, dict[str, Tensor]] = {}

    def begin(self, rows_from: dict[str, int]) -> None:
        """Start from the rows as they are: measure, and save, so that no start is made twice."""
        before = mean_loss(self.trainer.setup, self.held.steps)
        self.state = State(before=before, rows_from=rows_from)
        if self.plan.probe:
            self.kept["start"] = self.trainer.state()
        if self.plan.batches:
            self.save()

    def go_on(self, saved: Saved) -> None:
        """Go on from a checkpoint."""
        tensors, state = saved
        groups: dict[str, dict[str, Tensor]] = {}
        for key, tensor in tensors.items():
            group, _, name = key.partition("/")
            groups.setdefault(group, {})[name] = tensor
        self.trainer.load(groups.pop("now"))
        self.kept = groups
        self.state = State(**state)
        # JSON has no tuples, and a run that went on must tell the same as one that did not.
        told = self.state.losses.items()
        self.state.losses = {loss: [(nats, fed) for nats, fed in path] for loss, path in told}

    def save(self) -> None:
        """Write a checkpoint: the rows and moments in training, and those a probe set aside."""
        groups = {"now": self.trainer.state(), **self.kept}
        tensors = {f"{g}/{name}": t for g, group in groups.items() for name, t in group.items()}
        self.saves.save(self.state.updates, tensors, asdict(self.state))

    def run(self) -> State:
        """Train what is left of the plan.

        Raises Stopped after saving when the process is asked to end, NotFinite on NaN or infinity.
        """
        phases = self.plan.phases()
        with stop_requests() as asked:
            while self.state.phase < len(phases):
                loss, batches, first = phases[self.state.phase]
                self._train(loss or self.state.winner, batches, first, asked)
                self._close(loss)
        self.state.winner = self.state.winner or self.plan.loss
        return self.state

    def _train(self, loss: str, batches: Batches, first: int, asked: list[int]) -> None:
        state, total = self.state, sum(map(_tokens, self.plan.batches))
        saved_at = time.monotonic()
        while state.step < len(batches):
            fed = self.trainer.step(loss, batches[state.step], first + state.step)
            self._count(loss, fed)
            self.progress(state.tokens, total, f"{loss}: loss {fed.loss:.3f}")
            due = time.monotonic() - saved_at >= CHECKPOINT_SECONDS
            if asked or due:
                self.save()
                saved_at = time.monotonic()
            if asked:
                raise Stopped("stopped while new rows were trained", "the same command goes on")

    def _count(self, loss: str, fed: Fed) -> None:
        state = self.state
        state.step += 1
        state.updates += 1
        state.tokens += fed.tokens
        state.teacher_tokens += fed.teacher_tokens
        state.losses.setdefault(loss, []).append((fed.loss, fed.tokens))

    def _close(self, loss: str) -> None:
        """End a phase: measure a probe, and set the rows that the next phase starts from."""
        state = self.state
        if self.plan.probe and loss:
            state.bits[loss] = self.held.bits(mean_loss(self.trainer.setup, self.held.steps))
            self.kept[loss] = self.trainer.state()
            if loss == PROBED[-1]:
                state.winner = better(state.bits)
                self.trainer.load(self.kept[state.winner])
                self.kept.clear()
            else:
                self.trainer.load(self.kept["start"])
        state.phase += 1
        state.step = 0


def better(bits: dict[str, float]) -> str:
    """Return the loss with fewer bits per byte; next-token unless the other wins clearly."""
    plain, taught = (bits[loss] for loss in PROBED)
    return PROBED[1] if taught < plain - MARGIN else PROBED[0]


@contextmanager
def stop_requests() -> Iterator[list[int]]:
    """Give a list that fills when the process is asked to end; it is read between steps only."""
    asked: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        asked.append(number)

    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    earlier = {name: signal.signal(name, note) for name in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield asked
    finally:
        for name, handler in earlier.items():
            signal.signal(name, handler)


def _tokens(step: Sequence[Packed]) -> int:
    return sum(len(row.ids) for row in step)
