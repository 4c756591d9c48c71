"""Answer a leading question as if it had been asked neutrally: LQCD inside `generate`.

Usable with any causal model of transformers, also with one that this project never saw:

    processor = Neutral(model, leading=[ids], neutral=[rewritten])
    model.generate(..., logits_processor=[processor])

The formula, and what is known about it, stand in `contrast`. It costs a second pass for each token,
over a cache of its own; where the rewrite is the prompt itself there is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache, LogitsProcessor

from locale_tune.api import LocaleTuneError

from .contrast import ALPHA, BETA, contrasted, implausible

Ids = Sequence[int]


class Neutral(LogitsProcessor):
    """Combine the scores after the prompt with those after its neutral rewrite.

    `leading` are the prompts that are given to `generate`, unpadded, `neutral` their rewrites, row
    by row. Rows that are equal keep their scores. One token a step: greedy or drawn, no beams.
    Stand it first among processors: it expects the model's own scores.
    """

    def __init__(
        self,
        model: Any,
        leading: Sequence[Ids],
        neutral: Sequence[Ids],
        alpha: float = ALPHA,
        beta: float = BETA,
    ) -> None:
        """Raise ValueError unless there are as many rewrites as prompts."""
        pairs = zip(leading, neutral, strict=True)
        self.rows = [row for row, (led, plain) in enumerate(pairs) if list(led) != list(plain)]
        self.model, self.alpha, self.beta = model, alpha, beta
        self.prompts, self.count = [list(neutral[row]) for row in self.rows], len(leading)
        self.length = 0  # of what `generate` had read at the last step
        self.cache: Any = None
        self.mask = torch.empty(0)

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Return scores [rows, vocabulary] without what the leading prompt adds."""
        if len(input_ids) != self.count:
            raise LocaleTuneError(
                f"{self.count} prompts were announced and generate holds {len(input_ids)} rows",
                "give as many rewrites as prompts, and use neither beams nor several sequences",
            )
        if not self.rows:
            return scores
        went_on = self.cache is not None and input_ids.shape[1] == self.length + 1
        plain = self._next(input_ids[self.rows, -1:]) if went_on else self._first(scores.device)
        self.length = input_ids.shape[1]
        plain, led = plain.to(scores.dtype), scores[self.rows]
        cut = implausible(plain, plain.max(dim=-1, keepdim=True).values, self.beta)
        combined = contrasted(plain, led, self.alpha).masked_fill(cut, -torch.inf)
        return scores.index_copy(0, torch.tensor(self.rows, device=scores.device), combined)

    def _first(self, device: torch.device) -> Tensor:
        """Read the rewrites; return the scores of what may follow them."""
        longest = max(map(len, self.prompts))
        holes = [longest - len(ids) for ids in self.prompts]
        ids = [[0] * hole + prompt for hole, prompt in zip(holes, self.prompts, strict=True)]
        mask = [[0] * hole + [1] * (longest - hole) for hole in holes]
        self.mask = torch.tensor(mask, device=device)
        self.cache = DynamicCache(config=self.model.config)
        return self._read(torch.tensor(ids, device=device))

    def _next(self, ids: Tensor) -> Tensor:
        """Read the token that was chosen for both contexts."""
        self.mask = torch.cat([self.mask, self.mask.new_ones(len(ids), 1)], dim=1)
        return self._read(ids)

    def _read(self, ids: Tensor) -> Tensor:
        positions = (self.mask.cumsum(dim=1) - 1).clamp(min=0)[:, -ids.shape[1] :]
        with torch.inference_mode():
            output = self.model(
                input_ids=ids,
                attention_mask=self.mask,
                position_ids=positions,
                past_key_values=self.cache,
                use_cache=True,
                logits_to_keep=1,
            )
        logits: Tensor = output.logits[:, -1].float()
        return logits


def neutralised(
    model: Any,
    tokenizer: Any,
    question: str,
    neutral: str,
    max_new_tokens: int = 80,
    alpha: float = ALPHA,
    beta: float = BETA,
) -> str:
    """Return the greedy answer to a question, contrasted with its neutral rewrite.

    Both are user messages in the model's own chat template.
    """
    led, plain = (
        tokenizer.apply_chat_template(
            [{"role": "user", "content": text}],
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
        )["input_ids"]
        for text in (question, neutral)
    )
    prompt = torch.tensor([led], device=model.device)
    output = model.generate(
        prompt,
        attention_mask=torch.ones_like(prompt),
        max_new_tokens=max_new_tokens,
        do_sample=False,
        pad_token_id=tokenizer.pad_token_id,
        logits_processor=[Neutral(model, [led], [plain], alpha, beta)],
    )
    return str(tokenizer.decode(output[0, len(led) :], skip_special_tokens=True)).strip()
