"""Calibration and selective answering as torchmetrics and scikit-learn compute them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.calibration import calibration_curve
from sklearn.metrics import accuracy_score, brier_score_loss, log_loss
from torchmetrics.functional.classification import binary_calibration_error
from torchmetrics.functional.classification import multiclass_calibration_error as torch_error

from locale_tune_assess import calibration as cal
from locale_tune_assess.answers import Answers
from locale_tune_assess.reliability import judged, measures

SEEDS = range(12)


def some(seed: int, n: int = 257, options: int = 5) -> Answers:
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(n, options)) * rng.choice([0.3, 1.0, 4.0])
    return Answers(scores, rng.integers(0, options, n))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("bins", [10, 15])
@pytest.mark.parametrize(("norm", "name"), [("l1", "ece"), ("l2", "rms"), ("max", "mce")])
def test_binned_errors_are_those_of_torchmetrics(seed, bins, norm, name):
    answers = some(seed)
    chances, right = torch.from_numpy(answers.probabilities), torch.from_numpy(answers.right)
    peer = torch_error(chances, right, num_classes=5, n_bins=bins, norm=norm)
    np.testing.assert_allclose(measures(judged(answers), bins)[name][0], float(peer), atol=2e-6)


@pytest.mark.parametrize("seed", SEEDS)
def test_binary_error_is_that_of_torchmetrics(seed):
    rng = np.random.default_rng(seed)
    confidence, correct = rng.uniform(size=300), rng.integers(0, 2, 300)
    peer = binary_calibration_error(
        torch.from_numpy(confidence), torch.from_numpy(correct), n_bins=15
    )
    np.testing.assert_allclose(
        cal.expected_error(confidence, correct.astype(float)), float(peer), atol=2e-6
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_accuracy_nll_and_brier_are_those_of_scikit_learn(seed):
    answers = some(seed)
    found = measures(judged(answers), 15)
    labels = list(range(5))
    chosen = answers.scores.argmax(axis=1)
    np.testing.assert_allclose(found["accuracy"][0], accuracy_score(answers.right, chosen))
    peer = log_loss(answers.right, answers.probabilities, labels=labels)
    np.testing.assert_allclose(found["nll"][0], peer, rtol=1e-6)
    peer = brier_score_loss(
        answers.right, answers.probabilities, labels=labels, scale_by_half=False
    )
    np.testing.assert_allclose(found["brier"][0], peer, rtol=1e-9)
    binary = brier_score_loss(answers.correct, answers.confidence, pos_label=1)
    np.testing.assert_allclose(cal.brier_binary(answers.confidence, answers.correct), binary)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_points_of_the_diagram_are_those_of_scikit_learn(seed):
    answers = some(seed)
    table = cal.reliability(answers.confidence, answers.correct, 15)
    held = table.count > 0
    right, sure = calibration_curve(answers.correct, answers.confidence, n_bins=15)
    np.testing.assert_allclose(table.accuracy[held], right)
    np.testing.assert_allclose(table.confidence[held], sure)
