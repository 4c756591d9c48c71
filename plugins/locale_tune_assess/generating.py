"""Greedy answers of a causal model to batches of prompts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from .scoring import Tell
from .windows import batches


def greedy(
    model: Any, prompts: Sequence[list[int]], limits: Sequence[int], budget: int, tell: Tell
) -> list[list[int]]:
    """Return the ids each prompt is continued with, up to an end token or its limit.

    Prompts are padded on the left and masked; answers have no repetition penalty or other
    processor, whatever the model's own generation settings say.
    """
    answers: list[list[int]] = [[] for _ in prompts]
    lengths = [len(ids) + limit for ids, limit in zip(prompts, limits, strict=True)]
    done = 0
    for batch in batches(lengths, budget):
        chosen = [prompts[index] for index in batch]
        made = _continue(model, chosen, max(limits[index] for index in batch))
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


def _continue(model: Any, prompts: Sequence[list[int]], limit: int) -> list[list[int]]:
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
        )
    return [_until_end(row, model.generation_config) for row in output[:, longest:].tolist()]


def _until_end(ids: list[int], settings: Any) -> list[int]:
    """Cut an answer at its first end token; a finished row is padded after it."""
    ends = set(settings.eos_token_id or ())
    stop = next((index for index, token in enumerate(ids) if token in ends), len(ids))
    return ids[:stop]
