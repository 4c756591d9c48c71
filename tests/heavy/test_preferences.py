"""Preference losses against reference values, closed forms and each other."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn.functional import logsigmoid

from locale_tune_training.curriculum import all_pairs
from locale_tune_training.preferences import LOSSES, Logps, Loss

SIDES = ("chosen", "rejected", "ref_chosen", "ref_rejected")
DPOP_NAMES = ("policy_chosen", "policy_rejected", "ref_chosen", "ref_rejected")
SPIN_NAMES = ("policy_real", "policy_generated", "opponent_real", "opponent_generated")


def logps(inputs, names, leaf=False):
    made = [torch.tensor(inputs[name], dtype=torch.float64) for name in names]
    made = [part.reshape(-1) for part in made]
    return Logps(*(part.requires_grad_(leaf and index < 2) for index, part in enumerate(made)))


def gradients(loss, pairs):
    return torch.autograd.grad(loss(pairs).sum(), (pairs.chosen, pairs.rejected))


@pytest.mark.oracle
def test_dpo_and_dpop_are_the_reference_values(oracle):
    data = oracle("dpop")
    for case in data["cases"]:
        for name, expected in (("dpop", case["dpop"]), ("dpo", case["dpo"])):
            loss = Loss(name, beta=case["beta"], dpop_lambda=case["lam"])
            pairs = logps(data["inputs"], DPOP_NAMES, leaf=True)
            found = loss(pairs)
            assert found.tolist() == pytest.approx(expected["loss"], rel=1e-8)
            for side, gradient in zip(("chosen", "rejected"), gradients(loss, pairs), strict=True):
                known = expected[f"d_policy_{side}"]
                # Pair 0 stands where the penalty begins: its gradient is one-sided.
                assert gradient.tolist()[1:] == pytest.approx(known[1:], rel=1e-8)
        loss = Loss("dpop", beta=case["beta"], dpop_lambda=case["lam"])
        mean = float(loss(logps(data["inputs"], DPOP_NAMES)).mean())
        assert mean == pytest.approx(case["mean_loss"], rel=1e-8)


def outside(pairs, beta, lam):
    fallen = torch.relu(pairs.ref_chosen - pairs.chosen)
    return -logsigmoid(beta * pairs.margin) + lam * fallen


def subtracted(pairs, beta, lam):
    fallen = torch.relu(pairs.ref_chosen - pairs.chosen)
    return -logsigmoid(beta * pairs.margin) - lam * fallen


@pytest.mark.oracle
def test_the_wrong_ways_to_write_dpop_are_other_losses(oracle):
    data = oracle("dpop")
    pairs = logps(data["inputs"], DPOP_NAMES)
    for case in (case for case in data["cases"] if case["lam"]):
        right = Loss("dpop", case["beta"], case["lam"])(pairs)
        for wrong, name in (
            (outside, "penalty_outside_sigmoid"),
            (subtracted, "penalty_subtracted_bug"),
        ):
            found = wrong(pairs, case["beta"], case["lam"])
            assert found.tolist() == pytest.approx(case["not_dpop"][name], rel=1e-8)
            assert float((found - right).abs().max()) > 0.05


@pytest.mark.oracle
def test_dpop_in_closed_form(oracle):
    case = oracle("dpop")["closed_form"]
    pairs = logps(case, DPOP_NAMES)
    found = float(Loss("dpop", case["beta"], case["lam"])(pairs))
    assert found == pytest.approx(case["loss"], rel=1e-8)
    assert found == pytest.approx(math.log1p(math.exp(0.3 * 48)), rel=1e-12)
    assert float(Loss("dpo", case["beta"])(pairs)) == pytest.approx(case["dpo_loss"], rel=1e-8)


@pytest.mark.oracle
def test_spin_is_the_reference_values(oracle):
    data = oracle("spin")
    pairs = logps(data["inputs"], SPIN_NAMES)
    for case in data["cases"]:
        name = "dpo" if case["kind"] == "sigmoid" else "hinge"
        found = Loss(name, beta=case["beta"])(pairs).tolist()
        assert found == pytest.approx(case["loss_official"], rel=1e-8, abs=1e-14)
        rewards = case["beta"] * (pairs.chosen - pairs.ref_chosen)
        assert rewards.tolist() == pytest.approx(case["real_rewards_official"], abs=1e-9)
    for case in data["closed_form"]:
        found = float(Loss("dpo", beta=case["lam"])(logps(case, SPIN_NAMES)))
        assert found == pytest.approx(case["loss"], rel=1e-8)


def spin_round(p_data, p_now, lam):
    """Minimise the expected logistic loss over all distributions, by Newton on our own loss.

    With u(y) = log p(y) - log p_now(y) free for every y, the pairs are all (y, y') with weight
    p_data(y) p_now(y'). The distribution is that of p_now exp(u).
    """
    u = torch.zeros(len(p_data), dtype=torch.float64)
    zero = torch.zeros((), dtype=torch.float64)
    loss, weights = Loss("dpo", beta=lam), p_data[:, None] * p_now[None, :]

    def total(u):
        return (weights * loss(Logps(u[:, None], u[None, :], zero, zero))).sum()

    for _ in range(100):
        gradient = torch.autograd.functional.jacobian(total, u)
        curved = torch.autograd.functional.hessian(total, u)
        # A constant added to all u changes nothing: pin it.
        step = torch.linalg.solve(curved + torch.ones_like(curved) * curved.diag().mean(), gradient)
        u = u - step
        if float(step.abs().max()) < 1e-13:
            break
    found = p_now * torch.exp(u)
    return found / found.sum()


@pytest.mark.oracle
def test_rounds_of_spin_reach_what_the_reference_iteration_reaches(oracle):
    data = oracle("spin")["fixed_point_iteration"]
    p_data = torch.tensor(data["p_data"], dtype=torch.float64)
    p_data = p_data / p_data.sum()
    for run in data["runs"]:
        p_now = torch.tensor(data["p0"], dtype=torch.float64)
        p_now = p_now / p_now.sum()
        before = math.inf
        for expected in run["trace"]:
            p_now = spin_round(p_data, p_now, run["lam"])
            assert p_now.tolist() == pytest.approx(expected["p"], rel=1e-5)
            distance = float((p_data * (p_data / p_now).log()).sum())
            assert distance == pytest.approx(expected["kl_data_model"], rel=1e-5, abs=1e-9)
            assert distance <= before + 1e-12
            before = distance


def drawn(count=64):
    generator = torch.Generator().manual_seed(0)
    sides = (torch.rand(count, generator=generator, dtype=torch.float64) * -60 for _ in SIDES)
    return Logps(*sides)


def test_without_its_penalty_dpop_is_dpo():
    pairs = drawn()
    assert torch.equal(Loss("dpop", 0.3, dpop_lambda=0)(pairs), Loss("dpo", 0.3)(pairs))
    risen = pairs._replace(chosen=pairs.ref_chosen + 1)
    assert torch.equal(Loss("dpop", 0.3, 50)(risen), Loss("dpo", 0.3)(risen))
    fallen = pairs._replace(chosen=pairs.ref_chosen - 1)
    assert (Loss("dpop", 0.3, 50)(fallen) > Loss("dpo", 0.3)(fallen)).all()


def test_the_first_loss_is_log_two_and_swapping_a_pair_turns_the_margin():
    pairs = drawn()
    start = pairs._replace(ref_chosen=pairs.chosen, ref_rejected=pairs.rejected)
    for name in ("dpo", "dpop", "dpo-length"):
        for smoothing in (0.0, 0.2):
            found = Loss(name, smoothing=smoothing)(start)
            assert found.tolist() == pytest.approx([math.log(2)] * 64, rel=1e-12)
    assert Loss("hinge")(start).tolist() == [1.0] * 64
    assert Loss("ipo", beta=0.5)(start).tolist() == [1.0] * 64
    swapped = Logps(pairs.rejected, pairs.chosen, pairs.ref_rejected, pairs.ref_chosen)
    assert torch.allclose(swapped.margin, -pairs.margin)
    moved = pairs._replace(ref_chosen=pairs.ref_chosen + 3, ref_rejected=pairs.ref_rejected + 3)
    assert torch.allclose(Loss("dpo")(moved), Loss("dpo")(pairs))


def test_smoothing_is_a_mixture_with_the_swapped_pair():
    pairs = drawn()
    swapped = Logps(pairs.rejected, pairs.chosen, pairs.ref_rejected, pairs.ref_chosen)
    mixed = 0.9 * Loss("dpo")(pairs) + 0.1 * Loss("dpo")(swapped)
    assert torch.allclose(Loss("dpo", smoothing=0.1)(pairs), mixed, rtol=1e-12)


def test_ipo_wants_its_margin_and_no_more():
    zero = torch.zeros(1, dtype=torch.float64)
    wanted = Logps(zero + 1 / (2 * 0.1), zero, zero, zero)
    assert float(Loss("ipo", beta=0.1)(wanted)) == 0.0
    assert float(Loss("ipo", beta=0.1)(wanted._replace(chosen=wanted.chosen + 1))) == 1.0


def test_far_below_zero_the_loss_and_its_gradient_are_finite():
    low = torch.tensor([-900.0], dtype=torch.bfloat16, requires_grad=True)
    zero = torch.zeros(1, dtype=torch.bfloat16)
    found = Loss("dpop", 0.3, 50)(Logps(low, zero, zero, zero))
    assert found.dtype == torch.float32
    assert float(found.detach()) == pytest.approx(0.3 * 51 * 900, rel=0.01)
    (gradient,) = torch.autograd.grad(found.sum(), low)
    assert torch.isfinite(gradient).all()
    assert not torch.isfinite(torch.log(torch.sigmoid(-0.3 * torch.tensor([45900.0])))).all()


def test_rloo_over_all_pairs_is_the_leave_one_out_estimator():
    generator = torch.Generator().manual_seed(3)
    policy = (torch.rand(5, generator=generator, dtype=torch.float64) * -30).requires_grad_()
    rewards = torch.rand(5, generator=generator, dtype=torch.float64)
    others = (rewards.sum() - rewards) / 4
    (expected,) = torch.autograd.grad(-((rewards - others) * policy).sum(), policy)
    pairs = all_pairs(rewards.tolist())
    assert len(pairs) == 10
    won, lost = ([pair[side] for pair in pairs] for side in (0, 1))
    gaps = torch.tensor([pair.gap for pair in pairs], dtype=torch.float64)
    drawn_from = policy.detach()
    sides = Logps(policy[won], policy[lost], drawn_from[won], drawn_from[lost])
    total = (Loss("rloo")(sides) * gaps).sum() / 4
    (found,) = torch.autograd.grad(total, policy)
    assert found.tolist() == pytest.approx(expected.tolist(), rel=1e-12)


def test_rloo_asks_for_no_more_than_the_clip():
    zero = torch.zeros(1, dtype=torch.float64)
    far = Logps((zero + 1).requires_grad_(), (zero - 1).requires_grad_(), zero, zero)
    loss = Loss("rloo")(far)
    assert float(loss.detach()) == pytest.approx(0.8 - 1.2)
    assert [float(g) for g in gradients(Loss("rloo"), far)] == [0.0, 0.0]


def test_every_name_is_a_loss():
    assert set(LOSSES) == {"dpo", "dpo-length", "dpop", "ipo", "hinge", "rloo"}
