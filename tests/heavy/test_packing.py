"""Packed rows: as full as best fit makes them, and the same as separate records to the model."""

from __future__ import annotations

import hashlib
import math
import os
import random
import subprocess
import sys
from collections import Counter
from itertools import islice

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import tiny_model, tiny_tokenizer
from transformers import (
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    GPT2Config,
    GPT2LMHeadModel,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from locale_tune_training.attention import Records
from locale_tune_training.batches import Row, rows, write_tokens
from locale_tune_training.encoding import Encoded
from locale_tune_training.model import LossModule
from locale_tune_training.packing import best_fit, fill

torch.set_num_threads(1)
VOCABULARY = 320
SHAPE = {"vocab_size": VOCABULARY, "initializer_range": 0.3}
ENDS = {"bos_token_id": None, "eos_token_id": 0, "pad_token_id": 0}


def llama(attention):
    return tiny_model(tiny_tokenizer(), attn_implementation=attention, **SHAPE)


def qwen3(attention):
    config = Qwen3Config(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        max_position_embeddings=512,
        attn_implementation=attention,
        **SHAPE,
        **ENDS,
    )
    return Qwen3ForCausalLM(config)


def gemma3(attention):
    """One layer sees the last eight tokens only, the other all."""
    config = Gemma3TextConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        query_pre_attn_scalar=8,
        max_position_embeddings=512,
        sliding_window=8,
        layer_types=["sliding_attention", "full_attention"],
        attn_implementation=attention,
        **SHAPE,
        **ENDS,
    )
    return Gemma3ForCausalLM(config)


def gpt2(attention):
    quiet = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
    config = GPT2Config(
        n_embd=32,
        n_layer=2,
        n_head=4,
        n_positions=512,
        attn_implementation=attention,
        **quiet,
        **SHAPE,
        **ENDS,
    )
    return GPT2LMHeadModel(config)


def record(length, seed):
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(3, VOCABULARY, (length,), generator=generator)
    weights = torch.rand(length, generator=generator, dtype=torch.float64)
    weights[0] = 0.0
    return Row(ids, torch.arange(length), weights)


def joined(parts):
    return Row(*(torch.cat(column) for column in zip(*parts, strict=True)))


def logits(model, row, **more):
    out = model(input_ids=row.ids[None], position_ids=row.positions[None], use_cache=False, **more)
    return out.logits[0]


def gradients(module, batch):
    module.zero_grad()
    sum(module(row).loss for row in batch).backward()
    return torch.cat([p.grad.flatten() for p in module.parameters() if p.grad is not None])


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("make", [llama, qwen3, gpt2])
def test_packed_equals_separate_in_logits_and_gradients(make, attention):
    torch.manual_seed(1)
    model = make(attention).double().train()
    parts = [record(n, seed) for seed, n in enumerate((5, 17, 2, 30, 11))]
    packed = joined(parts)
    together = logits(model, packed)
    apart = torch.cat([logits(model, part) for part in parts])
    # Eager attention takes its softmax in float32 whatever the model's dtype.
    near = {"rtol": 1e-8, "atol": 1e-9} if attention == "sdpa" else {"rtol": 1e-5, "atol": 1e-5}
    torch.testing.assert_close(together, apart, **near)
    ones = torch.ones(1, len(packed.ids), dtype=torch.long)
    wrong = logits(model, packed, attention_mask=ones)
    assert float((wrong - apart).abs().max().detach()) > 1e-2, "the negative control contaminates"
    module = LossModule(model, smoothing=0.1)
    found, expected = gradients(module, [packed]), gradients(module, parts)
    assert float((found - expected).norm() / expected.norm()) < near["rtol"]


def logits_of(module, row):
    """Return the logits of a packed row by the attention that the module trains with."""
    told = {"records": Records(row.positions)} if module.by_records else {}
    with torch.no_grad():
        return logits(module.model, row, **told)


def contaminated(module, row):
    """Return the logits where nothing keeps records apart: a mask of ones, or no cuts."""
    if module.by_records:
        return logits_of(module, row._replace(positions=torch.arange(len(row.ids))))
    with torch.no_grad():
        return logits(module.model, row, attention_mask=torch.ones(1, len(row.ids)).long())


def case(make, attention, seed):
    """Return a module in float32, and two to eight records of random lengths."""
    torch.manual_seed(seed)
    model = make("sdpa" if attention == "records" else attention).train()
    module = LossModule(model, smoothing=0.1)
    if attention != "records":
        module.finish()
    assert module.by_records == (attention == "records")
    chance = random.Random(seed)
    lengths = [chance.randint(2, 60) for _ in range(chance.randint(2, 8))]
    made = [record(length, 100 * seed + n) for n, length in enumerate(lengths)]
    return module, [row._replace(weights=row.weights.float()) for row in made]


def largest(difference, of):
    return float(difference.abs().max() / of.abs().max())


@pytest.mark.parametrize("attention", ["eager", "sdpa", "records"])
@pytest.mark.parametrize("make", [llama, qwen3, gemma3, gpt2])
def test_random_records_packed_are_those_records_apart(make, attention, chaos_n):
    """Row N4 of docs/reliability.md: differences are of the largest logit and gradient."""
    worst, control = [0.0, 0.0], math.inf
    for seed in range(chaos_n):
        module, parts = case(make, attention, seed)
        packed = joined(parts)
        apart = torch.cat([logits_of(module, part) for part in parts])
        far = largest(logits_of(module, packed) - apart, apart)
        expected = gradients(module, parts)
        slope = largest(gradients(module, [packed]) - expected, expected)
        worst = [max(worst[0], far), max(worst[1], slope)]
        control = min(control, largest(contaminated(module, packed) - apart, apart))
    print(f"{make.__name__} {attention}: {worst[0]:.1e} {worst[1]:.1e}, control {control:.2f}")
    assert max(worst) <= 1e-5
    assert control >= 1e-2, "the negative control contaminates"


@pytest.mark.parametrize("make", [llama, qwen3, gemma3, gpt2])
def test_records_of_any_length_and_the_loss_of_each(make):
    module = LossModule(make("sdpa").double().eval(), smoothing=0.1)
    for trial in range(20):
        lengths = torch.randint(1, 40, (6,), generator=torch.Generator().manual_seed(trial))
        parts = [record(int(n), 100 * trial + i) for i, n in enumerate(lengths)]
        packed = joined(parts)
        with torch.no_grad():
            apart = sum(float(module(part).loss) for part in parts if len(part.ids) > 1)
            together = float(module(packed).loss)
            running = packed._replace(positions=torch.arange(len(packed.ids)))
            assert together == pytest.approx(apart, rel=1e-9), lengths
            assert float(module(running).loss) != pytest.approx(apart, rel=1e-5), lengths


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(2, 64), max_size=60), st.integers(1, 20))
def test_every_record_once_and_no_row_too_long(lengths, pool):
    packed = list(best_fit(lengths, 64, "seed", pool))
    assert Counter(place for row in packed for place in row) == Counter(range(len(lengths)))
    assert all(sum(lengths[place] for place in row) <= 64 for row in packed)
    assert all(packed), "no row is empty"


def test_best_fit_takes_the_fullest_row_that_has_room():
    packed = list(best_fit([7, 5, 3, 4, 1], 10, "seed"))
    assert sorted(map(sorted, packed)) == [[0, 2], [1, 3, 4]]


def test_best_fit_leaves_fewer_gaps_than_packing_in_order(tmp_path):
    lengths = [int(2 + 60 * torch.rand((), generator=torch.Generator().manual_seed(i)))
               for i in range(300)]  # fmt: skip
    tokens = write_tokens(tmp_path, (Encoded([1] * n, [0.0] + [1.0] * (n - 1)) for n in lengths))
    counts = []
    for fit in (False, True):
        seen = count = 0
        for row in rows(tokens, 64, 0, whole=True, fit=fit):
            seen, count = seen + len(row.ids), count + 1
            if seen == tokens.total:
                break
        counts.append(count)
    assert fill(lengths, counts[1], 64) > 0.97
    assert counts[1] < 0.9 * counts[0]


def ids_of(stream, start, count):
    return [row.ids.tolist() for row in islice(stream, start, start + count)]


def test_rows_are_a_function_of_seed_and_epoch(tmp_path):
    tokens = write_tokens(
        tmp_path, (Encoded([r] * (2 + r % 9), [1.0] * (2 + r % 9)) for r in range(50))
    )
    again = [rows(tokens, 16, 5, whole=True, fit=True) for _ in range(2)]
    assert ids_of(again[0], 0, 60) == ids_of(again[1], 0, 60)
    whole = ids_of(rows(tokens, 16, 5, whole=True, fit=True), 0, 60)
    assert ids_of(rows(tokens, 16, 5, whole=True, fit=True), 37, 23) == whole[37:]
    assert ids_of(rows(tokens, 16, 6, whole=True, fit=True), 0, 60) != whole
    per_epoch = next(n for n in range(1, 60) if sum(map(len, whole[:n])) == tokens.total)
    assert whole[:per_epoch] != whole[per_epoch : 2 * per_epoch], "another epoch, another order"


PRINT = """
import hashlib, sys
from locale_tune_training.mixing import by_share
from locale_tune_training.packing import best_fit
lengths, wanted = [3 + i % 7 for i in range(90)], {"a": .5, "b": .3, "c": .2}
order = by_share(lengths, ["a", "b", "c"] * 30, wanted, 1)
print(hashlib.sha256(repr([order(e) for e in range(3)]).encode()).hexdigest())
print(hashlib.sha256(repr(list(best_fit([2 + i % 30 for i in range(99)], 40, "s", 32))).encode())
      .hexdigest())
"""


def test_the_order_is_the_same_in_every_process():
    """No worker, process or hash seed has a say."""
    printed = set()
    for seed in ("0", "1", "random"):
        env = {**os.environ, "PYTHONHASHSEED": seed, "OMP_NUM_THREADS": "1"}
        env["PYTHONPATH"] = os.pathsep.join(sys.path)
        done = subprocess.run(
            [sys.executable, "-c", PRINT], capture_output=True, text=True, env=env, check=True
        )
        printed.add(done.stdout)
    assert len(printed) == 1
    assert len(printed.pop().split()[0]) == hashlib.sha256().digest_size * 2
