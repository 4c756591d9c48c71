"""Packing: nothing lost, nothing twice, order a pure function of seed and epoch."""

from __future__ import annotations

from itertools import islice

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import tiny_model, tiny_tokenizer

from locale_tune_training.batches import Row, rows, write_tokens
from locale_tune_training.encoding import Encoded
from locale_tune_training.mixing import Mixture
from locale_tune_training.model import LossModule


def records(lengths):
    """Records whose ids say where they are from: record * 1000 + position."""
    return [
        Encoded([r * 1000 + i for i in range(n)], [0.0] + [1.0] * (n - 1))
        for r, n in enumerate(lengths)
    ]


def one_epoch(tokens, sequence, whole=False):
    taken, seen = [], 0
    for row in rows(tokens, sequence, seed=0, whole=whole):
        taken.append(row)
        seen += len(row.ids)
        if seen >= tokens.total:
            return taken
    return taken


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(2, 40), min_size=1, max_size=12), st.integers(4, 32))
def test_every_token_once_an_epoch_and_positions_restart(tmp_path_factory, lengths, sequence):
    tokens = write_tokens(tmp_path_factory.mktemp("t"), records(lengths))
    got = one_epoch(tokens, sequence)
    ids = sorted(int(i) for row in got for i in row.ids)
    assert ids == sorted(i for r in records(lengths) for i in r.ids)
    for row in got:
        assert len(row.ids) <= sequence
        assert float(row.weights[row.positions == 0].sum()) == 0.0


def test_chats_are_not_cut(tmp_path):
    tokens = write_tokens(tmp_path, records([10, 10, 10, 10, 10]))
    for row in one_epoch(tokens, 25, whole=True):
        assert len(row.ids) == 10 * len({int(i) // 1000 for i in row.ids})


def test_order_depends_on_seed_and_epoch_only(tmp_path):
    tokens = write_tokens(tmp_path, records([5] * 20))
    first = [row.ids.tolist() for row in islice(rows(tokens, 25, 0), 8)]
    assert first == [row.ids.tolist() for row in islice(rows(tokens, 25, 0), 8)]
    assert first != [row.ids.tolist() for row in islice(rows(tokens, 25, 1), 8)]
    assert first[:4] != first[4:], "another epoch, another order"


def test_replay_keeps_its_share_at_every_moment():
    kinds = list(islice(Mixture(repeat("n"), repeat("r"), 0.2), 100))
    for n in range(1, 101):
        assert kinds[:n].count("r") == int(n * 0.2)


def repeat(value):
    while True:
        yield value


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_packed_equals_separate(attention):
    model = tiny_model(tiny_tokenizer(), attn_implementation=attention).double().eval()
    module = LossModule(model, smoothing=0.1)
    torch.manual_seed(3)
    pieces = [torch.randint(0, 300, (n,)) for n in (7, 19, 3, 30)]
    parts = [
        Row(p, torch.arange(len(p)), torch.cat([torch.zeros(1), torch.ones(len(p) - 1)]))
        for p in pieces
    ]
    packed = Row(*(torch.cat(column) for column in zip(*parts, strict=True)))
    together = module(packed)
    apart = [module(part) for part in parts]
    torch.testing.assert_close(together.loss, sum(p.loss for p in apart), rtol=1e-9, atol=1e-9)
    contaminated = packed._replace(positions=torch.arange(len(packed.ids)))
    assert abs(float((module(contaminated).loss - together.loss).detach())) > 1e-2, (
        "the negative control"
    )


def test_too_short_records_hold_nothing_to_predict(tmp_path):
    tokens = write_tokens(tmp_path, [Encoded([1], [0.0]), Encoded([1, 2], [0.0, 1.0])])
    assert len(tokens) == 1
