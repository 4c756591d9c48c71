"""Make the base model ready once: plain float weights, safetensors, its own tokenizer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from tokenizers import pre_tokenizers
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from locale_tune.api import Job, StageFailed


def run(job: Job) -> Mapping[str, Any]:
    """Write the base model into `job.out`; a GGUF file is de-quantised to float32."""
    path = job.base_path
    if path is None:
        raise StageFailed("the base model is not on this machine", "locale-tune doctor PACK")
    job.progress(0, 1, "loading the base model")
    model, tokenizer = _from_gguf(path) if path.suffix == ".gguf" else _from_folder(path)
    model.generation_config = _generation(model, tokenizer)
    model.save_pretrained(job.out)
    tokenizer.save_pretrained(job.out)
    count = sum(parameter.numel() for parameter in model.parameters())
    return {
        "name": model.config._name_or_path or path.name,
        "parameters": count,
        "vocabulary": len(tokenizer),
        "tied": bool(model.config.tie_word_embeddings),
        "line": f"{count / 1e6:,.1f} M parameters, {len(tokenizer):,} tokens",
    }


def _from_gguf(path: Path) -> tuple[Any, Any]:
    folder, name = path.parent, path.name
    loaded = AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype=torch.float32)
    # The loaded model still says it is quantised, which trainers refuse: copy it.
    settings = {k: v for k, v in loaded.config.to_dict().items() if k != "quantization_config"}
    config = type(loaded.config)(**settings)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    model.load_state_dict(loaded.state_dict())
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=name)
    _repair_pre_tokenizer(tokenizer, _gguf_pre(path))
    return model, tokenizer


def _from_folder(path: Path) -> tuple[Any, Any]:
    names = ("config.json", "tokenizer_config.json")
    found = [path / name for name in names if (path / name).exists()]
    configs = [json.loads(file.read_text(encoding="utf-8")) for file in found]
    if any("auto_map" in c or "/" in str(c.get("_attn_implementation", "")) for c in configs):
        raise StageFailed(
            f"{path.name} asks to run its own code (auto_map)",
            "choose a base model whose architecture transformers knows",
        )
    AutoConfig.from_pretrained(
        path, trust_remote_code=False
    )  # an unknown architecture fails here, before the weights load
    model = AutoModelForCausalLM.from_pretrained(
        path, use_safetensors=True, dtype="auto", trust_remote_code=False
    )
    return model, AutoTokenizer.from_pretrained(path, trust_remote_code=False)


def _gguf_pre(path: Path) -> str:
    """Return the name of the pre-tokenizer that a GGUF file states."""
    from gguf import GGUFReader

    field = GGUFReader(path).fields.get("tokenizer.ggml.pre")
    return str(field.contents()) if field else ""


def _repair_pre_tokenizer(tokenizer: Any, pre: str) -> None:
    """Put back what the conversion from GGUF loses: `smollm` splits digits before the GPT-2 rule.

    Without it continued BPE learns tokens such as "00", which other runtimes never form.
    """
    if pre == "smollm":
        digits = pre_tokenizers.Digits(individual_digits=True)
        rest = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
        tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, rest])


def _generation(model: Any, tokenizer: Any) -> GenerationConfig:
    """Answer greedily unless told otherwise, and stop where the chat template ends a turn."""
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    return GenerationConfig(
        bos_token_id=model.config.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=pad,
        do_sample=False,
    )
