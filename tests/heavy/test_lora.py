"""LoRA and DoRA: only adapters learn, ties hold, and the merged model is an ordinary one."""

from __future__ import annotations

import sys

import pytest
import torch
from forking import TOKENIZER, first_rows, job_in, rows, settings_of
from tiny import tiny_model
from transformers import AutoModelForCausalLM

from locale_tune.api import StageFailed
from locale_tune_training.hooks import Hooks
from locale_tune_training.loop import ready, train
from locale_tune_training.model import LossModule
from locale_tune_training.settings import TrainSettings

pytest.importorskip("peft", reason="peft is optional: pip install 'locale-tune[adapters]'")
IDS = torch.arange(3, 40)[None]


def logits(model):
    with torch.no_grad():
        return model(IDS, use_cache=False).logits


@pytest.mark.parametrize("kind", ["lora", "dora"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_it_learns_and_merges_to_the_same_logits(tmp_path, kind, dtype):
    model = tiny_model(TOKENIZER)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    seen = {}

    def look(trainer, state):
        seen["names"], seen["count"] = trainer.names, len(trainer.masters)
        if state.step == 30 and dtype == "float32":
            seen["logits"] = logits(model)
        return "go on"

    settings = settings_of("tune", adapter=kind, adapter_rank=4, lr=2e-2, dtype=dtype)
    settings = settings.model_copy(update={"checkpoint_seconds": 1e9})
    window = first_rows("tune", 2) * 30
    module = LossModule(model)
    state = train(module, iter(window), 30, settings, job_in(tmp_path), Hooks(after_step=look))
    assert state.loss < state.first_loss - 0.3
    assert all("lora_" in name for name in seen["names"])
    # seven linear layers in each of two blocks, two matrices each, and a magnitude with DoRA
    assert seen["count"] == 7 * 2 * (2 if kind == "lora" else 3)
    if dtype == "float32":
        torch.testing.assert_close(logits(model), seen["logits"], rtol=1e-4, atol=1e-5)
    after = dict(model.named_parameters())
    assert set(after) == set(before), "the adapters are gone"
    embedding = "model.embed_tokens.weight"
    assert torch.equal(after[embedding], before[embedding]), "not even rounded to bfloat16"
    assert not torch.equal(
        after["model.layers.0.mlp.up_proj.weight"], before["model.layers.0.mlp.up_proj.weight"]
    )
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight
    model.save_pretrained(tmp_path / "saved")
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "saved", use_safetensors=True)
    torch.testing.assert_close(logits(again), logits(model), rtol=0, atol=0)
    assert not list((tmp_path / "saved").glob("adapter*"))


def test_a_stopped_run_ends_in_the_same_bits(tmp_path):
    def result(folder, steps, seed):
        module = LossModule(tiny_model(TOKENIZER))
        settings = settings_of("tune", adapter="lora", adapter_rank=4, lr=1e-2)
        if steps < 6:
            hooks = Hooks(after_step=lambda _t, state: "stop" if state.step == steps else "go on")
        else:
            hooks = None
        job = job_in(tmp_path / folder)
        train(module, rows("tune"), 6, settings, job, hooks)
        return torch.cat([p.detach().flatten() for p in module.model.parameters()])

    whole = result("whole", 6, 0)
    result("b", 4, 0)  # ends early; its checkpoints stay
    assert torch.equal(result("b", 6, 1), whole)


def test_without_peft_it_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(StageFailed, match="needs peft") as caught:
        ready(LossModule(tiny_model(TOKENIZER)), TrainSettings(adapter="lora"))
    assert "locale-tune[adapters]" in caught.value.remedy
