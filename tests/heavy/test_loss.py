"""The fused loss against the reference values, against torch, and against itself."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cross_entropy

from locale_tune_training import loss as loss_module
from locale_tune_training.loss import fused_ce

RTOL, ATOL = 1e-7, 1e-8


def tensors(oracle):
    """Return logits and labels shifted so that position t predicts t + 1, and the masks."""
    data = oracle("plw_ls")
    inputs = {name: torch.tensor(value) for name, value in data["inputs"].items()}
    return data, inputs["logits"].double()[:, :-1], {k: v[:, 1:] for k, v in inputs.items()}


def sums(logits, labels, weights, **more):
    """Run the kernel on logits: as hidden states under an identity head."""
    flat = logits.reshape(-1, logits.shape[-1])
    labels = labels.reshape(-1).clamp(min=0)
    eye = torch.eye(flat.shape[1], dtype=flat.dtype)
    return fused_ce(flat, eye, labels, weights.reshape(-1).double(), **more)


def mean(*args, **more):
    result = sums(*args, **more)
    return float(result.loss / result.weight)


@pytest.mark.oracle
def test_every_reference_case(oracle):
    data, logits, inputs = tensors(oracle)
    completion, prompt = inputs["completion_mask"].double(), inputs["prompt_mask"].double()
    labels, real = inputs["labels_all"], (inputs["labels_all"] != -100).double()
    for case in data["cases"]:
        eps = case["eps"]
        expected = case["masked_completion_only"]
        assert mean(logits, labels, completion * real, smoothing=eps) == pytest.approx(
            expected, rel=RTOL
        )
        for row in case["plw"]:
            weights = (completion + row["plw"] * prompt) * real
            result = sums(logits, labels, weights, smoothing=eps)
            found = row["denominators"]
            assert float(result.weight) == pytest.approx(found["sum_w"], rel=RTOL)
            for name in ("sum_w", "completion", "nonzero"):
                got = float(result.loss) / found[name]
                assert got == pytest.approx(row[name], rel=RTOL), (eps, row["plw"], name)
        template = inputs["template_mask"].double()
        got = mean(logits, labels, real * (1 - template), smoothing=eps)
        assert got == pytest.approx(case["instruction_modelling_no_template_tokens"], rel=RTOL)


@pytest.mark.oracle
def test_each_token_on_its_own(oracle):
    data, logits, inputs = tensors(oracle)
    labels = inputs["labels_all"]
    for case in data["cases"]:
        for b, row in enumerate(case["per_token_losses_all"]):
            for t, expected in enumerate(row):
                weight = torch.tensor([float(labels[b, t] != -100)])
                got = sums(logits[b, t][None], labels[b, t][None], weight, smoothing=case["eps"])
                assert float(got.loss) == pytest.approx(expected, rel=RTOL, abs=ATOL)


@pytest.mark.oracle
def test_the_gradient(oracle):
    data, logits, inputs = tensors(oracle)
    case = data["gradient"]
    real = (inputs["labels_all"] != -100).double()
    weights = (inputs["completion_mask"] + case["plw"] * inputs["prompt_mask"]) * real
    logits = logits.clone().requires_grad_()
    result = sums(logits, inputs["labels_all"], weights, smoothing=case["eps"])
    (result.loss / result.weight).backward()
    expected = torch.tensor(case["d_logits"], dtype=torch.float64)
    torch.testing.assert_close(logits.grad, expected[:, :-1], rtol=RTOL, atol=ATOL)


@pytest.mark.oracle
def test_head_with_bias(oracle):
    case = oracle("plw_ls")["fused_head"]
    h, head, bias = (torch.tensor(case[k], dtype=torch.float64) for k in ("h", "W", "bias"))
    targets = torch.tensor(case["targets"])
    for i, (expected, nll) in enumerate(zip(case["expected"], case["nll"], strict=True)):
        one = torch.ones(1)
        got = fused_ce(h[i : i + 1], head, targets[i : i + 1], one, case["eps"], bias=bias)
        assert float(got.loss) == pytest.approx(expected, rel=RTOL)
        assert float(got.nll) == pytest.approx(nll, rel=RTOL)


@pytest.mark.oracle
def test_smoothing_that_leaves_padded_rows_out(oracle):
    data, logits, inputs = tensors(oracle)
    case, labels = data["padded_vocab"], inputs["labels_completion"]
    over = torch.arange(logits.shape[-1]) < case["real_vocab"]
    for b, row in enumerate(case["per_token"]):
        for t, expected in enumerate(row):
            weight = torch.tensor([float(labels[b, t] != -100)])
            got = sums(
                logits[b, t][None],
                labels[b, t][None],
                weight,
                smoothing=case["eps"],
                smooth_over=over,
            )
            assert float(got.loss) == pytest.approx(expected, rel=RTOL, abs=ATOL)


@pytest.mark.oracle
def test_accumulation_is_over_the_whole_batch(oracle):
    data, logits, inputs = tensors(oracle)
    case, real = data["grad_accumulation"], (inputs["labels_all"] != -100).double()
    weights = (inputs["completion_mask"] + 0.1 * inputs["prompt_mask"]) * real
    parts = []
    for rows in case["micro_batches"]:
        parts.append(sums(logits[rows], inputs["labels_all"][rows], weights[rows], smoothing=0.1))
    total = sum(float(p.weight) for p in parts)
    contributions = [float(p.loss) / total for p in parts]
    assert contributions == pytest.approx(case["contributions_global_denominator"], rel=RTOL)
    assert sum(contributions) == pytest.approx(case["full"], rel=RTOL)
    wrong = sum(float(p.loss / p.weight) for p in parts) / len(parts)
    assert wrong == pytest.approx(case["naive_mean_of_means"], rel=RTOL)
    assert abs(sum(contributions) - wrong) > 0.1


@pytest.mark.parametrize("eps", [0.0, 0.1])
@pytest.mark.parametrize("cap", [0.0, 5.0])
def test_value_and_gradients_equal_torch(eps, cap, monkeypatch):
    torch.manual_seed(0)
    monkeypatch.setattr(loss_module, "CHUNK_LOGITS", {"cpu": 300 * 30})  # more than two chunks
    h = torch.randn(700, 12, dtype=torch.float64, requires_grad=True)
    head = torch.randn(30, 12, dtype=torch.float64, requires_grad=True)
    labels, weights = torch.randint(0, 30, (700,)), torch.rand(700, dtype=torch.float64)
    fused_ce(h, head, labels, weights, eps, scale=0.7, cap=cap).loss.backward()
    got = h.grad.clone(), head.grad.clone()
    h.grad = head.grad = None
    z = 0.7 * h @ head.T
    z = cap * torch.tanh(z / cap) if cap else z
    expected = cross_entropy(z, labels, reduction="none", label_smoothing=eps)
    (expected * weights).sum().backward()
    torch.testing.assert_close(got[0], h.grad, rtol=1e-9, atol=1e-11)
    torch.testing.assert_close(got[1], head.grad, rtol=1e-9, atol=1e-11)


def test_nothing_weighted_gives_zero_and_no_nan():
    h = torch.randn(4, 3, requires_grad=True)
    head = torch.randn(5, 3, requires_grad=True)
    result = fused_ce(h, head, torch.zeros(4, dtype=torch.long), torch.zeros(4), 0.1)
    result.loss.backward()
    assert float(result.loss.detach()) == float(result.weight) == 0.0
    assert not h.grad.any()
    assert not head.grad.any()


def test_tokens_of_weight_zero_are_never_projected(monkeypatch):
    """An infinite hidden state under a zero weight must not reach the loss."""
    h = torch.randn(3, 4)
    h[1] = float("inf")
    result = fused_ce(h, torch.randn(6, 4), torch.tensor([1, 2, 3]), torch.tensor([1.0, 0.0, 1.0]))
    assert torch.isfinite(result.loss)


def test_the_chunk_size_does_not_matter(monkeypatch):
    torch.manual_seed(1)
    h, head = torch.randn(50, 8, dtype=torch.float64), torch.randn(20, 8, dtype=torch.float64)
    labels, weights = torch.randint(0, 20, (50,)), torch.ones(50)
    whole = fused_ce(h, head, labels, weights, 0.1).loss
    monkeypatch.setattr(loss_module, "CHUNK_LOGITS", {"cpu": 7 * 20})
    torch.testing.assert_close(fused_ce(h, head, labels, weights, 0.1).loss, whole)


def test_bfloat16_inputs_give_float32_sums():
    h, head = torch.randn(9, 8).bfloat16(), torch.randn(20, 8).bfloat16()
    result = fused_ce(h, head, torch.randint(0, 20, (9,)), torch.ones(9))
    assert result.loss.dtype == torch.float32
