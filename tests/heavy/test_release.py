"""A released model loads in Transformers as it lies, and the model card's code runs."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from release_support import example
from tiny import TEMPLATE, save_tiny
from transformers import AutoModelForCausalLM, AutoTokenizer

from locale_tune.api import Job, read_json
from locale_tune_release import run_release

TEXTS = ["شلونك اليوم يا خوي", "The people of the valley", "Bun di, co vai?"]


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> tuple[Job, Path]:
    torch.set_num_threads(1)
    job = example(tmp_path_factory.mktemp("release")).job()
    for made_by_hand in job.inputs["model"].path.iterdir():
        made_by_hand.unlink()
    save_tiny(job.inputs["model"].path)
    run_release(job)
    return job, job.out / "model"


def test_it_loads_with_the_same_weights_and_ids(released: tuple[Job, Path]) -> None:
    job, folder = released
    before = AutoModelForCausalLM.from_pretrained(job.inputs["model"].path)
    after = AutoModelForCausalLM.from_pretrained(folder)
    for name, weight in before.state_dict().items():
        assert torch.equal(weight, after.state_dict()[name]), name
    old = AutoTokenizer.from_pretrained(job.inputs["model"].path)
    new = AutoTokenizer.from_pretrained(folder)
    assert [old(t).input_ids for t in TEXTS] == [new(t).input_ids for t in TEXTS]
    assert new.chat_template == TEMPLATE


def test_it_decodes_greedily_and_knows_where_a_turn_ends(released: tuple[Job, Path]) -> None:
    model = AutoModelForCausalLM.from_pretrained(released[1])
    assert model.generation_config.do_sample is False
    tokenizer = AutoTokenizer.from_pretrained(released[1])
    assert model.generation_config.eos_token_id == tokenizer.convert_tokens_to_ids("<|im_end|>")
    assert model.generation_config.pad_token_id == tokenizer.pad_token_id


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
