"""Which claims a model judges rightly when nobody gives an opinion."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from locale_tune.api import Machine
from locale_tune_curation.counter_premise import Claim, bare
from locale_tune_curation.premise_phrases import PremisePhrases


def judged(
    claimed: Iterable[Claim], phrases: PremisePhrases, folder: Path, machine: Machine, seed: int
) -> Iterator[Claim]:
    """Yield the claims whose right option the model finds likelier than the wrong one.

    Wei et al. 2023 keep only these: what a model cannot judge teaches it to guess. Both options
    are scored after the question through the chat template, by their mean log-likelihood a token.
    """
    torch.set_num_threads(machine.threads)
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    model: Any = AutoModelForCausalLM.from_pretrained(
        folder, use_safetensors=True, trust_remote_code=False, dtype=torch.float32
    )
    model = model.to(machine.device).eval()
    for claim in claimed:
        question, (right, wrong) = bare(claim, phrases, seed)
        before = _ids(tokenizer, question)
        with torch.inference_mode():
            likely = [_likelihood(model, before, _text_ids(tokenizer, x)) for x in (right, wrong)]
        if likely[0] > likely[1]:
            yield claim


def _ids(tokenizer: Any, question: str) -> list[int]:
    turn = [{"role": "user", "content": question}]
    text = tokenizer.apply_chat_template(turn, tokenize=False, add_generation_prompt=True)
    return _text_ids(tokenizer, text)


def _text_ids(tokenizer: Any, text: str) -> list[int]:
    return list(tokenizer.encode(text, add_special_tokens=False))


def _likelihood(model: Any, before: list[int], answer: list[int]) -> float:
    ids = torch.tensor([[*before, *answer]], device=model.device)
    logits = model(ids, use_cache=False, logits_to_keep=len(answer) + 1).logits[0, :-1].float()
    targets = torch.tensor(answer, device=model.device)
    return -float(torch.nn.functional.cross_entropy(logits, targets))
