"""A model on this machine: answers drawn in batches, the same for a seed."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import torch
from jinja2 import TemplateError
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from locale_tune.api import Machine, Message
from locale_tune_curation.teacher import Answer, Prompt, Row, Sampling

DTYPES = {"bfloat16": torch.bfloat16, "float32": torch.float32}
Read = tuple[list[int], int]  # the ids of a prompt, and the seed of its answer


class LocalModel:
    """A transformers model folder, or a GGUF file, loaded at the first question."""

    def __init__(self, path: Path, name: str, machine: Machine, batch: int = 16) -> None:
        self.name, self.batch = name, batch
        self._path, self._machine = path, machine
        self._model: Any = None
        self._tokenizer: Any = None

    def answer(self, rows: Sequence[Row], sampling: Sampling) -> list[Answer]:
        """Return the answer to each row; a prompt longer than the model reads gets an empty one.

        Batches go from long prompts to short ones, so that what does not fit shows at once.
        """
        self._load()
        read = [(self._ids(row.prompt), row.seed) for row in rows]
        answers = [Answer("", False)] * len(rows)
        room = getattr(self._model.config, "max_position_embeddings", None) or 1 << 30
        order = [i for i in range(len(rows)) if len(read[i][0]) + sampling.tokens <= room]
        order.sort(key=lambda i: -len(read[i][0]))
        for start in range(0, len(order), self.batch):
            chosen = order[start : start + self.batch]
            made = self._continue([read[i] for i in chosen], sampling)
            for i, answer in zip(chosen, made, strict=True):
                answers[i] = answer
        return answers

    def close(self) -> None:
        """Drop the model, and give the memory of a GPU back."""
        self._model = self._tokenizer = None
        gc.collect()
        if self._machine.device.startswith("cuda"):
            torch.cuda.empty_cache()

    def _load(self) -> None:
        if self._model is not None:
            return
        torch.set_num_threads(self._machine.threads)
        gguf = self._path.suffix == ".gguf"
        folder = self._path.parent if gguf else self._path
        how: dict[str, Any] = {"trust_remote_code": False, "local_files_only": True}
        how |= {"gguf_file": self._path.name} if gguf else {}
        self._tokenizer = AutoTokenizer.from_pretrained(folder, **how)
        how |= {} if gguf else {"use_safetensors": True}
        dtype = DTYPES[self._machine.dtype]
        model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, **how)
        self._model = model.to(self._machine.device).eval()
        ends = self._ends()
        self._model.generation_config = GenerationConfig(
            do_sample=False,
            num_beams=1,
            eos_token_id=ends or None,
            pad_token_id=(ends or [0])[0],
        )

    def _ends(self) -> list[int]:
        own = self._model.generation_config.eos_token_id
        ends = {self._tokenizer.eos_token_id, *(own if isinstance(own, list) else [own])}
        return sorted(end for end in ends if end is not None)

    def _ids(self, prompt: Prompt) -> list[int]:
        """Return the ids of a chat up to where the answer begins."""
        tokenizer = self._tokenizer
        if tokenizer.chat_template:
            return list(tokenizer.encode(self._rendered(prompt), add_special_tokens=False))
        return list(tokenizer.encode("".join(f"{m.content}\n\n" for m in prompt)))

    def _rendered(self, prompt: Prompt) -> str:
        for messages in (prompt, _without_system(prompt)):
            chat = [message.model_dump() for message in messages]
            try:
                return str(
                    self._tokenizer.apply_chat_template(
                        chat, tokenize=False, add_generation_prompt=True
                    )
                )
            except TemplateError:  # several models know no system turn
                if prompt[0].role != "system" or messages is not prompt:
                    raise
        raise AssertionError("the second rendering returns or raises")

    def _continue(self, rows: Sequence[Read], sampling: Sampling) -> list[Answer]:
        longest = max(len(ids) for ids, _ in rows)
        pad = self._model.generation_config.pad_token_id
        ids = [[pad] * (longest - len(prompt)) + prompt for prompt, _ in rows]
        mask = [[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt, _ in rows]
        device = self._model.device
        with torch.inference_mode():
            output = self._model.generate(
                input_ids=torch.tensor(ids, device=device),
                attention_mask=torch.tensor(mask, device=device),
                max_new_tokens=sampling.tokens,
                logits_processor=[Draw([seed for _, seed in rows], longest, sampling)],
            )
        return [self._answer(row) for row in output[:, longest:].tolist()]

    def _answer(self, ids: list[int]) -> Answer:
        ends = set(self._model.generation_config.eos_token_id or ())
        stop = next((index for index, token in enumerate(ids) if token in ends), None)
        text = self._tokenizer.decode(ids[:stop], skip_special_tokens=True)
        return Answer(text.strip(), stop is not None)


class Draw:
    """Draw each row's next token with random numbers of its own, and leave no other choice.

    Nucleus sampling (Holtzman et al. 2020): of the tokens by chance, the first whose chances sum
    to `top_p`. One uniform number u picks where u falls in their cumulated chances, so a row
    costs one random number a token, and what is drawn does not depend on the rows beside it.
    """

    def __init__(self, seeds: Sequence[int], prompt: int, sampling: Sampling) -> None:
        self._draws = [Random(seed) for seed in seeds]
        self._prompt, self._sampling = prompt, sampling

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Return scores [rows, vocabulary] that leave one token: `generate` takes the best."""
        temperature, top_p, penalty, _ = self._sampling
        scores = scores.float()
        if penalty:
            said = torch.zeros_like(scores, dtype=torch.bool)
            said.scatter_(1, input_ids[:, self._prompt :], True)
            scores = scores - penalty * said
        if not temperature:
            return scores
        chances, order = (
            (scores / temperature).softmax(-1).sort(dim=-1, descending=True, stable=True)
        )
        sums = chances.cumsum(-1)
        kept = (sums - chances < top_p).sum(-1, keepdim=True)
        mass = sums.gather(1, kept - 1)
        uniform = torch.tensor([[draw.random()] for draw in self._draws], device=scores.device)
        place = (sums <= uniform * mass).sum(-1, keepdim=True).minimum(kept - 1)
        chosen = order.gather(1, place)
        return torch.full_like(scores, -torch.inf).scatter(1, chosen, 0.0)


def _without_system(prompt: Prompt) -> list[Message]:
    """Return a chat whose system turn stands at the start of the first question."""
    first, *rest = prompt
    if first.role != "system" or not rest:
        return list(prompt)
    asked = rest[0].model_copy(update={"content": f"{first.content}\n\n{rest[0].content}"})
    return [asked, *rest[1:]]
