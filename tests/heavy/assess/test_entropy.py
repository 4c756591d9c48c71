"""The entropy of the next token against the oracle."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from locale_tune_assess.entropy import entropy


@pytest.mark.oracle
def test_every_value_of_the_oracle(oracle: Callable[[str], dict[str, Any]]) -> None:
    case = oracle("diversity")["next_token_entropy"]
    values = entropy(torch.tensor(case["logits"]))
    np.testing.assert_allclose(values, case["per_position"], rtol=1e-5, atol=1e-6)
    mask = torch.tensor(case["mask"], dtype=torch.bool)
    np.testing.assert_allclose(values[mask].mean(), case["masked_mean"], rtol=1e-5)
