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

    `leading` are the prompts that are given to `generate`, padded on the left, `neutral` their
    rewrites, row by row, both without padding. Rows that are equal keep their scores. No beams.
    What `generate` forbids before it comes here stays forbidden. What it rescales would be rescaled
    on one side only: give it `repetition_penalty=1.0` if the model's own settings have another.
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
        self.leading = [list(led) for led in leading]
        self.prompts = [list(neutral[row]) for row in self.rows]
        self.start = self.said = torch.empty(0, 0)  # what generate began with; what is read of it
        self.cache: Any = None
        self.mask = torch.empty(0)

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Return scores [rows, vocabulary] without what the leading prompt adds."""
        if len(input_ids) != len(self.leading):
            raise LocaleTuneError(
                f"{len(self.leading)} prompts were announced and generate holds {len(input_ids)} "
                "rows",
                "give as many rewrites as prompts, and use neither beams nor several sequences",
            )
        if not self.rows:
            return scores
        led = scores[self.rows]
        forbidden = led.isneginf()  # by a processor before this one, such as for a least length
        plain = self._plain(input_ids).to(scores.dtype).masked_fill(forbidden, -torch.inf)
        cut = implausible(plain, plain.max(dim=-1, keepdim=True).values, self.beta)
        combined = contrasted(plain, led, self.alpha).masked_fill(cut, -torch.inf)
        return scores.index_copy(0, torch.tensor(self.rows, device=scores.device), combined)

    def _plain(self, input_ids: Tensor) -> Tensor:
        """Return the scores after the rewrites and what was said since, reading as little anew."""
        width = self.start.shape[1]
        if input_ids.shape[1] <= width or not torch.equal(input_ids[:, :width], self.start):
            self._begin(input_ids)
            width = input_ids.shape[1]
        said, read = input_ids[self.rows, width:], self.said
        self.said = said
        grown = said.shape[1] == read.shape[1] + 1 and torch.equal(said[:, :-1], read)
        if grown and self.cache is not None:
            self.mask = torch.cat([self.mask, self.mask.new_ones(len(said), 1)], dim=1)
            return self._read(said[:, -1:])
        return self._first(said)

    def _begin(self, input_ids: Tensor) -> None:
        """Remember the prompts of a call of `generate`."""
        ends = [row[-len(led) :] for row, led in zip(input_ids.tolist(), self.leading, strict=True)]
        if ends != self.leading:
            raise LocaleTuneError(
                "generate holds other prompts than were announced",
                "give 'leading' row by row as generate gets them, without the padding on the left",
            )
        self.start, self.cache = input_ids, None

    def _first(self, said: Tensor) -> Tensor:
        """Read the rewrites and what was said; return the scores of what may follow."""
        longest = max(map(len, self.prompts))
        holes = [longest - len(ids) for ids in self.prompts]
        ids = [[0] * hole + prompt for hole, prompt in zip(holes, self.prompts, strict=True)]
        mask = [[0] * hole + [1] * (longest - hole) for hole in holes]
        self.mask = torch.cat(
            [torch.tensor(mask, device=said.device), torch.ones_like(said)], dim=1
        )
        self.cache = DynamicCache(config=self.model.config)
        return self._read(torch.cat([torch.tensor(ids, device=said.device), said], dim=1))

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
        self.cache = getattr(output, "past_key_values", None)  # Mamba keeps another: read all anew
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
        repetition_penalty=1.0,  # a model's own one would change the leading side alone
        pad_token_id=tokenizer.pad_token_id,
        logits_processor=[Neutral(model, [led], [plain], alpha, beta)],
    )
    return str(tokenizer.decode(output[0, len(led) :], skip_special_tokens=True)).strip()
