"""Checkpoints that are whole or absent: safetensors and JSON, verified before they are loaded.

One format whatever the number of processes: tensors are gathered before they are written, the
first process writes and reads, the others are told. So a sharded run can be read in one process.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from locale_tune.api import (
    StageFailed,
    commit_folder,
    crash_point,
    discard,
    read_json,
    verified,
    write_json,
)
from locale_tune_training import sharding
from locale_tune_training.recipe import RecipeChanged, refuse_other

KEPT = 2
OS_ERROR = re.compile(r"os error (\d+)")


class Checkpoints:
    """The checkpoints of one run, in its work folder. `tell` gets a sentence for the person."""

    def __init__(
        self, work: Path, recipe: Mapping[str, Any], tell: Callable[[str], object] = print
    ) -> None:
        self.work = work
        self.recipe = dict(recipe)
        self.tell = tell

    def save(self, trainer: Any, state: Any) -> None:
        """Write `checkpoint-STEP`, then drop all but the newest two. All processes together.

        Raises NotFinite rather than keep a number that is not finite, DiskError on a full disk.
        """
        trainer.check(state.step)
        keep = trainer.world.main
        numbered = ((str(index), master) for index, master in enumerate(trainer.masters))
        weights = {key: _whole(master, keep) for key, master in numbered}
        moments = {key: _whole(value, keep) for key, value in trainer.moments()}
        chance = _random_states(trainer)
        if not trainer.world.main:
            return

        def fill(folder: Path) -> dict[str, Any]:
            _write(weights, folder / "model.safetensors")
            _write(moments, folder / "optim.safetensors")
            _write(chance, folder / "rng.safetensors")
            write_json(folder / "state.json", asdict(state))
            return {"step": state.step, "recipe": self.recipe}

        folder = self.work / f"checkpoint-{state.step:08d}"
        commit_folder(folder, fill)
        if verified(folder) is None:  # before anything older goes
            raise StageFailed(f"{folder.name} does not read back as written", "check the disk")
        for old in self._folders()[:-KEPT]:
            discard(old)

    def resume(self, trainer: Any, fresh: Any) -> Any:
        """Load the newest checkpoint that verifies; start fresh where there is none.

        A damaged one is named and dropped. Raises RecipeChanged, naming the field, if the newest
        good one is of another recipe.
        """
        world = trainer.world
        found, refusal = self._look() if world.main else (None, None)
        refusal = world.from_main(refusal)
        if refusal:
            raise RecipeChanged(*refusal)
        if not world.from_main(found is not None):
            return fresh
        folder, drifted = found or (self.work, [])
        state = world.from_main(read_json(folder / "state.json") if world.main else None)
        self._load(folder, trainer)
        state = type(fresh)(**state)
        state.drifted += world.from_main(drifted)
        return state

    def _look(self) -> tuple[tuple[Path, list[str]] | None, tuple[str, str] | None]:
        """Return what the first process found, or why it refuses: all must hear of it."""
        try:
            return self._newest(), None
        except RecipeChanged as error:
            return None, (error.problem, error.remedy)

    def _newest(self) -> tuple[Path, list[str]] | None:
        self._sweep()
        for folder in reversed(self._folders()):
            manifest = verified(folder)
            if manifest is not None:
                return folder, refuse_other(manifest.get("recipe", {}), self.recipe, folder)
            self.tell(f"{folder.name} is damaged and not used; the one before it is")
            discard(folder)  # left here, it would outlive the checkpoints of this run
        return None

    def _load(self, folder: Path, trainer: Any) -> None:
        """Give every process the tensors that the first one reads."""
        world, masters = trainer.world, trainer.masters
        names = ("model", "optim", "rng")
        files = [load_file(folder / f"{n}.safetensors") for n in names] if world.main else [{}] * 3
        shapes = world.from_main([_shapes(file) for file in files[:2]])
        weights, moments = (
            {
                key: world.copy_from_main(_home(file.get(key), shape, kind, world.device))
                for key, (shape, kind) in known.items()
            }
            for file, known in zip(files, shapes, strict=False)
        )
        with torch.no_grad():
            for index, master in enumerate(masters):
                master.copy_(sharding.put(master, weights[str(index)]))
        for key, value in moments.items():
            number, name = key.split(".")
            master = masters[int(number)]
            trainer.optimizer.state[master][name] = _moment(master, name, value)
        trainer.refresh()
        _restore(world.from_main(files[2]), trainer)

    def _folders(self) -> list[Path]:
        return sorted(self.work.glob("checkpoint-*"))

    def _sweep(self) -> None:
        """Remove what a crash left of folders being written or dropped."""
        left = (".tmp-checkpoint-*", ".trash-checkpoint-*", ".trash-.t*")
        for folder in [path for pattern in left for path in self.work.glob(pattern)]:
            discard(folder)


def _whole(tensor: Tensor, keep: bool) -> Tensor:
    """Return a tensor for writing; what was gathered leaves the device, or is dropped, at once."""
    gathered = sharding.whole(tensor)
    if gathered is tensor:
        return tensor.detach().contiguous()
    return gathered.detach().cpu() if keep else gathered.new_empty(0)


def _write(tensors: dict[str, Tensor], path: Path) -> None:
    crash_point()
    with _os_errors():
        save_file(tensors, path)


@contextmanager
def _os_errors() -> Iterator[None]:
    """Raise what the file system said, which safetensors wraps in an error of its own."""
    try:
        yield
    except SafetensorError as error:
        number = OS_ERROR.search(str(error))
        if number is None:
            raise
        raise OSError(int(number[1]), str(error)) from error


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, tuple[torch.Size, torch.dtype]]:
    return {key: (value.shape, value.dtype) for key, value in tensors.items()}


def _home(value: Tensor | None, shape: torch.Size, kind: torch.dtype, device: str) -> Tensor:
    return value.to(device) if value is not None else torch.empty(shape, dtype=kind, device=device)


def _moment(master: Tensor, name: str, value: Tensor) -> Tensor:
    # AdamW keeps its step count on the CPU unless fused on a GPU; both accept this.
    return value.to(master.device) if name == "step" else sharding.put(master, value)


def _random_states(trainer: Any) -> dict[str, Tensor]:
    """Return the state of every generator that dropout draws from, of every process."""
    own = {"cpu": torch.get_rng_state()}
    if trainer.masters[0].device.type == "cuda":
        own["cuda"] = torch.cuda.get_rng_state()
    everyone = trainer.world.gathered(own)
    return {f"{kind}.{n}": state for n, one in enumerate(everyone) for kind, state in one.items()}


def _restore(chance: Mapping[str, Tensor], trainer: Any) -> None:
    rank = trainer.world.rank if f"cpu.{trainer.world.rank}" in chance else 0
    torch.set_rng_state(chance[f"cpu.{rank}"])
    if f"cuda.{rank}" in chance and trainer.masters[0].device.type == "cuda":
        torch.cuda.set_rng_state(chance[f"cuda.{rank}"])
