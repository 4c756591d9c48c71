"""Language-restricted smoothing: exact, and over no row that the language does not use."""

from __future__ import annotations

import pytest
import torch
from feeding import NATIVE, a_job, corpus_of, lesson, lessons_of, text
from tiny import CONTROLS, tiny_model, tiny_tokenizer
from torch.nn.functional import cross_entropy, log_softmax

from locale_tune.api import StageFailed
from locale_tune_training.batches import Row
from locale_tune_training.encoding import Encoder
from locale_tune_training.loss import fused_ce
from locale_tune_training.model import LossModule
from locale_tune_training.settings import TuneSettings
from locale_tune_training.smoothing import control_ids, language_tokens, seen_tokens

torch.set_num_threads(1)
TOKENIZER = tiny_tokenizer()
ENCODER = Encoder(TOKENIZER)


def by_hand(z, labels, eps, over):
    """(1 - eps) * NLL + eps * the mean over S of -log p, from torch's own log-softmax."""
    nll = cross_entropy(z, labels, reduction="none")
    return (1 - eps) * nll - eps * log_softmax(z, dim=1)[:, over].mean(dim=1)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("cap", [0.0, 4.0])
def test_value_and_gradients_equal_torch_restricted_by_hand(cap, bias):
    torch.manual_seed(0)
    h = torch.randn(60, 9, dtype=torch.float64, requires_grad=True)
    head = torch.randn(40, 9, dtype=torch.float64, requires_grad=True)
    shift = torch.randn(40, dtype=torch.float64, requires_grad=True) if bias else None
    labels = torch.randint(0, 40, (60,))
    weights = torch.rand(60, dtype=torch.float64)
    over = torch.rand(40) < 0.3
    assert over[labels].any()
    assert not over[labels].all(), "labels inside and outside S"
    got = fused_ce(h, head, labels, weights, 0.1, over, scale=0.7, cap=cap, bias=shift)
    got.loss.backward()
    leaves = [leaf for leaf in (h, head, shift) if leaf is not None]
    found = [leaf.grad.clone() for leaf in leaves]
    for leaf in leaves:
        leaf.grad = None
    z = 0.7 * (h @ head.T + (shift if bias else 0.0))
    z = cap * torch.tanh(z / cap) if cap else z
    expected = (by_hand(z, labels, 0.1, over) * weights).sum()
    expected.backward()
    assert float(got.loss.detach()) == pytest.approx(float(expected.detach()), rel=1e-12)
    for gradient, leaf in zip(found, leaves, strict=True):
        torch.testing.assert_close(gradient, leaf.grad, rtol=1e-9, atol=1e-12)


def test_over_everything_it_is_torchs_label_smoothing():
    torch.manual_seed(1)
    h, head = torch.randn(9, 4).double(), torch.randn(12, 4).double()
    labels = torch.randint(0, 12, (9,))
    got = fused_ce(h, head, labels, torch.ones(9), 0.2, torch.ones(12, dtype=torch.bool))
    expected = cross_entropy(h @ head.T, labels, reduction="sum", label_smoothing=0.2)
    assert float(got.loss) == pytest.approx(float(expected), rel=1e-12)


def test_rows_outside_get_no_push_towards_them():
    """With smoothing over S, a row outside S that is never a label only falls."""
    model = tiny_model(TOKENIZER, tie_word_embeddings=False).double()
    ids = torch.tensor(ENCODER.content_ids(NATIVE))
    over = torch.zeros(len(TOKENIZER), dtype=torch.bool)
    over[ids] = True
    row = Row(ids, torch.arange(len(ids)), torch.ones(len(ids)))
    pulls = {}
    for name, chosen in (("vocabulary", None), ("language", over)):
        model.zero_grad()
        LossModule(model, 0.1, chosen)(row).loss.backward()
        plain = torch.autograd.grad(LossModule(model)(row).loss, model.lm_head.weight)[0]
        pulls[name] = (model.lm_head.weight.grad - plain)[~over].abs().max()
    assert pulls["language"] < 1e-12
    assert pulls["vocabulary"] > 1e-4


def test_seen_are_exactly_the_ids_of_the_text():
    got = seen_tokens(["Bun di", "val"], ENCODER, 400)
    expected = {*ENCODER.content_ids("Bun di"), *ENCODER.content_ids("val")}
    assert set(got.nonzero().flatten().tolist()) == expected
    assert len(got) == 400, "padded rows are there and never seen"


def test_the_language_is_that_of_the_lessons_and_their_corpus(tmp_path):
    corpus = corpus_of(tmp_path, native=[text("rm", "xyz")])
    records = [
        lesson("rm", "Tge?", "La val <|im_end|>"),
        lesson("en", "What is Q?", "A letter"),
    ]
    job = a_job(tmp_path, TuneSettings(), lessons=lessons_of(tmp_path, records, corpus))
    got = set(language_tokens(job, ENCODER, 400).nonzero().flatten().tolist())
    expected = set()
    for content in ("Tge?", "La val <|im_end|>", "xyz"):
        expected |= set(ENCODER.content_ids(content))
    assert got == expected
    assert not got & set(TOKENIZER.convert_tokens_to_ids(CONTROLS))
    assert not got & set(ENCODER.content_ids("Q")), "English only"


def test_new_tokens_of_an_extended_tokenizer_count_when_text_uses_them(tmp_path):
    small, grown = tiny_tokenizer(300), tiny_tokenizer(340)
    new = set(range(len(small), len(grown)))
    used = set(seen_tokens(["the people of the valley speak"], Encoder(grown), 400).nonzero()
               .flatten().tolist())  # fmt: skip
    assert used & new
    assert new - used, "tokens that the text does not use stay out"


def test_controls_and_added_tokens_are_known():
    tokenizer = tiny_tokenizer()
    tokenizer.add_tokens(["<tag>"])
    ids = control_ids(tokenizer, 10_000).tolist()
    assert ids == sorted(tokenizer.convert_tokens_to_ids([*CONTROLS, "<tag>"]))


def test_nothing_seen_is_told(tmp_path):
    records = [lesson("rm", "", "")]
    job = a_job(tmp_path, TuneSettings(), lessons=lessons_of(tmp_path, records))
    with pytest.raises(StageFailed, match="no token of the language"):
        language_tokens(job, ENCODER, 400)
