"""Tiny Llamas with a tiny byte-level BPE: real models in kilobytes, made in the test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from locale_tune_assess.models import LocalModel, Shelf
from locale_tune_assess.settings import AssessSettings

WORDS = ["il lai è blau", "la chasa gronda", "nus chantain ensemen", "the lake is blue", "خليجي"]
TEMPLATE = (
    "{% for m in messages %}{{ '<|' + m['role'] + '|>' + m['content'] + '<|end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Use one thread: sums in the same order on every machine, and no fight over cores."""
    torch.set_num_threads(1)


def byte_tokenizer(size: int = 320, bos: bool = True) -> Any:
    """Train a byte-level BPE that can spell anything."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|begin|>", "<|end|>", "<|user|>", "<|assistant|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(WORDS * 20, trainer)
    more = {"bos_token": "<|begin|>"} if bos else {}
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|end|>", pad_token="<|end|>", **more
    )


@pytest.fixture(scope="session")
def save_model() -> Callable[..., Path]:
    """Return a maker: save_model(folder, seed=0, uniform=False, bos=True, **config)."""

    def save(
        folder: Path,
        seed: int = 0,
        uniform: bool = False,
        bos: bool = True,
        template: str = TEMPLATE,
        **config: Any,
    ) -> Path:
        tokenizer = byte_tokenizer(bos=bos)
        tokenizer.chat_template = template
        torch.manual_seed(seed)
        settings = {
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "max_position_embeddings": 256,
            "initializer_range": 0.3,
            "tie_word_embeddings": False,
        }
        model = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=len(tokenizer),
                bos_token_id=tokenizer.bos_token_id,
                eos_token_id=tokenizer.eos_token_id,
                **{**settings, **config},
            )
        )
        if uniform:
            torch.nn.init.zeros_(model.lm_head.weight)
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return folder

    return save


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory, save_model: Any) -> dict[str, Path]:
    """Return folders of two different models and of one that knows nothing."""
    root = tmp_path_factory.mktemp("models")
    return {
        "base": save_model(root / "base", seed=0),
        "other": save_model(root / "other", seed=1),
        "uniform": save_model(root / "uniform", uniform=True),
    }


@pytest.fixture
def open_model() -> Callable[..., LocalModel]:
    """Return a maker of handles: open_model(folder, window=..., batch_tokens=...)."""

    def make(folder: Path, shelf: Shelf | None = None, **settings: Any) -> LocalModel:
        return LocalModel("before", folder, AssessSettings(**settings), shelf or Shelf(1 << 40))

    return make
