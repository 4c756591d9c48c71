"""One run in several processes (`torchrun`, `accelerate launch`): each takes its share of a window.

Accelerate finds the processes and their devices. Nothing of it is prepared or wrapped: gradients
are added up here, once per update, in float32 and undivided, because the loss of every row is
already divided by the weight of the whole window. So there is no average to undo, no bfloat16 sum,
and no forward pass that could miss the synchronisation. With one process nothing here does
anything.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor
from torch import distributed as dist

from locale_tune.api import Machine
from locale_tune_training.batches import AnyRow

BUCKET = 1 << 24  # numbers sent at once: 64 MiB of float32
T = TypeVar("T")


class World(NamedTuple):
    """Which of how many processes this is; the first (`rank` 0) writes."""

    rank: int = 0
    size: int = 1
    device: str = "cpu"

    @property
    def main(self) -> bool:
        """Whether this process is the one that writes."""
        return self.rank == 0

    def own(self, window: Sequence[AnyRow], even: bool = False) -> list[AnyRow]:
        """Return this process's rows of a window, in order.

        With `even` every process gets as many, the last ones being copies that weigh nothing.
        """
        mine = list(window[self.rank :: self.size])
        if even and len(mine) < -(-len(window) // self.size):
            mine.append(window[0]._replace(weights=torch.zeros_like(window[0].weights)))
        return mine

    def total(self, *values: float) -> list[float]:
        """Return each value summed over all processes, in float64."""
        if self.size == 1:
            return list(values)
        sums = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.all_reduce(sums)
        return [float(value) for value in sums]

    def any(self, *flags: bool) -> list[bool]:
        """Return for each flag whether it is up anywhere."""
        return [count > 0 for count in self.total(*map(float, flags))]

    def add_gradients(self, tensors: Sequence[Tensor]) -> None:
        """Sum the gradients of `tensors` over all processes; where nobody has one it stays None."""
        if self.size == 1:
            return
        has = torch.tensor([t.grad is not None for t in tensors], device=self.device).int()
        dist.all_reduce(has)
        bucket: list[Tensor] = []
        for tensor, count in zip(tensors, has.tolist(), strict=True):
            if count:
                if tensor.grad is None:
                    tensor.grad = torch.zeros_like(tensor)
                bucket.append(tensor.grad)
            if sum(grad.numel() for grad in bucket) >= BUCKET:
                _add_up(bucket)
                bucket = []
        _add_up(bucket)

    def from_main(self, value: T) -> T:
        """Return what the first process holds."""
        if self.size == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=0)
        return box[0]

    def gathered(self, value: T) -> list[T]:
        """Return what each process holds, in order."""
        if self.size == 1:
            return [value]
        found: list[Any] = [None] * self.size
        dist.all_gather_object(found, value)
        return found

    def copy_from_main(self, tensor: Tensor) -> Tensor:
        """Make `tensor` what it is on the first process."""
        if self.size > 1:
            dist.broadcast(tensor, src=0)
        return tensor


def _add_up(bucket: list[Tensor]) -> None:
    if bucket:
        flat = torch.cat([grad.flatten() for grad in bucket])
        dist.all_reduce(flat)
        parts = flat.split([grad.numel() for grad in bucket])
        for grad, part in zip(bucket, parts, strict=True):
            grad.copy_(part.view_as(grad))


def world_of(machine: Machine) -> World:
    """Return this process's place; join the others if a launcher started several."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return World()
    from accelerate import PartialState

    state = PartialState(cpu=machine.device == "cpu")
    # The cores of this machine are shared out; accelerate would count them in its own way.
    here = int(os.environ.get("LOCAL_WORLD_SIZE", "1")) if machine.device == "cpu" else 1
    torch.set_num_threads(max(1, machine.threads // here))
    return World(state.process_index, state.num_processes, str(state.device))
