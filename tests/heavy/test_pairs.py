"""Pairs: log-probabilities through the fused head, packed or not, whole batch or parts of it."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from forking import together
from tiny import tiny_model, tiny_tokenizer
from transformers.models.llama.modeling_llama import LlamaRMSNorm

from locale_tune.api import Machine, Message, Record
from locale_tune_training.batches import PairRow, shuffled
from locale_tune_training.encoding import Encoder
from locale_tune_training.pairs import (
    CUT,
    PairModule,
    answer,
    encode_pairs,
    packed_pairs,
    pair_row,
    pair_rows,
)
from locale_tune_training.parallel import world_of
from locale_tune_training.preferences import LOSSES, Logps, Loss
from locale_tune_training.settings import TrainSettings
from locale_tune_training.shared import shared_beginnings
from locale_tune_training.trainer import Trainer

TOKENIZER = tiny_tokenizer()
WORDS = ["the", "people", "of", "valley", "speak", "their", "own", "language", "and", "sing"]


def preference(number, turns=1):
    draw = random.Random(number)

    def said(most):
        return " ".join(draw.choices(WORDS, k=draw.randint(1, most)))

    messages = []
    for _ in range(turns):
        messages += [
            Message(role="user", content=said(6)),
            Message(role="assistant", content=said(9)),
        ]
    meta = {"gap": str(number / 8)}
    return Record(
        id=f"p{number}", source="s", messages=tuple(messages), rejected=said(9), meta=meta
    )


@pytest.fixture
def exact_norms(monkeypatch):
    """Let norms compute in the model's own dtype; transformers rounds them to float32, and then
    one gradient of two tokens is not the sum of their gradients to the last digit."""

    def forward(self, hidden):
        scale = torch.rsqrt(hidden.pow(2).mean(-1, keepdim=True) + self.variance_epsilon)
        return self.weight * hidden * scale

    monkeypatch.setattr(LlamaRMSNorm, "forward", forward)


@pytest.fixture
def pairs(tmp_path):
    records = [preference(number, 1 + number % 2) for number in range(7)]
    return encode_pairs(records, Encoder(TOKENIZER), 200, tmp_path / "pairs")


def full(model, pairs, record):
    """Return the summed log-probability of one record's answer from full logits, in float64."""
    ids, weights = pairs.tokens.piece(record, 0, pairs.tokens.length(record))
    ids = torch.tensor(np.array(ids, np.int64))
    logits = model(input_ids=ids[None], use_cache=False).logits[0, :-1].double()
    found = torch.log_softmax(logits, -1).gather(1, ids[1:, None])[:, 0]
    return (found * torch.tensor(np.array(weights[1:]))).sum()


def by_full_logits(loss, pairs, reference, model=None):
    """Return loss and gradients of the plain computation: every record alone, full logits."""
    model = model or tiny_model(TOKENIZER).double()
    sums = torch.stack([full(model, pairs, record) for record in range(2 * len(pairs))])
    ref = torch.from_numpy(reference)
    if loss.name == "dpo-length":
        counts = [pairs.tokens.piece(n, 0, pairs.tokens.length(n))[1] for n in range(len(sums))]
        lengths = torch.tensor([float((c != 0).sum()) for c in counts], dtype=torch.float64)
        sums, ref = sums / lengths, ref / lengths
    each = loss(Logps(sums[::2], sums[1::2], ref[::2], ref[1::2]))
    total = (each * torch.tensor(pairs.gaps) if loss.name == "rloo" else each).sum()
    total.backward()
    return float(total.detach()), torch.cat([p.grad.flatten() for p in model.parameters()])


def references(pairs):
    module = PairModule(tiny_model(TOKENIZER).double(), Loss())
    near = module.logps(every(pairs, np.zeros(2 * len(pairs)))).numpy()
    return near + np.random.default_rng(0).uniform(-0.3, 0.3, len(near))


def every(pairs, reference):
    return pair_row(pairs, range(len(pairs)), reference)


def by_ours(loss, rows, dtype=torch.float64):
    module = PairModule(tiny_model(TOKENIZER).to(dtype), loss)
    total = 0.0
    for row in rows:
        found = module(row).loss
        found.backward()
        total += float(found.detach())
    return total, torch.cat([p.grad.flatten() for p in module.parameters()])


@pytest.mark.usefixtures("exact_norms")
@pytest.mark.parametrize("name", sorted(LOSSES))
def test_loss_and_gradient_are_those_of_full_logits(name, pairs):
    loss, reference = Loss(name, beta=0.1, dpop_lambda=5.0, smoothing=0.1), references(pairs)
    expected, gradient = by_full_logits(loss, pairs, reference)
    found, ours = by_ours(loss, [every(pairs, reference)])
    assert found == pytest.approx(expected, rel=1e-12)
    torch.testing.assert_close(ours, gradient, rtol=1e-9, atol=1e-13)


def test_log_probabilities_are_those_of_full_logits(pairs):
    module = PairModule(tiny_model(TOKENIZER).double(), Loss())
    found = module.logps(every(pairs, references(pairs)))
    expected = [float(full(module.model, pairs, n).detach()) for n in range(2 * len(pairs))]
    assert found.tolist() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", ["dpo", "dpop"])
def test_packed_is_unpacked_and_accumulated_is_whole(name, pairs):
    """In float32, however the pairs are laid into rows and the rows into an update."""
    loss, reference = Loss(name, beta=0.1, dpop_lambda=5.0), references(pairs)
    found = []

    def keep(trainer, _step):
        found.append(torch.cat([m.grad.flatten().clone() for m in trainer.masters]))

    losses = []
    for layout in ([[n] for n in range(7)], [list(range(7))], [[3, 1], [0, 2, 6], [5, 4]]):
        rows = [pair_row(pairs, packed, reference) for packed in layout]
        trainer = Trainer(PairModule(tiny_model(TOKENIZER), loss), TrainSettings(), torch.float32)
        losses.append(trainer.step(rows, 1e-3, before_update=keep).loss)
    expected, gradient = by_full_logits(loss, pairs, reference)
    assert losses == pytest.approx([expected / 7] * 3, rel=1e-6)
    far = max((one.double() - gradient / 7).abs().max() / gradient.abs().max() * 7 for one in found)
    assert float(far) < 1e-5


def test_rows_that_weigh_nothing_add_nothing(pairs):
    row = every(pairs, references(pairs))
    nothing = row._replace(weights=torch.zeros_like(row.weights))
    module = PairModule(tiny_model(TOKENIZER), Loss())
    sums = module(nothing)
    assert (float(sums.loss.detach()), float(sums.weight)) == (0.0, 0.0)
    assert float(module(row).weight) == len(pairs)


def test_only_the_last_answer_counts():
    encoder = Encoder(TOKENIZER)
    two = preference(1, turns=2)
    chat = answer(encoder, two.messages)
    counted = [n for n, weight in enumerate(chat.weights) if weight]
    assert counted == list(range(counted[0], counted[-1] + 1))
    said = TOKENIZER.decode([chat.ids[n] for n in counted])
    assert said == two.messages[-1].content + "<|im_end|>"
    assert len(counted) < sum(map(bool, encoder.chat(two.messages).weights))


@pytest.mark.parametrize(("cut", "sides"), [("rejected", [0, 1]), ("chosen rejected", [1, 1])])
def test_what_ends_a_turn_does_not_count_where_the_answer_was_cut_off(tmp_path, cut, sides):
    """Nobody said that it ends there: the content counts and nothing after it."""
    record = preference(1, turns=2)
    marked = record.model_copy(update={"meta": {**record.meta, CUT: cut}})
    both = encode_pairs([record, marked], Encoder(TOKENIZER), 400, tmp_path / "cut")
    said = (record.messages[-1].content, record.rejected)
    for side, shorter in enumerate(sides):
        whole, less = (both.tokens.piece(n, 0, both.tokens.length(n)) for n in (side, 2 + side))
        assert whole[0].tolist() == less[0].tolist()
        counted = [int(n) for n, weight in zip(*less, strict=True) if weight]
        assert TOKENIZER.decode(counted) == said[side] + "<|im_end|>" * (not shorter)
        assert int((whole[1] != 0).sum()) == len(counted) + shorter


def test_dropout_is_off_and_the_model_s_own_settings_stay():
    """The reference is measured without it: with it the policy would seem to have fallen."""
    model = tiny_model(TOKENIZER, attention_dropout=0.5)
    model.model.extra = torch.nn.Dropout(0.5)
    PairModule(model, Loss())
    found = [part.attention_dropout for part in model.modules() if hasattr(part, "o_proj")]
    assert found == [0.0, 0.0]
    assert model.model.extra.p == 0.0
    assert model.config.attention_dropout == 0.5


def test_a_pair_stays_in_one_row_and_every_pair_comes_once(pairs):
    order = shuffled(len(pairs), 0)
    rows = list(packed_pairs(pairs, 60, order(0)))
    assert sorted(pair for row in rows for pair in row) == list(range(7))
    assert len(rows) > 1
    stream = pair_rows(pairs, 60, order, references(pairs))
    drawn = [next(stream) for _ in rows]
    assert all(isinstance(row, PairRow) for row in drawn)
    assert sum(len(row.reference) for row in drawn) == 14
    assert max(len(row.ids) for row in drawn) <= max(60, max(map(pairs.size, range(7))))


def test_a_pair_longer_than_a_row_is_left_out(tmp_path):
    records = [preference(number) for number in range(7)]
    found = encode_pairs(records, Encoder(TOKENIZER), 60, tmp_path / "short")
    assert found.too_long
    assert len(found) + found.too_long == 7


def test_two_processes_make_the_update_of_one(tmp_path, pairs):
    reference = references(pairs)
    layout = [[0, 1], [2], [3, 4], [5], [6]]
    settings = TrainSettings(rows_per_step=5, dtype="float32")

    def update(world=None):
        module = PairModule(tiny_model(TOKENIZER), Loss("dpop", dpop_lambda=5.0))
        trainer = Trainer(module, settings, torch.float32, world)
        rows = [pair_row(pairs, packed, reference) for packed in layout]
        loss = trainer.step(rows, 1e-3).loss
        return torch.cat([torch.tensor([loss]), *(m.detach().flatten() for m in trainer.masters)])

    def member(_rank):
        world = world_of(Machine(threads=1))
        found = update(world)
        if world.main:
            torch.save(found, tmp_path / "two")

    assert together(member) == [0, 0]
    torch.testing.assert_close(torch.load(tmp_path / "two"), update(), rtol=1e-5, atol=1e-6)


def test_what_a_pair_has_in_common_is_given_to_the_model_once(pairs):
    row = every(pairs, references(pairs))
    kept, places = shared_beginnings(row.ids, row.positions)
    assert torch.equal(row.ids[kept][places], row.ids)
    assert torch.equal(row.positions[kept][places], row.positions)
    common = 0
    for pair in range(len(pairs)):
        one, other = (
            list(pairs.tokens.piece(2 * pair + side, 0, pairs.tokens.length(2 * pair + side))[0])
            for side in (0, 1)
        )
        common += next(n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)
    assert len(row.ids) - len(kept) == common > 0

    module, seen = PairModule(tiny_model(TOKENIZER), Loss()), []
    embeddings = module.model.get_input_embeddings()
    embeddings.register_forward_hook(lambda _, given, out: seen.append(given[0].numel()))
    module.logps(row)
    assert seen == [len(kept)]


def test_equal_answers_and_answers_without_anything_in_common():
    ids = torch.tensor([5, 6, 7, 5, 6, 7, 1, 2, 3, 4, 8])
    positions = torch.tensor([0, 1, 2, 0, 1, 2, 0, 1, 0, 1, 2])
    kept, places = shared_beginnings(ids, positions)
    assert kept.tolist() == [0, 1, 2, 6, 7, 8, 9, 10]
    assert places.tolist() == [0, 1, 2, 0, 1, 2, 3, 4, 5, 6, 7]


def test_a_model_whose_attention_knows_no_records_gets_the_row_as_it_is(pairs):
    row = every(pairs, references(pairs))
    usual, whole = (PairModule(tiny_model(TOKENIZER).double(), Loss()) for _ in range(2))
    expected = usual.logps(row)
    whole.finish()
    seen = []
    embeddings = whole.model.get_input_embeddings()
    embeddings.register_forward_hook(lambda _, given, out: seen.append(given[0].numel()))
    torch.testing.assert_close(whole.logps(row), expected, rtol=1e-9, atol=1e-9)
    assert seen == [len(row.ids)]
