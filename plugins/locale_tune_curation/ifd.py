"""Instruction-following difficulty: how little the question helps a model to say the answer.

Li et al. 2023 (arXiv:2308.12032): the mean loss of the answer after the question, over that of the
answer alone. Near 1, the question did not help and the lesson teaches; far below, the model knew.
Above 1 the answer does not fit the question: such lessons get 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForCausalLM, AutoTokenizer

from locale_tune.api import Record
from locale_tune_curation.encoder import folder_of

TOKENS = 1024


def difficulty(records: Sequence[Record], name: str) -> NDArray[np.float64]:
    """Return the difficulty of the last answer of each lesson, [lessons], 0 where it exceeds 1.

    `name` is the folder of a language model, or `hub:organisation/model@COMMIT`.
    """
    folder = folder_of(name)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model: Any = AutoModelForCausalLM.from_pretrained(
        folder, use_safetensors=True, dtype=torch.float32
    )
    model.eval()
    with torch.inference_mode():
        found = np.array([_difficulty(record, tokenizer, model) for record in records])
    return np.where(found <= 1, found, 0.0)


def _difficulty(record: Record, tokenizer: Any, model: Any) -> float:
    *before, last = [message.model_dump() for message in record.messages]
    prompt = tokenizer.apply_chat_template(before, tokenize=False, add_generation_prompt=True)
    answer = tokenizer.encode(last["content"], add_special_tokens=False)[: TOKENS // 2]
    asked = tokenizer.encode(prompt, add_special_tokens=False)[-(TOKENS - len(answer)) :]
    alone = [tokenizer.bos_token_id or tokenizer.eos_token_id]
    if not answer:
        return 0.0
    return _loss(model, asked, answer) / max(_loss(model, alone, answer), 1e-9)


def _loss(model: Any, before: list[int], answer: list[int]) -> float:
    """Return the mean loss of the answer's tokens, in nats."""
    ids = torch.tensor([[*before, *answer]])
    logits = model(ids, use_cache=False, logits_to_keep=len(answer) + 1).logits[0, :-1]
    return float(torch.nn.functional.cross_entropy(logits.float(), torch.tensor(answer)))
