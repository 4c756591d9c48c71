"""Talk to a model folder. The only module of the host that touches torch, and only when used."""

from __future__ import annotations

from pathlib import Path
from typing import Any


class Talker:
    """One loaded model that answers, greedily, so that the same question gets the same answer."""

    def __init__(self, name: str, folder: Path) -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        self.name = name
        self.tokenizer: Any = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        self.model: Any = AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float32, use_safetensors=True, trust_remote_code=False
        )
        self.model.eval()

    def answer(self, question: str, max_new_tokens: int) -> str:
        """Return the model's answer to one question, rendered through its chat template."""
        import torch

        ids = self.prompt_ids(question)
        with torch.inference_mode():
            out = self.model.generate(
                torch.tensor([ids]),
                attention_mask=torch.ones(1, len(ids), dtype=torch.long),
                max_new_tokens=max_new_tokens,
                do_sample=False,
                pad_token_id=self.tokenizer.pad_token_id,
            )
        return str(self.tokenizer.decode(out[0, len(ids) :], skip_special_tokens=True)).strip()

    def prompt_ids(self, question: str) -> list[int]:
        """Return the ids of a question; a base model without a template just continues it."""
        if self.tokenizer.chat_template is None:
            return list(self.tokenizer(question + "\n")["input_ids"])
        turns = [{"role": "user", "content": question}]
        rendered = self.tokenizer.apply_chat_template(
            turns, add_generation_prompt=True, tokenize=True, return_dict=True
        )
        return list(rendered["input_ids"])
