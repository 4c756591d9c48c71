"""Attention by records: the same numbers as every record alone, whatever the model and lengths."""

from __future__ import annotations

import pytest
import torch
from tiny import tiny_model, tiny_tokenizer
from torch.nn.functional import scaled_dot_product_attention
from transformers import AutoModelForCausalLM, MistralConfig, MistralForCausalLM

from locale_tune_training import attention
from locale_tune_training.attention import NAME, Records, attend
from locale_tune_training.batches import Row
from locale_tune_training.model import LossModule, compile_layers

LENGTHS = [1, 5, 32, 33, 70, 300]  # single, padded, exact, two of one group, flash


def parts(lengths, heads=4, groups=2, width=8):
    torch.manual_seed(0)
    shapes = [(heads,), (groups,), (groups,)]
    return [torch.randn(1, *n, sum(lengths), width, requires_grad=True) for n in shapes]


def positions(lengths):
    return torch.cat([torch.arange(n) for n in lengths])


def one_by_one(query, key, value, lengths, window=None):
    """Attend in each record alone, by torch on an explicit mask."""
    outs = []
    for q, k, v in zip(*(part.split(lengths, 2) for part in (query, key, value)), strict=True):
        size = q.shape[2]
        seen = torch.ones(size, size, dtype=torch.bool).tril()
        seen = seen if window is None else seen & seen.new_ones(size, size).triu(1 - window)
        k, v = (part.repeat_interleave(q.shape[1] // k.shape[1], 1) for part in (k, v))
        outs.append(scaled_dot_product_attention(q, k, v, attn_mask=seen))
    return torch.cat(outs, 2).transpose(1, 2)


@pytest.mark.parametrize("window", [None, 3, 100])
def test_values_and_gradients_are_those_of_every_record_alone(window):
    tensors = parts(LENGTHS)
    records = Records(positions(LENGTHS))
    assert records.lengths == LENGTHS
    got, _ = attend(None, *tensors, None, records=records, sliding_window=window)
    expected = one_by_one(*tensors, LENGTHS, window)
    torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-6)
    weights = torch.randn_like(got)
    for a, b in zip(
        torch.autograd.grad((got * weights).sum(), tensors),
        torch.autograd.grad((expected * weights).sum(), tensors),
        strict=True,
    ):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_without_the_cuts_the_numbers_would_differ():
    tensors = parts(LENGTHS)
    whole, _ = attend(None, *tensors, None)
    assert (whole - one_by_one(*tensors, LENGTHS)).abs().max() > 0.1


def test_dropout_drops_chances_and_keeps_their_mean():
    query, key, value = parts([64])
    kept = attend(None, query, key, value.detach().fill_(1.0), None, dropout=0.5)[0]
    assert not torch.allclose(kept, torch.ones_like(kept))
    assert float(kept.detach().mean()) == pytest.approx(1.0, abs=0.1)


def test_a_cache_or_a_batch_is_refused():
    query, key, value = parts([6])
    with pytest.raises(ValueError, match="one whole row"):
        attend(None, query[:, :, 3:], key, value, None)
    with pytest.raises(ValueError, match="one whole row"):
        attend(None, *(torch.cat([part, part]) for part in (query, key, value)), None)


def row(lengths):
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(0, 300, (sum(lengths),), generator=generator)
    weights = torch.ones(len(ids))
    weights[positions(lengths) == 0] = 0.0
    return Row(ids, positions(lengths), weights)


def gradients(module, packed):
    module.zero_grad()
    sums = module(packed)
    sums.loss.backward()
    return float(sums.loss.detach()), [p.grad.clone() for p in module.parameters()]


def windowed():
    torch.manual_seed(0)
    config = MistralConfig(
        vocab_size=320,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        sliding_window=7,
        pad_token_id=None,
    )
    return MistralForCausalLM(config)


@pytest.mark.parametrize("make", [lambda: tiny_model(tiny_tokenizer()), windowed])
def test_a_whole_model_learns_the_same_as_by_masks(make):
    cut, masked = LossModule(make()), LossModule(make())
    assert cut.by_records
    masked.finish()
    (loss, grads), (reference, expected) = (gradients(m, row([9, 40, 3])) for m in (cut, masked))
    assert loss == pytest.approx(reference, rel=1e-6)
    for a, b in zip(grads, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_a_model_that_hides_the_records_from_its_attention_gets_masks(monkeypatch):
    module = LossModule(tiny_model(tiny_tokenizer()))
    base = type(module.model.base_model)
    forward = base.forward

    def deaf(self, *args, records=None, **more):
        return forward(self, *args, **more)

    expected, _ = gradients(module, row([9, 40, 3]))
    monkeypatch.setattr(base, "forward", deaf)
    loss, _ = gradients(module, row([9, 40, 3]))
    assert loss == pytest.approx(expected, rel=1e-6)
    assert not module.by_records


def test_a_trained_model_is_an_ordinary_one(tmp_path):
    module = LossModule(tiny_model(tiny_tokenizer()))
    module.finish()
    module.model.save_pretrained(tmp_path)
    assert attention.NAME not in (tmp_path / "config.json").read_text()
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert loaded.config._attn_implementation == "sdpa" != NAME


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # dynamo and inductor warn of their own code
def test_compiled_layers_learn_the_same(tmp_path):
    plain, fused = (
        LossModule(tiny_model(tiny_tokenizer())),
        LossModule(tiny_model(tiny_tokenizer())),
    )
    compile_layers(fused.model)
    for lengths in ([9, 40, 3], [20, 33]):  # another row: nothing of the first is baked in
        (loss, grads), (expected, others) = (gradients(m, row(lengths)) for m in (fused, plain))
        assert loss == pytest.approx(expected, rel=1e-6)
        for a, b in zip(grads, others, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
    compile_layers(fused.model, on=False)
    fused.finish()
    fused.model.save_pretrained(tmp_path)
    names = AutoModelForCausalLM.from_pretrained(tmp_path).state_dict().keys()
    assert names == plain.model.state_dict().keys()
