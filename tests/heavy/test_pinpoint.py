"""Pinpoint tuning: the head that copies the user's answer is found, and nothing else moves."""

from __future__ import annotations

import json
import os
import signal
from types import SimpleNamespace

import pytest
import torch
from feeding import a_job, lesson, lessons_of
from tiny import save_tiny, tiny_model, tiny_tokenizer
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
)

from locale_tune.api import StageFailed, Stopped
from locale_tune_training import heads as finding
from locale_tune_training import pinpoint
from locale_tune_training.batches import Row
from locale_tune_training.encoding import Encoder
from locale_tune_training.heads import Pair, Probe, attribution, find, replaced
from locale_tune_training.loop import train
from locale_tune_training.model import LossModule
from locale_tune_training.pinpoint import Pinpoint, pair_of, pinpoint_of, slices_of
from locale_tune_training.settings import TrainSettings, TuneSettings
from locale_tune_training.tune import run

torch.set_num_threads(1)
TOKENIZER = tiny_tokenizer()
ASK, SAYS_A, SAYS_B, END, IS_A, IS_B = 1, 2, 3, 4, 5, 6


def copying_model(noise: float = 0.0) -> LlamaForCausalLM:
    """Make a layer of two heads: head 0 answers what the user said, head 1 does something else.

    Tokens are one-hot. Both heads look from any place to where the user says A or B; head 0 writes
    "it is A" or "it is B", head 1 writes END. Positions turn the key's dimension hardly at all.
    """
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=8, hidden_size=16, intermediate_size=8, num_hidden_layers=1,
        num_attention_heads=2, num_key_value_heads=2, head_dim=8, tie_word_embeddings=False,
        max_position_embeddings=64, rope_theta=1e6, bos_token_id=None, eos_token_id=0,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(noise * torch.randn_like(parameter) if parameter.dim() == 2
                            else torch.ones_like(parameter))  # fmt: skip
            assert name
        model.model.embed_tokens.weight += torch.eye(8, 16)
        model.lm_head.weight += torch.eye(8, 16)
        attention = model.model.layers[0].self_attn
        for head in (0, 1):
            start = 8 * head
            attention.q_proj.weight[start + 3, :8] += 4
            attention.k_proj.weight[start + 3, [SAYS_A, SAYS_B]] += 4
            attention.v_proj.weight[start, SAYS_A] += 1
            attention.v_proj.weight[start + 1, SAYS_B] += 1
        attention.o_proj.weight[IS_A, 0] += 1
        attention.o_proj.weight[IS_B, 1] += 1
        attention.o_proj.weight[END, 8] += 1
        attention.o_proj.weight[END, 9] += 1
    return model


EVERY = [(layer, head) for layer in range(2) for head in range(4)]
TOY = [
    Pair(led=[ASK, SAYS_A, END], freed=[ASK, SAYS_B, END], wrong=IS_A, right=IS_B, lang="rm"),
    Pair(led=[ASK, ASK, SAYS_B, END], freed=[ASK, SAYS_A, END], wrong=IS_B, right=IS_A, lang="en"),
] * 5


@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_the_head_that_copies_the_users_answer_is_found(noise) -> None:
    model = copying_model(noise)
    found = find(model, TOY, 0.5)
    assert found.heads == [(0, 0)]
    assert found.effects[0] < -1
    assert (found.pairs, found.flips) == (10, 10)
    assert found.overlap == {"en rm": 1.0}
    assert model.training, "as it was"


def test_putting_in_what_was_there_has_no_effect() -> None:
    same = [pair._replace(freed=pair.led) for pair in TOY]
    probe = Probe(tiny_model(TOKENIZER, initializer_range=0.3).eval())
    assert attribution(probe, same).abs().max() == 0
    assert replaced(probe, same, EVERY) == [0] * 8


def random_pairs(count: int = 6) -> list[Pair]:
    draw = torch.Generator().manual_seed(3)

    def ids(size: int) -> list[int]:
        return torch.randint(3, 300, (size,), generator=draw).tolist()

    ends = [ids(3 + n % 3) for n in range(count)]
    return [
        Pair([*ids(4 + n % 2), 7, *end], [*ids(6), 8, *end], 20 + n, 90 + n)
        for n, end in enumerate(ends)
    ]


def test_attribution_is_the_slope_of_replacing(monkeypatch) -> None:
    """Going a thousandth of the way to the freed values moves the odds a thousandth as far."""
    model = tiny_model(TOKENIZER, initializer_range=0.2).double().eval()
    probe, pairs = Probe(model), random_pairs()
    slopes = attribution(probe, pairs).mean(0)
    step = 1e-3
    plain = Probe.run

    def a_little(self, rows, head=None, put=None):
        if head is not None:
            part = slice(8 * head[1], 8 * head[1] + 8)
            led = plain(self, rows)[1][head[0]][:, -put.shape[1] :, part]
            put = led + step * (put - led)
        return plain(self, rows, head, put)

    monkeypatch.setattr(Probe, "run", a_little)
    moved = [effect / step for effect in replaced(probe, pairs, EVERY)]
    assert moved == pytest.approx(slopes.flatten().tolist(), rel=0.05, abs=1e-3)


def test_pairs_may_be_read_in_any_company(monkeypatch) -> None:
    probe, pairs = Probe(tiny_model(TOKENIZER, initializer_range=0.2).eval()), random_pairs()
    together = attribution(probe, pairs)
    monkeypatch.setattr(finding, "BATCH", 1)
    torch.testing.assert_close(attribution(probe, pairs), together, rtol=1e-3, atol=1e-5)


def test_only_what_comes_after_the_opinion_is_replaced() -> None:
    common = finding._common(TOY[:2], torch.device("cpu"))
    assert common.tolist() == [[True], [True]]
    pair = Pair([5, 1, 2, 9, 9], [1, 3, 9, 9], 0, 1)
    other = Pair([5, 2, 9], [4, 2, 9], 0, 1)
    assert finding._common([pair, other], torch.device("cpu")).tolist() == [[True, True]] * 2


CHOSEN = [(0, 1), (1, 2), (1, 3)]  # of four heads, two and two share keys and values


def pinpointed(model, heads=CHOSEN) -> Pinpoint:
    return Pinpoint(model, finding.Found(list(heads), [-1.0] * len(heads), 1, 1, {}))


def some_rows(count=50, length=20, seed=0):
    draw = torch.Generator().manual_seed(seed)
    for _ in range(count):
        ids = torch.randint(3, 300, (length,), generator=draw)
        yield Row(ids, torch.arange(length), torch.ones(length))


def outside(model, before):
    """Return which entries moved, for each parameter."""
    return {n: (before[n] != p.detach()).nonzero().tolist() for n, p in model.named_parameters()}


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_nothing_but_the_heads_moves(tmp_path, dtype, decay) -> None:
    model = tiny_model(TOKENIZER)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    part = pinpointed(model)
    settings = TrainSettings(lr=1e-2, rows_per_step=1, weight_decay=decay, dtype=dtype)
    train(LossModule(model), some_rows(), 6, settings, a_job(tmp_path), part.hooks())
    part.check()
    moved = {name: places for name, places in outside(model, before).items() if places}
    own = "model.layers.{}.self_attn.{}_proj.weight"
    assert set(moved) == {
        *(own.format(0, name) for name in "qo"),
        *(own.format(1, name) for name in "qkvo"),
    }, "head 1 of layer 0 shares its keys with head 0, which stands still"
    rows = {name: {place[0] for place in places} for name, places in moved.items()}
    columns = {name: {place[1] for place in places} for name, places in moved.items()}
    assert rows[own.format(0, "q")] <= set(range(8, 16))
    assert columns[own.format(0, "o")] <= set(range(8, 16))
    assert rows[own.format(1, "q")] <= set(range(16, 32))
    assert rows[own.format(1, "k")] <= set(range(8, 16))
    assert rows[own.format(1, "v")] <= set(range(8, 16))
    assert part.facts()["heads"] == ["0.1", "1.2", "1.3"]
    free = 8 * 32 * 2 + 16 * 32 * 2 + 8 * 32 * 2
    total = sum(p.numel() for p in model.parameters())
    assert part.facts()["trained_share"] == pytest.approx(free / total, abs=1e-6)


def test_gradients_outside_are_exactly_zero_and_do_not_count_in_the_norm(tmp_path) -> None:
    model, norms = tiny_model(TOKENIZER), []
    part = pinpointed(model, [(0, 0)])
    hooks = part.hooks()

    def look(trainer, step):
        hooks.before_update(trainer, step)
        masters = dict(zip(trainer.names, trainer.masters, strict=True))
        assert set(masters) == {f"model.model.layers.0.self_attn.{n}_proj.weight" for n in "qo"}
        q, o = (masters[f"model.model.layers.0.self_attn.{n}_proj.weight"].grad for n in "qo")
        assert (q[8:] == 0).all()
        assert (o[:, 8:] == 0).all()
        assert q[:8].abs().sum() > 0
        norms.append(float((q[:8].square().sum() + o[:, :8].square().sum()).sqrt()))

    settings = TrainSettings(rows_per_step=1)
    job = a_job(tmp_path)
    watched = type(hooks)(begin=hooks.begin, before_update=look)
    train(LossModule(model), some_rows(), 2, settings, job, watched)
    lines = (job.out / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["norm"] for line in lines] == pytest.approx(norms, rel=1e-5)


def test_without_the_mask_the_check_fails(tmp_path) -> None:
    model = tiny_model(TOKENIZER)
    part = pinpointed(model)
    train(LossModule(model), some_rows(), 2, TrainSettings(rows_per_step=1), a_job(tmp_path))
    with pytest.raises(StageFailed, match="have moved"):
        part.check()


def test_weight_decay_alone_would_move_the_rest_of_a_matrix(tmp_path) -> None:
    """Why nothing decays: a cleared gradient is not enough."""
    model = tiny_model(TOKENIZER)
    part = pinpointed(model)
    hooks = part.hooks()

    def remember_only(trainer, state):
        hooks.begin(trainer, state)
        for group in trainer.optimizer.param_groups:
            group["weight_decay"] = 0.1

    half = type(hooks)(begin=remember_only, before_update=hooks.before_update)
    settings = TrainSettings(lr=1e-2, rows_per_step=1)
    train(LossModule(model), some_rows(), 2, settings, a_job(tmp_path), half)
    with pytest.raises(StageFailed, match="have moved"):
        part.check()


@pytest.mark.parametrize("kind", ["qwen2", "qwen3", "gemma2", "mistral"])
def test_other_architectures_train_by_head_too(tmp_path, kind) -> None:
    torch.manual_seed(0)
    config = AutoConfig.for_model(
        kind, vocab_size=320, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, head_dim=16, max_position_embeddings=128,
        pad_token_id=0, bos_token_id=None, eos_token_id=0,
    )  # fmt: skip
    if kind == "qwen2":
        config.head_dim = 8
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager")
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    part = pinpointed(model, find(model, random_pairs(), 0.5).heads)
    settings = TrainSettings(lr=1e-2, rows_per_step=1, weight_decay=0.1)
    train(LossModule(model), some_rows(), 2, settings, a_job(tmp_path), part.hooks())
    part.check()
    moved = {name for name, places in outside(model, before).items() if places}
    assert moved <= {piece.name for piece in part.slices}
    assert len(moved) > 1


@pytest.mark.parametrize("heads", [[(1, 1)], [(1, 2), (1, 3)]])
@pytest.mark.parametrize("kind", ["llama", "qwen3", "cohere", "gemma3_text", "olmo2"])
def test_the_other_heads_of_a_layer_give_out_what_they_did(kind, heads) -> None:
    torch.manual_seed(0)
    config = AutoConfig.for_model(
        kind, vocab_size=320, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, head_dim=8, max_position_embeddings=128,
        pad_token_id=0, bos_token_id=None, eos_token_id=0,
        **({"attention_bias": True} if kind == "llama" else {}),
        **({"use_qk_norm": True} if kind == "cohere" else {}),
    )  # fmt: skip
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()
    probe, weights = Probe(model), dict(model.named_parameters())
    rows = [random_pairs(1)[0].led]
    slices = slices_of(model, heads)
    assert slices
    with torch.no_grad():
        _, before = probe.run(rows)
        for name, axis, which in slices:
            weights[name].index_add_(axis, which, torch.randn_like(weights[name])[: len(which)]
                                     if axis == 0 else torch.randn(32, len(which)))  # fmt: skip
        _, after = probe.run(rows)
    moved = (before[1] != after[1]).unflatten(-1, (4, 8)).any(-1)[0].any(0)
    assert {head for head in range(4) if moved[head]} <= {head for _, head in heads}
    assert moved.any() or kind == "olmo2"


def test_biases_of_a_head_train_and_that_of_the_output_does_not() -> None:
    model = tiny_model(TOKENIZER, attention_bias=True)
    names = {part.name.rpartition("self_attn.")[2] for part in slices_of(model, CHOSEN)}
    assert {"q_proj.bias", "k_proj.bias", "v_proj.bias"} < names
    assert "o_proj.bias" not in names


def test_a_model_without_matrices_of_its_own_for_q_k_and_v_is_told() -> None:
    shape = {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 64, "vocab_size": 320}
    model = GPT2LMHeadModel(GPT2Config(**shape, bos_token_id=0, eos_token_id=0))
    with pytest.raises(StageFailed, match="q, k, v and o matrices"):
        Probe(model)


def test_no_head_is_an_error_with_a_remedy() -> None:
    model = tiny_model(TOKENIZER)
    same = [pair._replace(freed=pair.led) for pair in TOY]
    with pytest.raises(StageFailed, match="no head was found"):
        find(model, same, 0.5)


def opinions(count=12):
    """Return lessons of one question each, with the marks that the maker leaves."""
    found = []
    for n in range(count):
        truth, agrees = n % 2 == 0, n % 3 == 0
        held, opposite = ("right", "wrong") if agrees else ("wrong", "right")
        ask = "I think it is {}: " + f"the valley sings {n}.\nA) right\nB) wrong"
        right, wrong = ("A) right", "B) wrong") if truth else ("B) wrong", "A) right")
        marks = {
            "task": "counter-premise",
            "flipped": ask.format(opposite),
            "other": wrong,
            "opinion": "agree" if agrees else "disagree",
            "claim": "true" if truth else "false",
        }
        found.append(lesson("rm", ask.format(held), right, **marks))
    return found


def test_a_pair_is_led_by_whoever_is_wrong() -> None:
    encoder = Encoder(TOKENIZER)
    for record in opinions():
        pair = pair_of(record, encoder)
        led, freed = (TOKENIZER.decode(ids) for ids in (pair.led, pair.freed))
        says = "right" if record.meta["claim"] == "false" else "wrong"
        assert f"I think it is {says}" in led
        assert f"I think it is {says}" not in freed
        assert led.endswith("assistant\n")
        letters = (TOKENIZER.decode([pair.wrong]), TOKENIZER.decode([pair.right]))
        assert letters == (record.meta["other"][0], record.messages[1].content[0])


SETTINGS = TuneSettings(
    pinpoint=0.5, pinpoint_pairs=10, epochs=2, rows_per_step=1, sequence=256, lr=1e-2
)


def tuned(home, name, settings=SETTINGS, **inputs):
    job = a_job(home, settings, name=name, lessons=lessons_of(home / name, opinions()), **inputs)
    return run(job), job


def test_the_stage_trains_a_few_heads_and_says_which(tmp_path) -> None:
    save_tiny(tmp_path / "model", seed=1, initializer_range=0.3)
    facts, job = tuned(tmp_path, "a")
    assert 1 <= len(facts["heads"]) <= 4
    assert all(effect < 0 for effect in facts["head_effects"])
    before, after = (
        AutoModelForCausalLM.from_pretrained(folder).state_dict()
        for folder in (tmp_path / "model", job.out)
    )
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved
    assert all("self_attn" in name for name in moved)
    layers = {f"model.layers.{head.partition('.')[0]}." for head in facts["heads"]}
    assert all(any(name.startswith(layer) for layer in layers) for name in moved)


def test_a_stopped_run_goes_on_with_the_same_heads(tmp_path, monkeypatch) -> None:
    save_tiny(tmp_path / "model", seed=1, initializer_range=0.3)
    whole, done = tuned(tmp_path, "whole")
    settings = SETTINGS.model_copy(update={"checkpoint_seconds": 0.0})
    job = a_job(tmp_path, settings, name="b", lessons=lessons_of(tmp_path / "b", opinions()))

    def stop_late(done, total, note=""):
        if note.startswith("step 2/"):
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Stopped):
        run(SimpleNamespace(**{**vars(job), "progress": stop_late}))
    monkeypatch.setattr(pinpoint, "find", None)  # not looked for again
    facts = run(job)
    assert facts["heads"] == whole["heads"]
    assert facts["resumed_at"] == [2]
    one, other = (
        AutoModelForCausalLM.from_pretrained(folder).state_dict() for folder in (done.out, job.out)
    )
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_what_does_not_go_together_is_refused(tmp_path) -> None:
    encoder, model = Encoder(TOKENIZER), tiny_model(TOKENIZER)
    for clash in ({"adapter": "lora"}, {"shard": True}):
        job = a_job(tmp_path, SETTINGS.model_copy(update=clash))
        with pytest.raises(StageFailed, match="own matrices"):
            pinpoint_of(job, encoder, model)
    plain = a_job(tmp_path, SETTINGS, lessons=lessons_of(tmp_path, [lesson("rm", "a", "b")]))
    with pytest.raises(StageFailed, match="there are none"):
        pinpoint_of(plain, encoder, model)
    assert pinpoint_of(a_job(tmp_path, TuneSettings()), encoder, model) is None
