"""What a stage may do inside the loop: one plain argument of `train`, all parts optional.

The loop calls the parts in this order, on every process alike:

    begin(trainer, state)          once: optimizer made, checkpoint loaded, no row drawn yet
    before_step(trainer, step)     before the first forward pass of update `step` (from 0)
    before_update(trainer, step)   gradients of the whole window are in `trainer.masters`, summed
                                   over processes; norm, guard and clipping come after
    after_step(trainer, state)     update done and counted in `state`; the answer "stop" ends the
                                   run as if its last step had been made (the model is kept)

A part that must survive a crash keeps what it knows, JSON-able, in `state.kept` (a dict that the
loop saves and loads with the state) and takes it from there in `begin`. No part may draw from
torch's global random generator: a run with and one without must see the same dropout.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Verdict = Literal["go on", "stop"]


@dataclass(frozen=True)
class Hooks:
    """Functions called by the loop; `trainer` and `state` are the loop's own."""

    begin: Callable[[Any, Any], None] | None = None
    before_step: Callable[[Any, int], None] | None = None
    before_update: Callable[[Any, int], None] | None = None
    after_step: Callable[[Any, Any], Verdict] | None = None


def joined(*several: Hooks) -> Hooks:
    """Return hooks that call each of `several` in turn; one "stop" stops."""

    def begin(trainer: Any, state: Any) -> None:
        for hooks in several:
            if hooks.begin:
                hooks.begin(trainer, state)

    def before_step(trainer: Any, step: int) -> None:
        for hooks in several:
            if hooks.before_step:
                hooks.before_step(trainer, step)

    def before_update(trainer: Any, step: int) -> None:
        for hooks in several:
            if hooks.before_update:
                hooks.before_update(trainer, step)

    def after_step(trainer: Any, state: Any) -> Verdict:
        said = [hooks.after_step(trainer, state) for hooks in several if hooks.after_step]
        return "stop" if "stop" in said else "go on"

    return Hooks(begin, before_step, before_update, after_step)
