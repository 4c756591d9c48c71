"""SSU: the columns that source text uses most are found as by hand, and never move."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from feeding import a_job, corpus_of, text
from tiny import CONTROLS, tiny_model, tiny_tokenizer
from transformers import GPT2Config, GPT2LMHeadModel

from locale_tune.api import StageFailed
from locale_tune_training import ssu
from locale_tune_training.batches import Row
from locale_tune_training.encoding import Encoder
from locale_tune_training.loop import train
from locale_tune_training.model import LossModule
from locale_tune_training.settings import InjectSettings, TrainSettings
from locale_tune_training.ssu import Shield, calibrate, calibration_rows, columns, template_ids
from locale_tune_training.trainer import Trainer

torch.set_num_threads(1)
TOKENIZER = tiny_tokenizer()


def some_rows(count=4, length=20, seed=0):
    draw = torch.Generator().manual_seed(seed)
    for _ in range(count):
        ids = torch.randint(3, 300, (length,), generator=draw)
        yield Row(ids, torch.arange(length), torch.ones(length))


def test_activations_are_means_of_squares_at_the_input():
    model = tiny_model(TOKENIZER)
    rows = list(some_rows())
    got = calibrate(LossModule(model), rows)
    seen = []
    layer = model.model.layers[1].mlp.down_proj
    handle = layer.register_forward_hook(lambda _m, inputs, _out: seen.append(inputs[0][0]))
    with torch.no_grad():
        for row in rows:
            model(input_ids=row.ids[None])
    handle.remove()
    expected = torch.cat(seen).double().square().mean(0)
    torch.testing.assert_close(got["model.layers.1.mlp.down_proj"], expected, rtol=1e-6, atol=0)


def test_the_score_is_norm_times_activation_and_the_higher_half_is_frozen():
    weight = torch.tensor([[3.0, 1.0, 0.0, 2.0, 1.0], [4.0, 0.0, 1.0, 0.0, 1.0]])
    a = torch.tensor([0.1, 9.0, 2.0, 0.1, 3.0], dtype=torch.float64)
    # norms 5, 1, 1, 2, 1.41 times a: 0.5, 9, 2, 0.2, 4.24; floor(5 / 2) = 2 columns
    assert columns(weight, a, 1).tolist() == [1, 4]
    assert columns(weight.T.contiguous(), a, 0).tolist() == [1, 4]


def all_layers_named(model):
    return {name for name, p in model.named_parameters() if p.dim() == 1 or "proj" in name}


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_frozen_parts_keep_their_bits_and_the_rest_trains(tmp_path, dtype, decay):
    model = tiny_model(TOKENIZER)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    module = LossModule(model)
    shield = Shield(module, some_rows(), template_ids(TOKENIZER))
    settings = TrainSettings(lr=1e-2, rows_per_step=1, weight_decay=decay, dtype=dtype)
    train(module, some_rows(50, seed=1), 6, settings, a_job(tmp_path), shield.hooks())
    shield.check()
    now = dict(model.named_parameters())
    frozen = {part.name.removeprefix("model."): part for part in shield.frozen}
    assert set(frozen) == all_layers_named(model) | {"model.embed_tokens.weight"}
    for name, (_, axis, which) in frozen.items():
        was, after = before[name], now[name].detach()
        assert torch.equal(was.index_select(axis, which), after.index_select(axis, which)), name
        free = [i for i in range(was.shape[axis]) if i not in set(which.tolist())]
        moved = (was != after).index_select(axis, torch.tensor(free))
        assert moved.any(), name
    assert 0.3 < shield.facts()["frozen_share"] < 0.55


def test_without_the_hook_the_check_fails(tmp_path):
    module = LossModule(tiny_model(TOKENIZER))
    shield = Shield(module, some_rows(), template_ids(TOKENIZER))
    train(module, some_rows(9), 2, TrainSettings(rows_per_step=1), a_job(tmp_path))
    with pytest.raises(StageFailed, match="have moved"):
        shield.check()


def test_weight_decay_alone_would_move_what_is_frozen(tmp_path):
    """Why shielded matrices leave weight decay: a cleared gradient is not enough."""
    module = LossModule(tiny_model(TOKENIZER))
    shield = Shield(module, some_rows(), [])
    hooks = shield.hooks()
    settings = TrainSettings(lr=1e-2, rows_per_step=1, weight_decay=0.1)

    def remember_only(trainer, _state):  # what begin does, without taking out of decay
        shield.masters = dict(zip(shield.parameters, trainer.masters, strict=True))

    half = type(hooks)(begin=remember_only, before_update=hooks.before_update)
    train(module, some_rows(9), 2, settings, a_job(tmp_path), half)
    with pytest.raises(StageFailed, match="have moved"):
        shield.check()


def test_gpt2_keeps_its_matrices_transposed():
    torch.manual_seed(0)
    shape = {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 64, "vocab_size": 320}
    model = GPT2LMHeadModel(GPT2Config(**shape, bos_token_id=0, eos_token_id=0))
    shield = Shield(LossModule(model), some_rows(), [1, 2])
    by_name = {part.name.removeprefix("model."): part for part in shield.frozen}
    _, axis, which = by_name["transformer.h.0.mlp.c_fc.weight"]
    assert (axis, len(which)) == (0, 8)
    assert "transformer.wpe.weight" not in by_name, "positions are a table, and train"
    assert by_name["transformer.wte.weight"].which.tolist() == [1, 2]


NO_SYSTEM = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no') }}{% endif %}"
DEFAULT = "{% if messages[0]['role'] != 'system' %}{{ 'You are helpful.' }}{% endif %}"


@pytest.mark.parametrize("start", ["", NO_SYSTEM, DEFAULT])
def test_the_template_is_its_literal_text_and_the_controls(start):
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = start + tokenizer.chat_template
    got = set(template_ids(tokenizer))
    assert {*tokenizer.convert_tokens_to_ids(CONTROLS), *tokenizer("user\n")["input_ids"]} <= got
    assert set(tokenizer("assistant\n")["input_ids"]) <= got
    assert not got & set(tokenizer("Yhp")["input_ids"]), "a default system prompt is plain text"


def test_adapters_and_ssu_exclude_each_other():
    module = LossModule(tiny_model(TOKENIZER))
    next(module.parameters()).requires_grad_(False)
    with pytest.raises(StageFailed, match="trains in full"):
        Shield(module, some_rows(), [])


def test_calibration_takes_replay_else_lessons_of_other_languages(tmp_path):
    encoder = Encoder(TOKENIZER)
    job = a_job(tmp_path, InjectSettings(protect_samples=3), corpus=corpus_of(tmp_path))
    found = calibration_rows(job, encoder)
    assert (len(found.rows), found.text) == (3, "replay")
    assert found.rows[0].ids.tolist() == calibration_rows(job, encoder).rows[0].ids.tolist()
    bare = a_job(tmp_path / "b", InjectSettings(), corpus=corpus_of(tmp_path / "b", replay=()))
    with pytest.raises(StageFailed, match="base's own languages"):
        calibration_rows(bare, encoder)
    long = corpus_of(tmp_path / "c", replay=[text("en", "word " * 3000)])
    assert len(calibration_rows(a_job(tmp_path / "c", InjectSettings(), corpus=long), encoder)
               .rows[0].ids) == ssu.LONGEST  # fmt: skip


def test_a_shield_of_other_weights_is_refused_on_resuming():
    module = LossModule(tiny_model(TOKENIZER))
    shields = [Shield(module, some_rows(seed=seed), []) for seed in (0, 0, 1)]
    assert shields[0].chosen() == shields[1].chosen() != shields[2].chosen()
    state = SimpleNamespace(kept={})
    trainer = Trainer(module, TrainSettings(), torch.float32)
    shields[0].hooks().begin(trainer, state)
    shields[1].hooks().begin(trainer, state)
    with pytest.raises(StageFailed, match="other weights"):
        shields[2].hooks().begin(trainer, state)
