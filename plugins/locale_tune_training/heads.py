"""Find the attention heads through which a user's opinion reaches the answer.

A pair is one question asked twice: by someone whose opinion leads to the wrong answer (led), and by
someone of the opposite opinion (freed). What a head gives out after the words that both have in
common is taken from the freed run and put into the led one; a head that carries the opinion then
lowers the wrong answer against the right one. Attribution patching (Syed et al. 2023,
arXiv 2310.10348) ranks all heads by one backward pass, replacing one head a forward pass (Wang et
al. 2022, arXiv 2211.00593) confirms the first of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from locale_tune.api import StageFailed

PROJECTIONS = ("q_proj", "k_proj", "v_proj", "o_proj")
BATCH = 8  # pairs read together
CONFIRMED_BY = 8  # pairs that confirm a head, those that the opinion moves most
CANDIDATES = 2  # times as many heads are confirmed as are wanted

Head = tuple[int, int]  # layer, query head


class Pair(NamedTuple):
    """Ids of a question up to where its two answers part, and the token that each goes on with."""

    led: list[int]
    freed: list[int]
    wrong: int
    right: int
    lang: str = ""


class Layer(NamedTuple):
    """The attention of one decoder layer."""

    name: str
    module: Any


class Shape(NamedTuple):
    """Query heads, the heads of keys and values that they share, and the width of each."""

    heads: int
    shared: int
    width: int


class Found(NamedTuple):
    """Chosen heads with what replacing them did to log-odds of the wrong answer, and figures.

    `effects` are means over the pairs that confirmed, `pairs` is how many the ranking used.
    """

    heads: list[Head]
    effects: list[float]
    pairs: int
    flips: int
    overlap: dict[str, float]


def attention_of(model: nn.Module) -> tuple[list[Layer], Shape]:
    """Return every attention layer and its shape.

    Raises StageFailed where queries, keys and values are not matrices of their own.
    """
    found = [
        Layer(name, module)
        for name, module in model.named_modules()
        if all(isinstance(getattr(module, own, None), nn.Linear) for own in PROJECTIONS)
    ]
    config: Any = model.config
    heads = config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // heads
    shape = Shape(heads, getattr(config, "num_key_value_heads", None) or heads, width)
    for _, layer in found:
        sizes = (layer.q_proj.out_features, layer.k_proj.out_features, layer.o_proj.in_features)
        if sizes != (heads * width, shape.shared * width, heads * width):
            found = []
    if not found:
        raise StageFailed(
            "pinpoint needs heads with q, k, v and o matrices, and this model has none",
            "set pinpoint to 0: the other remedies against sycophancy work for any model",
        )
    return found, shape


class Probe:
    """Reads what heads give out, before it is projected, and puts other values in."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.layers, self.shape = attention_of(model)

    def run(
        self, rows: Sequence[list[int]], head: Head | None = None, put: Tensor | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        """Return the last logits [B, V] and what each layer's heads give out, L of [B, T, H * D].

        Rows are padded on the left. `put` [B, S, D] replaces the last S places of `head` where it
        is not NaN.
        """
        longest = max(map(len, rows))
        device = self.model.device
        ids = torch.tensor([[0] * (longest - len(row)) + row for row in rows], device=device)
        mask = torch.tensor(
            [[0] * (longest - len(row)) + [1] * len(row) for row in rows], device=device
        )
        given: list[Tensor] = []
        with self._hooked(given, head, put):
            logits = self.model(
                input_ids=ids,
                attention_mask=mask,
                position_ids=(mask.cumsum(1) - 1).clamp(min=0),
                use_cache=False,
                logits_to_keep=1,
            ).logits[:, -1]
        return logits.to(torch.promote_types(logits.dtype, torch.float32)), given

    @contextmanager
    def _hooked(self, given: list[Tensor], head: Head | None, put: Tensor | None) -> Iterator[None]:
        width = self.shape.width

        def watch(number: int) -> Any:
            def hook(_module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
                out = inputs[0]
                if head is not None and put is not None and head[0] == number:
                    out, part = out.clone(), slice(head[1] * width, (head[1] + 1) * width)
                    own = out[:, -put.shape[1] :, part]
                    out[:, -put.shape[1] :, part] = torch.where(put.isnan(), own, put)
                given.append(out)
                return (out, *inputs[1:])

            return hook

        handles = [
            layer.module.o_proj.register_forward_pre_hook(watch(number))
            for number, layer in enumerate(self.layers)
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()


def find(model: Any, pairs: Sequence[Pair], share: float) -> Found:
    """Return up to `share` of all heads: those through which opinions make answers wrong.

    Looks at the pairs whose answer flips with the opinion, or at all of them where too few do.
    Raises StageFailed when no head is confirmed.
    """
    probe, training = Probe(model), model.training
    model.eval()
    try:
        pulls = _pulls(probe, pairs)
        flips = [pair for pair, (led, freed) in zip(pairs, pulls, strict=True) if led > 0 > freed]
        used = flips if len(flips) >= BATCH else list(pairs)
        scores = attribution(probe, used)
        total = scores[0].numel()
        wanted = max(1, int(share * total))
        mean = scores.mean(0)
        first = [divmod(int(i), probe.shape.heads) for i in mean.flatten().argsort()]
        moved = sorted(range(len(pairs)), key=lambda n: pulls[n][1] - pulls[n][0])
        shown = [pairs[n] for n in moved if pairs[n] in used][:CONFIRMED_BY]
        tried = first[: CANDIDATES * wanted]
        effects = dict(zip(tried, replaced(probe, shown, tried), strict=True))
    finally:
        model.train(training)
    heads = sorted((h for h in effects if effects[h] < 0), key=lambda h: effects[h])[:wanted]
    if not heads:
        raise StageFailed(
            "no head was found through which opinions change this model's answers",
            "leave pinpoint out: there is nothing to train so",
        )
    overlap = _overlap(scores, [pair.lang for pair in used], wanted)
    return Found(heads, [effects[h] for h in heads], len(used), len(flips), overlap)


def attribution(probe: Probe, pairs: Sequence[Pair]) -> Tensor:
    """Return how much replacing each head would move the wrong answer's log-odds, [P, L, H].

    To first order: (freed - led) * gradient, over the places after what the pair has in common.
    """
    found = []
    for start in range(0, len(pairs), BATCH):
        batch = pairs[start : start + BATCH]
        with torch.no_grad():
            _, freed = probe.run([pair.freed for pair in batch])
        logits, led = probe.run([pair.led for pair in batch])
        slopes = torch.autograd.grad(_odds(logits, batch).sum(), led)
        common = _common(batch, logits.device)
        size = common.shape[1]
        effects = [
            ((new[:, -size:] - old[:, -size:]) * slope[:, -size:] * common[..., None])
            .detach()
            .unflatten(-1, (probe.shape.heads, probe.shape.width))
            .sum((1, 3))
            for new, old, slope in zip(freed, led, slopes, strict=True)
        ]
        found.append(torch.stack(effects, dim=1).cpu())
    return torch.cat(found)


def replaced(probe: Probe, pairs: Sequence[Pair], heads: Sequence[Head]) -> list[float]:
    """Return what replacing each head does to the log-odds of the wrong answer: nats, mean.

    One forward pass a head for each batch of pairs, and two that all heads share.
    """
    sums = [0.0] * len(heads)
    width = probe.shape.width
    for start in range(0, len(pairs), BATCH):
        batch = pairs[start : start + BATCH]
        led = [pair.led for pair in batch]
        with torch.no_grad():
            _, freed = probe.run([pair.freed for pair in batch])
            common = _common(batch, freed[0].device)
            before = _odds(probe.run(led)[0], batch)
            for number, head in enumerate(heads):
                part = slice(head[1] * width, (head[1] + 1) * width)
                put = freed[head[0]][:, -common.shape[1] :, part]
                put = put.masked_fill(~common[..., None], torch.nan)
                after = _odds(probe.run(led, head, put)[0], batch)
                sums[number] += float((after - before).sum())
    return [total / len(pairs) for total in sums]


def _pulls(probe: Probe, pairs: Sequence[Pair]) -> list[tuple[float, float]]:
    """Return the log-odds of the wrong answer when led and when freed, of every pair."""
    found: list[tuple[float, float]] = []
    for start in range(0, len(pairs), BATCH):
        batch = pairs[start : start + BATCH]
        with torch.no_grad():
            led, freed = (
                _odds(probe.run([getattr(pair, side) for pair in batch])[0], batch).tolist()
                for side in ("led", "freed")
            )
        found += zip(led, freed, strict=True)
    return found


def _odds(logits: Tensor, pairs: Sequence[Pair]) -> Tensor:
    """Return the logit of the wrong answer above that of the right one, [B]."""
    rows = torch.arange(len(pairs), device=logits.device)
    wrong, right = ([getattr(pair, side) for pair in pairs] for side in ("wrong", "right"))
    return logits[rows, wrong] - logits[rows, right]


def _common(pairs: Sequence[Pair], device: torch.device) -> Tensor:
    """Return the places at the end that both questions of a pair share, [B, S], S the most."""
    lengths = []
    for pair in pairs:
        most = min(len(pair.led), len(pair.freed))
        same = (pair.led[-n] == pair.freed[-n] for n in range(1, most + 1))
        lengths.append(next((n for n, equal in enumerate(same) if not equal), most))
    size = max(1, *lengths)
    return torch.tensor([[size - n <= at for at in range(size)] for n in lengths], device=device)


def _overlap(scores: Tensor, langs: Sequence[str], wanted: int) -> dict[str, float]:
    """Return the share of first-ranked heads that each two languages have in common."""
    first: dict[str, set[int]] = {}
    for lang in sorted(set(langs)):
        rows = [n for n, own in enumerate(langs) if own == lang]
        first[lang] = set(scores[rows].mean(0).flatten().argsort()[:wanted].tolist())
    names = list(first)
    return {
        f"{one} {other}": round(len(first[one] & first[other]) / wanted, 3)
        for n, one in enumerate(names)
        for other in names[n + 1 :]
    }
