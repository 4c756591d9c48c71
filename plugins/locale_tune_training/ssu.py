"""Source-Shielded Updates: freeze the columns that the base's own languages use most.

After Yamaguchi et al. 2025 (arXiv 2512.04844, gucci-j/ssu). Over a calibration text, a_j is the
mean of x_j^2 at the input of a linear layer; score_j = ||W[:, j]||_2 * a_j, and the floor(in / 2)
highest columns never change. In one-dimensional weights that is the top half of the elements by
|w| * (1 + a). Embeddings and head train, except the rows of the chat template's tokens. Ours keeps
a list of columns per matrix instead of a mask, and no weight decay on what is shielded, which
would move frozen columns without any gradient.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import torch
from jinja2 import TemplateError
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from locale_tune.api import Job, StageFailed, canonical, read_records
from locale_tune_training.batches import Row
from locale_tune_training.encoding import CLOSE, MARK, OPEN, Encoder
from locale_tune_training.hooks import Hooks

KEPT = "ssu"
LONGEST = 2048  # tokens of one calibration record


class Frozen(NamedTuple):
    """Slices of one parameter that never change: `which` of them along `axis`."""

    name: str
    axis: int
    which: Tensor


class Shield:
    """The frozen parts of one module, and the proof that they did not move."""

    def __init__(
        self, module: Any, rows: Iterable[Row], template: Sequence[int], text: str = ""
    ) -> None:
        self.text = text
        self.parameters = _trained(module)
        activations = calibrate(module, rows)
        self.frozen = [*_tables(module, template), *_layers(module.model, activations)]
        names = {id(p): name for name, p in self.parameters.items()}
        owners = dict(module.model.named_parameters(remove_duplicate=False))
        self.frozen = [f._replace(name=names[id(owners[f.name])]) for f in self.frozen]
        self.print = self._print()

    def hooks(self) -> Hooks:
        """Return the parts that the loop calls."""
        return Hooks(begin=self._begin, before_update=self._before)

    def _begin(self, trainer: Any, state: Any) -> None:
        """Take shielded weights out of weight decay; see that they are those of before a stop."""
        if state.kept.setdefault(KEPT, self.chosen()) != self.chosen():
            raise StageFailed(
                "SSU finds other weights to shield than before this run was stopped",
                "delete the run's work folder to start this step again",
            )
        self.masters = dict(zip(self.parameters, trainer.masters, strict=True))
        shielded = {id(self.masters[frozen.name]) for frozen in self.frozen}
        for group in list(trainer.optimizer.param_groups):
            kept = [p for p in group["params"] if id(p) not in shielded]
            taken = [p for p in group["params"] if id(p) in shielded]
            if taken and group["weight_decay"]:
                apart = {**group, "params": taken, "weight_decay": 0.0}
                group["params"] = kept
                trainer.optimizer.param_groups.append(apart)

    def _before(self, _trainer: Any, _step: int) -> None:
        """Clear the gradient of what is frozen: AdamW without decay then leaves it as it is."""
        for name, axis, which in self.frozen:
            if (gradient := self.masters[name].grad) is not None:
                gradient.index_fill_(axis, which, 0.0)

    def chosen(self) -> str:
        """Return a SHA-256 of which weights are frozen."""
        said = [[f.name, f.axis, f.which.tolist()] for f in self.frozen]
        return hashlib.sha256(canonical(said).encode()).hexdigest()

    def check(self) -> None:
        """Raise StageFailed unless every frozen weight has the bits it had at the start."""
        moved = [name for name, seen in self._print().items() if seen != self.print[name]]
        if moved:
            raise StageFailed(
                f"weights that SSU froze have moved: {', '.join(moved[:3])}",
                "this is a mistake of the training stage: please report it",
            )

    def facts(self) -> dict[str, Any]:
        """Return what the manifest says of the protection."""
        frozen = 0
        for name, axis, which in self.frozen:
            whole = self.parameters[name]
            frozen += which.numel() * whole.numel() // whole.shape[axis]
        total = sum(p.numel() for p in self.parameters.values())
        share = round(frozen / total, 4)
        return {"protect": "ssu", "frozen_share": share, "calibrated_on": self.text}

    def _print(self) -> dict[str, str]:
        """Return a SHA-256 of each parameter's frozen part: no copy of half the model is kept."""
        return {
            f"{f.name}.{f.axis}": hashlib.sha256(
                self.parameters[f.name]
                .detach()
                .index_select(f.axis, f.which)
                .cpu()
                .contiguous()
                .view(torch.uint8)
                .numpy()
                .tobytes()
            ).hexdigest()
            for f in self.frozen
        }


def calibrate(module: Any, rows: Iterable[Row]) -> dict[str, Tensor]:
    """Return for each layer with weights the mean of x_j^2 of its input, over all tokens, float64.

    Biases are scored by what their layer gives out: their entry is `NAME.out`.
    """
    sums: dict[str, Tensor] = {}
    counts: dict[str, int] = {}
    handles = []

    def look(name: str) -> Any:
        def hook(_layer: nn.Module, inputs: tuple[Any, ...], out: Any) -> None:
            for key, x in ((name, inputs[0]), (f"{name}.out", out)):
                if isinstance(x, Tensor):
                    flat = x.detach().reshape(-1, x.shape[-1]).double()
                    sums[key] = sums.get(key, torch.zeros((), device=x.device)) + (flat**2).sum(0)
                    counts[key] = counts.get(key, 0) + len(flat)

        return hook

    for name, layer in module.model.named_modules():
        if _has_own_weight(layer) and not isinstance(layer, nn.Embedding):
            handles.append(layer.register_forward_hook(look(name)))
    was_training = module.training
    module.eval()
    with torch.no_grad():
        for row in rows:
            module(row)
    module.train(was_training)
    for handle in handles:
        handle.remove()
    if not sums:
        raise StageFailed("there is no text to find what SSU must shield", "add replay text")
    return {name: total / counts[name] for name, total in sums.items()}


def _has_own_weight(layer: nn.Module) -> bool:
    return any(name in ("weight", "bias") for name, _ in layer.named_parameters(recurse=False))


def _layers(model: Any, activations: dict[str, Tensor]) -> list[Frozen]:
    """Choose the columns of every linear layer and the elements of every 1-D weight."""
    head = model.get_output_embeddings()
    found = []
    for name, layer in model.named_modules():
        if name not in activations or layer is head:
            continue
        for own, weight in layer.named_parameters(recurse=False):
            a = activations[f"{name}.out" if own == "bias" else name]
            if weight.dim() == 2 and isinstance(layer, nn.Linear | Conv1D):
                axis = 0 if isinstance(layer, Conv1D) else 1  # GPT-2 keeps W transposed
                found.append(Frozen(f"{name}.{own}", axis, columns(weight, a, axis)))
            elif weight.dim() == 1 and len(a) == len(weight):
                score = weight.detach().double().abs() * (1 + a)
                found.append(Frozen(f"{name}.{own}", 0, _top_half(score)))
    return found


def columns(weight: Tensor, a: Tensor, axis: int) -> Tensor:
    """Return the floor(in / 2) highest input columns of a matrix by ||W[:, j]||_2 * a_j."""
    return _top_half(weight.detach().double().norm(dim=1 - axis) * a)


def _top_half(score: Tensor) -> Tensor:
    best = torch.sort(score, descending=True, stable=True).indices[: len(score) // 2]
    return best.sort().values


def _tables(module: Any, template: Sequence[int]) -> list[Frozen]:
    """Freeze the rows of the template's tokens in the input table and in the head."""
    model = module.model
    names = {id(p): name for name, p in model.named_parameters()}
    ids = sorted(set(template))
    tables = [model.get_input_embeddings(), model.get_output_embeddings()]
    unique = {id(table.weight): table.weight for table in tables}
    index = {key: torch.tensor(ids, device=w.device) for key, w in unique.items()}
    return [Frozen(names[key], 0, index[key]) for key in unique if ids]


def _trained(module: nn.Module) -> dict[str, Tensor]:
    """Return the parameters that train, in the order in which the loop lists them."""
    found: dict[str, Tensor] = {n: p for n, p in module.named_parameters() if p.requires_grad}
    if any(not p.requires_grad for p in module.parameters()):
        raise StageFailed(
            "SSU shields a model that trains in full, and parts of this one are frozen",
            "set protect to 'none', or train without adapters",
        )
    return found


class Calibration(NamedTuple):
    """Rows to calibrate on, one record each, and what text they are."""

    rows: list[Row]
    text: str


def calibration_rows(job: Job, encoder: Encoder) -> Calibration:
    """Return up to `protect_samples` records of replay, else of other-language lessons.

    Drawn by the seed; each is cut to 2,048 tokens. The paper calibrates on instructions in the
    source language; a corpus has them only as lessons, and replay text stands in for them. Raises
    StageFailed when the corpus has neither.
    """
    folder, tag = job.inputs["corpus"].path, job.pack.locale.tag
    replay = [r.text for r in read_records(folder / "replay") if r.text]
    others = (r for r in read_records(folder / "lessons") if r.messages and r.lang != tag)
    texts: list[Any] = replay or [r.messages for r in others]
    if not texts:
        raise StageFailed(
            "SSU has no text in the base's own languages to find what it must shield",
            "add a source with the role 'replay', or set protect to 'none'",
        )
    random.Random(f"{job.seed}:ssu").shuffle(texts)
    some = texts[: job.settings.protect_samples]
    encoded = [encoder.text(t).ids if replay else encoder.chat(t).ids for t in some]
    return Calibration([_row(ids[:LONGEST]) for ids in encoded], "replay" if replay else "lessons")


def _row(ids: list[int]) -> Row:
    weights = torch.zeros(len(ids))
    weights[-1:] = 1.0  # the loss is not looked at: one projection is enough
    return Row(torch.tensor(ids), torch.arange(len(ids)), weights)


def template_ids(tokenizer: Any) -> list[int]:
    """Return the ids that the chat template itself writes around turns, and all control tokens.

    A default system prompt is not among them where the template takes a system message.
    """
    ids = {*tokenizer.all_special_ids, *tokenizer.get_added_vocab().values()}
    if tokenizer.chat_template is not None:
        for literal in MARK.split(_rendered(tokenizer))[::2]:
            ids.update(tokenizer.backend_tokenizer.encode(literal, add_special_tokens=False).ids)
    return sorted(ids)


def _rendered(tokenizer: Any) -> str:
    roles = ("system", "user", "assistant")
    turns = [{"role": role, "content": f"{OPEN}{i}{CLOSE}"} for i, role in enumerate(roles)]
    try:
        return str(tokenizer.apply_chat_template(turns, tokenize=False))
    except TemplateError:  # it knows no system message
        return str(tokenizer.apply_chat_template(turns[1:], tokenize=False))
