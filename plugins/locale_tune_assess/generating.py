"""Answers of a causal model to batches of prompts: the most likely ones, or drawn ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .scoring import Tell
from .windows import batches


@dataclass(frozen=True)
class Draw:
    """How one answer is drawn: the softmax at a temperature, cut to its top-p part, and a seed."""

    seed: int
    temperature: float = 1.0
    top_p: float = 1.0


class Noise:
    """A logits processor that turns the greedy choice into a draw, by the Gumbel-max trick.

    argmax(z / T + g) with g of the standard Gumbel distribution is a draw from softmax(z / T)
    (Gumbel 1954; Maddison et al. 2014). Each row has a generator of its own, so an answer does not
    depend on what else is in the batch.
    """

    def __init__(self, draws: Sequence[Draw]) -> None:
        self.draws = draws
        self.generators = [torch.Generator().manual_seed(draw.seed) for draw in draws]

    def __call__(self, _: Tensor, scores: Tensor) -> Tensor:
        """Return [rows, vocabulary] scores whose largest entry is the drawn token."""
        size = scores.shape[1]
        noise = torch.stack([torch.rand(size, generator=own) for own in self.generators])
        # rand may be 0, and log 0 is -inf twice over: the smallest positive float stands for it.
        gumbel = -(-noise.clamp_min(torch.finfo(torch.float32).tiny).log()).log()
        rows = zip(scores.float(), self.draws, strict=True)
        kept = torch.stack([top_part(row / draw.temperature, draw.top_p) for row, draw in rows])
        return kept + gumbel.to(scores.device)


def top_part(scores: Tensor, top_p: float) -> Tensor:
    """Keep the fewest most likely tokens whose probabilities reach top_p; the others get -inf."""
    if top_p >= 1:
        return scores
    chances, order = scores.softmax(dim=0).sort(descending=True)
    late = chances.cumsum(dim=0) - chances >= top_p
    return scores.masked_fill(torch.zeros_like(late).scatter(0, order, late), -torch.inf)


def answer(
    model: Any,
    prompts: Sequence[list[int]],
    limits: Sequence[int],
    draws: Sequence[Draw] | None,
    budget: int,
    tell: Tell,
) -> list[list[int]]:
    """Return the ids each prompt is continued with, up to an end token or its limit.

    An end token is returned as its complement, ~id, so that it can be told from any other.
    Without `draws` the most likely token is taken each time. Prompts are padded on the left and
    masked; answers have no repetition penalty or other processor, whatever the model's own
    generation settings say.
    """
    answers: list[list[int]] = [[] for _ in prompts]
    lengths = [len(ids) + limit for ids, limit in zip(prompts, limits, strict=True)]
    done = 0
    for batch in batches(lengths, budget):
        chosen = [prompts[index] for index in batch]
        noise = [Noise([draws[index] for index in batch])] if draws else []
        made = _continue(model, chosen, max(limits[index] for index in batch), noise)
        for index, ids in zip(batch, made, strict=True):
            answers[index] = ids[: limits[index]]
        done += len(batch)
        tell(done, len(prompts))
    return answers


def greedy_settings(model: Any, tokenizer: Any) -> Any:
    """Return a GenerationConfig that only says where to stop: no sampling, no penalties."""
    import transformers

    config: Any = transformers.GenerationConfig
    ends = {tokenizer.eos_token_id}
    own = model.generation_config.eos_token_id
    ends |= set(own) if isinstance(own, list) else {own}
    stops = sorted(end for end in ends if end is not None)
    return config(
        do_sample=False, num_beams=1, eos_token_id=stops or None, pad_token_id=(stops or [0])[0]
    )


def _continue(
    model: Any, prompts: Sequence[list[int]], limit: int, noise: list[Noise]
) -> list[list[int]]:
    longest = max(map(len, prompts))
    pad = model.generation_config.pad_token_id
    ids = [[pad] * (longest - len(prompt)) + prompt for prompt in prompts]
    mask = [[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts]
    device = model.device
    with torch.inference_mode():
        output = model.generate(
            input_ids=torch.tensor(ids, device=device),
            attention_mask=torch.tensor(mask, device=device),
            max_new_tokens=limit,
            logits_processor=noise,
        )
    return [_until_end(row, model.generation_config) for row in output[:, longest:].tolist()]


def _until_end(ids: list[int], settings: Any) -> list[int]:
    """Cut an answer after its first end token, which is kept as its complement (below 0).

    A finished row is padded after it.
    """
    ends = set(settings.eos_token_id or ())
    stop = next((index for index, token in enumerate(ids) if token in ends), len(ids))
    return ids[:stop] + [~token for token in ids[stop : stop + 1]]
