"""Goldfish: a fixed share of targets, alike wherever the passage stands, and none at its start."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locale_tune_training import goldfish
from locale_tune_training.batches import Tokens, write_tokens
from locale_tune_training.encoding import Encoded

MASK = (1 << 64) - 1


def mix(x):
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def by_hand(ids, k, h):
    """The same rule in Python's own integers, target by target."""
    dropped = [False] * len(ids)
    for s in range(h, len(ids)):
        value = 0
        for token in ids[s - h : s]:
            value = (value * 0x9E3779B97F4A7C15 + mix(token + 1)) & MASK
        dropped[s] = mix(value) < (1 << 64) // k
    return dropped


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 250_000), max_size=60), st.sampled_from([2, 4, 8]), st.integers(1, 14)
)
def test_the_rule(ids, k, h):
    got = goldfish.dropped(np.asarray(ids, np.int32), k, h)
    assert got.tolist() == by_hand(ids, k, h)
    assert not got[:h].any()


@pytest.mark.parametrize("k", [2, 8, 50])
def test_one_in_k_is_left_out(k):
    ids = np.random.default_rng(0).integers(0, 40, 200_000).astype(np.int32)
    share = goldfish.dropped(ids, k, 13).mean()
    assert share == pytest.approx(1 / k, rel=0.05)


def test_a_passage_is_treated_alike_wherever_it_stands():
    draw = np.random.default_rng(1)
    passage = draw.integers(0, 1000, 300)
    masks = []
    for before in (0, 1, 57):
        text = np.concatenate([draw.integers(0, 1000, before), passage]).astype(np.int32)
        masks.append(goldfish.dropped(text, 4, 13)[before + 13 :])
    assert (masks[0] == masks[1]).all()
    assert (masks[0] == masks[2]).all()


def test_no_single_id_fixes_the_hash():
    """The reference multiplies the ids, so that one id 0 decides for every window that has it."""
    draw = np.random.default_rng(2)
    masks = [
        goldfish.dropped(np.r_[0, draw.integers(1, 1000, 12), 5].astype(np.int32), 2, 13)[13]
        for _ in range(200)
    ]
    assert 60 < sum(masks) < 140


def test_the_target_itself_does_not_decide():
    ids = np.random.default_rng(3).integers(0, 1000, 14).astype(np.int32)
    masks = {bool(goldfish.dropped(np.r_[ids[:13], target], 2, 13)[13]) for target in range(50)}
    assert len(masks) == 1


def test_weights_on_disk_change_and_the_share_is_told(tmp_path):
    draw = np.random.default_rng(4)
    documents = [draw.integers(0, 500, n).tolist() for n in (400, 5, 900)]
    encoded = (Encoded(ids, [0.0] + [1.0] * (len(ids) - 1)) for ids in documents)
    tokens = write_tokens(tmp_path / "text", encoded)
    share = goldfish.apply(tokens, 4, 13)
    again = Tokens(tmp_path / "text", tokens.offsets)
    gone = 0
    for number, ids in enumerate(documents):
        assert (again.piece(number, 0, len(ids))[1] == tokens.piece(number, 0, len(ids))[1]).all()
        got = tokens.piece(number, 0, len(ids))[1]
        expected = [0.0] + [float(not out) for out in by_hand(ids, 4, 13)[1:]]
        assert got.tolist() == expected
        gone += expected[1:].count(0.0)
    assert share == pytest.approx(gone / sum(len(ids) - 1 for ids in documents))


@pytest.mark.parametrize(
    ("setting", "size", "epochs", "expected"),
    [
        ("off", 1, 99, False),
        ("on", 10**9, 1, True),
        ("auto", 10**6, 10, True),
        ("auto", 10**6, 9, False),
        ("auto", 20_000_000, 10, False),
    ],
)
def test_auto_is_for_small_texts_seen_often(setting, size, epochs, expected):
    assert goldfish.wanted(setting, size, epochs) is expected
