"""Bits per byte of held-out text: the same bytes in the old tokens and in the new ones."""

from __future__ import annotations

import math

import pytest
import torch
from rowing import PIECES, make
from tokenizer_support import toy_spec
from torch.nn import functional

from locale_tune_tokenizer.embeddings.held_out import HeldOut, held_out, unextended
from locale_tune_tokenizer.embeddings.row_batches import Packed


def test_bits_are_of_the_bytes_that_are_predicted():
    spec = toy_spec()
    vocab = spec["model"]["vocab"]
    the, people, end = vocab["Ġthe"], vocab["p"], vocab["<|im_end|>"]
    text = [[Packed([people, the, end, the, the], [0, 1, 2, 0, 1])]]
    found = held_out(text, spec)
    assert (found.tokens, found.size) == (3, 4 + len("<|im_end|>") + 4)
    assert found.bits(2.0) == pytest.approx(2.0 * 3 / (math.log(2) * 18))
    assert held_out([], spec) == HeldOut([], 0, 0)
    assert HeldOut().bits(1.0) == 0.0


def test_the_model_before_it_grew_is_measured_on_the_same_bytes():
    setup = make(tied=False)
    text = HeldOut([[Packed([1, 300, 2, 309, 305, 4], [0, 1, 2, 3, 0, 1])]], tokens=4, size=10)
    found = unextended(setup, text, setup.tables.output)
    # By hand: [1] 10 11 2 13 14 15, and [12] 4, in brackets what nothing predicts.
    total = 0.0
    for old in ([1, 10, 11, 2, 13, 14, 15], [12, 4]):
        ids = torch.tensor([old])
        logits = setup.model(input_ids=ids, use_cache=False).logits[0, :-1]
        total += functional.cross_entropy(logits, ids[0, 1:], reduction="sum").item()
    assert found == pytest.approx(total / (math.log(2) * 10), rel=1e-5)
    assert PIECES[300] == [10, 11]


def test_a_first_token_of_many_pieces_counts_nowhere():
    setup = make(tied=False)
    text = HeldOut([[Packed([309, 5], [0, 1])]], tokens=1, size=1)
    ids = torch.tensor([[13, 14, 15, 5]])
    logits = setup.model(input_ids=ids, use_cache=False).logits[0, -2:-1]
    expected = functional.cross_entropy(logits, ids[0, -1:]).item() / math.log(2)
    assert unextended(setup, text, setup.tables.output) == pytest.approx(expected, rel=1e-5)
