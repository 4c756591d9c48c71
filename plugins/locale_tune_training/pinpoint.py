"""Pinpoint tuning: train only the few attention heads that follow the user's opinion.

After supervised pinpoint tuning (Chen et al. 2024, arXiv 2409.01658), which trains the q, k, v and
o parts of less than 5 % of the heads. Rows of q_proj and columns of o_proj belong to one head. Keys
and values may be shared by several query heads: they train only where all heads that share them
are chosen, and queries and keys that are normed over all heads do not train, so that no other head
of the layer sees anything else than before. Everything that is not chosen
keeps its bits: its gradient is cleared before the norm is taken, nothing decays, and the check at
the end compares digests.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from locale_tune.api import Job, Record, StageFailed, canonical, read_json, write_json
from locale_tune_training.encoding import Encoder
from locale_tune_training.heads import Found, Head, Pair, attention_of, find
from locale_tune_training.hooks import Hooks
from locale_tune_training.lessons import lessons_of

KEPT = "pinpoint"
FILE = "heads.json"


class Slice(NamedTuple):
    """What trains of one parameter: `which` of its rows or columns along `axis`."""

    name: str
    axis: int
    which: Tensor


class Pinpoint:
    """The slices of one model that train, and the proof that nothing else did."""

    def __init__(self, model: Any, found: Found) -> None:
        """Freeze every other parameter of the model."""
        self.model, self.found = model, found
        self.slices = slices_of(model, found.heads)
        trained = {part.name for part in self.slices}
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name in trained)
        self.print = self._print()

    def hooks(self) -> Hooks:
        """Return the parts that the loop calls."""
        return Hooks(begin=self._begin, before_update=self._before)

    def _begin(self, trainer: Any, state: Any) -> None:
        """Let nothing decay; see that the heads are those of before a stop."""
        if state.kept.setdefault(KEPT, self.chosen()) != self.chosen():
            raise StageFailed(
                "pinpoint finds other heads than before this run was stopped",
                "delete the run's work folder to start this step again",
            )
        self.masters = {
            name.removeprefix("model."): master
            for name, master in zip(trainer.names, trainer.masters, strict=True)
        }
        for group in trainer.optimizer.param_groups:
            group["weight_decay"] = 0.0

    def _before(self, _trainer: Any, _step: int) -> None:
        """Clear the gradient outside the slices: AdamW without decay leaves it as it is."""
        for name, axis, which in self.slices:
            if (gradient := self.masters[name].grad) is not None:
                kept = gradient.index_select(axis, which)
                gradient.zero_().index_copy_(axis, which, kept)

    def chosen(self) -> str:
        """Return a SHA-256 of which slices train."""
        said = [[name, axis, which.tolist()] for name, axis, which in self.slices]
        return hashlib.sha256(canonical(said).encode()).hexdigest()

    def check(self) -> None:
        """Raise StageFailed unless everything outside the slices has the bits it began with."""
        moved = [name for name, seen in self._print().items() if seen != self.print[name]]
        if moved:
            raise StageFailed(
                f"weights outside the chosen heads have moved: {', '.join(moved[:3])}",
                "this is a mistake of the training stage: please report it",
            )

    def facts(self) -> dict[str, Any]:
        """Return what the manifest says of the heads."""
        weights = dict(self.model.named_parameters())
        free = sum(
            part.which.numel() * weights[part.name].numel() // weights[part.name].shape[part.axis]
            for part in self.slices
        )
        total = sum(parameter.numel() for parameter in weights.values())
        found = self.found
        return {
            "heads": [f"{layer}.{head}" for layer, head in found.heads],
            "head_effects": [round(effect, 4) for effect in found.effects],
            "heads_found_on": {"pairs": found.pairs, "flips": found.flips},
            "trained_share": round(free / total, 6),
            **({"head_overlap": found.overlap} if found.overlap else {}),
        }

    def _print(self) -> dict[str, str]:
        """Return a SHA-256 of each parameter without what trains of it."""
        free: dict[str, list[Slice]] = {}
        for part in self.slices:
            free.setdefault(part.name, []).append(part)
        return {
            name: _digest(parameter.detach(), free.get(name, ()))
            for name, parameter in self.model.named_parameters()
        }


def pinpoint_of(job: Job, encoder: Encoder, model: Any) -> Pinpoint | None:
    """Return the slices that this step trains; None where it trains everything.

    The heads are looked for once and kept in the step's work folder. Raises StageFailed where
    settings contradict each other or no lesson has an opinion in it.
    """
    settings = job.settings
    if not settings.pinpoint:
        return None
    if settings.adapter != "none" or settings.shard:
        raise StageFailed(
            "pinpoint trains parts of the model's own matrices",
            "set adapter to 'none' and shard to false, or pinpoint to 0",
        )
    kept = job.work / FILE
    if kept.exists():
        said = read_json(kept)
        heads = [(layer, head) for layer, head in said.pop("heads")]
        return Pinpoint(model, Found(heads=heads, **said))
    job.progress(0, 1, "finding the heads that follow opinions")
    found = find(model, pairs_of(job, encoder), settings.pinpoint)
    write_json(kept, found._asdict())
    return Pinpoint(model, found)


def pairs_of(job: Job, encoder: Encoder) -> list[Pair]:
    """Return up to `pinpoint_pairs` lessons with an opinion, each with its counterpart.

    A lesson has one if its `meta` says what the same question is with the opposite opinion
    (`flipped`), which answer is wrong (`other`) and whether the opinion is right.
    """
    drawn: list[tuple[bytes, Record]] = [
        (hashlib.sha256(f"{job.seed}\0{record.id}".encode()).digest(), record)
        for record in lessons_of(job)
        if {"flipped", "other", "opinion", "claim"} <= record.meta.keys()
    ]
    drawn.sort(key=lambda entry: entry[0])
    pairs: list[Pair] = []
    for _, record in drawn:
        pair = pair_of(record, encoder)
        if pair and max(len(pair.led), len(pair.freed)) < job.settings.sequence:
            pairs.append(pair)
        if len(pairs) == job.settings.pinpoint_pairs:
            break
    if not pairs:
        raise StageFailed(
            "pinpoint finds heads on lessons with opinions, and there are none",
            "set select.premise_lessons, or pinpoint to 0",
        )
    return pairs


def pair_of(record: Record, encoder: Encoder) -> Pair | None:
    """Return a lesson as a pair; None where both answers begin with all of the shorter one."""
    ask, say = record.messages[-2:]
    turned = ask.model_copy(update={"content": record.meta["flipped"]})
    other = say.model_copy(update={"content": record.meta["other"]})
    agrees_with_truth = (record.meta["opinion"] == "agree") == (record.meta["claim"] == "true")
    led, freed = (turned, ask) if agrees_with_truth else (ask, turned)
    starts = []
    for question in (led, freed):
        right, wrong = (encoder.chat([question, answer]).ids for answer in (say, other))
        apart = next((n for n, (a, b) in enumerate(zip(right, wrong, strict=False)) if a != b), 0)
        if not apart:
            return None
        starts.append((right[:apart], wrong[apart], right[apart]))
    (one, bad, good), (two, *_) = starts
    return Pair(one, two, bad, good, record.lang)


def slices_of(model: Any, heads: Sequence[Head]) -> list[Slice]:
    """Return the rows and columns that belong to these heads, and to no other."""
    layers, shape = attention_of(model)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    found = []
    for number, (_, module) in enumerate(layers):
        own = sorted(head for layer, head in heads if layer == number)
        for projection, axis, blocks in _owned(own, shape.heads // shape.shared):
            which = [shape.width * block + n for block in blocks for n in range(shape.width)]
            if _normed_together(module, projection, shape.width):
                continue
            for kind in ("weight", "bias"):
                parameter = getattr(getattr(module, projection), kind, None)
                if not which or parameter is None or (kind == "bias" and axis == 1):
                    continue  # the bias of o_proj is everybody's
                index = torch.tensor(which, device=parameter.device)
                found.append(Slice(names[id(parameter)], axis if kind == "weight" else 0, index))
    return found


def _owned(heads: Sequence[int], sharing: int) -> Iterator[tuple[str, int, list[int]]]:
    """Yield (projection, axis, blocks): q and o by head, k and v where all that share are in."""
    whole = [
        group
        for group in sorted({head // sharing for head in heads})
        if set(range(group * sharing, (group + 1) * sharing)) <= set(heads)
    ]
    yield "q_proj", 0, list(heads)
    yield "k_proj", 0, whole
    yield "v_proj", 0, whole
    yield "o_proj", 1, list(heads)


def _normed_together(module: Any, projection: str, width: int) -> bool:
    """Whether what a matrix gives is normed over all heads (OLMo 2): any of them moves the rest."""
    weight = getattr(getattr(module, projection.replace("_proj", "_norm"), None), "weight", None)
    return weight is not None and weight.shape[-1] > width


def _digest(weight: Tensor, free: Sequence[Slice]) -> str:
    for _, axis, which in free:
        held = torch.ones(weight.shape[axis], dtype=torch.bool, device=weight.device)
        held[which] = False
        weight = weight.index_select(axis, held.nonzero()[:, 0])
    data = weight.cpu().contiguous().view(torch.uint8)
    return hashlib.sha256(data.numpy().tobytes()).hexdigest()
