"""A released model loads in Transformers as it lies, and the model card's code runs."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from release_support import CHATML, example
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from locale_tune.api import Job, read_json
from locale_tune_release import run_release

SPECIAL = ["<|end|>", "<|im_start|>", "<|im_end|>"]
TEXT = ["شلونك اليوم يا خوي", "user assistant system", "Bun di, co vai?"]


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> tuple[Job, Path]:
    torch.set_num_threads(1)
    job = example(tmp_path_factory.mktemp("release")).job()
    write_tiny_model(job.inputs["model"].path)
    run_release(job)
    return job, job.out / "model"


def write_tiny_model(folder: Path) -> None:
    """Write a Llama of two layers with a byte-level tokenizer into a folder."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=SPECIAL, initial_alphabet=alphabet)
    tokenizer.train_from_iterator(TEXT, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<|im_start|>", eos_token="<|end|>"
    )
    fast.chat_template = CHATML
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(fast),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=256,
        bos_token_id=1,
        eos_token_id=0,
        tie_word_embeddings=True,
    )
    for old in folder.iterdir():
        old.unlink()
    LlamaForCausalLM(config).save_pretrained(folder)
    fast.save_pretrained(folder)


def test_it_loads_with_the_same_weights_and_ids(released: tuple[Job, Path]) -> None:
    job, folder = released
    before = AutoModelForCausalLM.from_pretrained(job.inputs["model"].path)
    after = AutoModelForCausalLM.from_pretrained(folder)
    for name, weight in before.state_dict().items():
        assert torch.equal(weight, after.state_dict()[name]), name
    old = AutoTokenizer.from_pretrained(job.inputs["model"].path)
    new = AutoTokenizer.from_pretrained(folder)
    assert [old(t).input_ids for t in TEXT] == [new(t).input_ids for t in TEXT]
    assert new.chat_template == CHATML


def test_it_decodes_greedily_and_knows_where_a_turn_ends(released: tuple[Job, Path]) -> None:
    model = AutoModelForCausalLM.from_pretrained(released[1])
    assert model.generation_config.do_sample is False
    assert model.generation_config.eos_token_id == [0, 2]
    assert model.generation_config.pad_token_id is not None
    assert model.config.name_or_path == str(released[1])


def test_the_cards_code_runs(
    released: tuple[Job, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    card = (released[1] / "README.md").read_text(encoding="utf-8")
    code = card.split("```python\n")[1].split("\n```")[0].replace("=200", "=5")
    exec(compile(code, "README.md", "exec"), {"folder": str(released[1])})
    assert capsys.readouterr().out


def test_the_counted_parameters_are_the_models(released: tuple[Job, Path]) -> None:
    model = AutoModelForCausalLM.from_pretrained(released[1])
    told = read_json(released[0].out / "report.json")["model"]["parameters"]
    assert told == sum(weight.numel() for weight in model.parameters())
