"""The tensors of one run and the update: exact over accumulation and over processes.

Weights that train are float32 ("master"); the forward and backward passes may run in bfloat16 on a
copy that is refreshed after each update, because with bfloat16 masters small updates vanish. The
gradient of a step is that of the loss of its whole window of rows, however it is split.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from locale_tune_training import sharding
from locale_tune_training.batches import AnyRow, PairRow
from locale_tune_training.guard import check_state, check_update
from locale_tune_training.model import LossModule, cast
from locale_tune_training.parallel import World
from locale_tune_training.settings import TrainSettings

BETAS = (0.9, 0.95)
NORMALIZERS: dict[str, Callable[[Tensor], Tensor]] = {
    "sum_w": lambda weights: weights.sum(),
    "completion": lambda weights: (weights >= 1).sum(),
    "nonzero": lambda weights: (weights != 0).sum(),
}


class Update(NamedTuple):
    """What one update saw: the loss per unit of the normaliser, and whether it was left out."""

    loss: float
    norm: float
    skipped: bool = False


class Trainer:
    """The tensors of one run: module, masters, optimizer. `loop.train` is the loop."""

    def __init__(
        self,
        module: LossModule,
        settings: TrainSettings,
        dtype: torch.dtype,
        world: World | None = None,
    ) -> None:
        self.module = module
        self.world = world or World()
        self.sharded = settings.shard and self.world.size > 1
        self.weigh = NORMALIZERS[settings.normalizer]
        if self.sharded:
            sharding.shard(module, dtype, self.world)
        trained = {n: p for n, p in module.named_parameters() if p.requires_grad}
        self.names = list(trained)
        self.working: list[Tensor] = list(trained.values())
        same = dtype == torch.float32 or self.sharded
        masters: list[Tensor] = []
        if not same:
            masters = [p.detach().float().clone() for p in self.working]
        # What is not trained comes back as it was: rounded to bfloat16 it would be another model.
        still = [] if same else [p for p in module.parameters() if not p.requires_grad]
        self._still = [(parameter, parameter.data.cpu()) for parameter in still]
        if not self.sharded:
            cast(module, dtype)
        self.masters = masters if masters else self.working
        self.optimizer = torch.optim.AdamW(
            self.masters,
            lr=settings.lr,
            betas=BETAS,
            weight_decay=settings.weight_decay,
            fused=True,
        )
        self.clip = settings.clip

    def step(
        self,
        window: Sequence[AnyRow],
        lr: float,
        number: int = 0,
        accept: Callable[[float, float], bool] | None = None,
        before_update: Callable[[Trainer, int], None] | None = None,
    ) -> Update:
        """Make update `number` from a window of rows, the same window on every process.

        `accept(loss, norm)` may leave the update out. Raises NotFinite before anything is changed
        when loss, gradient or rate is NaN or infinite.
        """
        total = float(sum(map(self._units, window)))
        if total == 0:
            return Update(0.0, 0.0)
        loss = self._backward(window, total)
        if before_update:
            before_update(self, number)
        gradients = [m.grad for m in self.masters if m.grad is not None]
        norm = sharding.whole(torch.nn.utils.get_total_norm(gradients))
        named = ((n, m.grad) for n, m in zip(self.names, self.masters, strict=True))
        check_update(number + 1, loss, float(norm), lr, named)
        if accept and not accept(loss, float(norm)):
            self.clear_gradients()
            return Update(loss, float(norm), skipped=True)
        if float(norm) > self.clip:  # else it would multiply every number by one
            torch.nn.utils.clip_grads_with_norm_(self.masters, self.clip, norm)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self.optimizer.step()
        self.refresh()
        return Update(loss, float(norm))

    def _units(self, row: AnyRow) -> Tensor | int:
        """Return how much of what the loss is divided by stands in one row: pairs, or weight."""
        if isinstance(row, PairRow):
            return len(row.reference) // 2
        return self.weigh(row.weights[1:])

    def _backward(self, window: Sequence[AnyRow], total: float) -> float:
        """Put the gradient of the whole window on the masters; return its loss."""
        loss = 0.0
        for row in self.world.own(window, even=self.sharded):
            sums = self.module(row)
            (sums.loss / total).backward()
            loss += float(sums.loss.detach()) / total
            self._collect()
        if not self.sharded:
            self.world.add_gradients(self.masters)
        return self.world.total(loss)[0]

    def _collect(self) -> None:
        """Add the gradients of one micro-batch to the float32 masters."""
        if self.working is self.masters:
            return
        for working, master in zip(self.working, self.masters, strict=True):
            if working.grad is None:
                continue
            if master.grad is None:
                master.grad = working.grad.float()
            else:
                master.grad += working.grad
            working.grad = None

    def refresh(self) -> None:
        """Copy the masters into the weights that compute, and clear the gradients."""
        if self.working is not self.masters:
            with torch.no_grad():
                torch._foreach_copy_(self.working, self.masters)
        self.clear_gradients()

    def clear_gradients(self) -> None:
        """Forget the gradients of this update."""
        self.optimizer.zero_grad(set_to_none=True)

    def moments(self) -> Iterator[tuple[str, Tensor]]:
        """Yield what the optimizer knows, each tensor as `INDEX.NAME`."""
        for index, master in enumerate(self.masters):
            for name, value in self.optimizer.state[master].items():
                yield f"{index}.{name}", value

    def check(self, step: int) -> None:
        """Raise NotFinite if a weight or a moment is not finite, on every process alike."""
        weights = zip(self.names, self.masters, strict=True)
        moments = ((self._name(key), moment) for key, moment in self.moments())
        check_state(
            step,
            ((name, sharding.whole(tensor)) for name, tensor in weights),
            ((name, sharding.whole(tensor)) for name, tensor in moments),
        )

    def _name(self, key: str) -> str:
        number, _, name = key.partition(".")
        return f"{name} of {self.names[int(number)]}"

    def finished(self) -> LossModule:
        """Return the module, whole, with its float32 weights in place."""
        self.module.finish()
        if self.sharded:
            sharding.unshard(self.module)
            return self.module
        cast(self.module, torch.float32)
        with torch.no_grad():
            for parameter, master in zip(self.working, self.masters, strict=True):
                parameter.copy_(master)
        for parameter, value in self._still:
            parameter.data = value.to(parameter.device)
        return self.module
