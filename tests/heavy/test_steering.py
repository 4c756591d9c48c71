"""Steering: every oracle value, the prompt untouched, the hook gone afterwards."""

from __future__ import annotations

import pytest
import torch
from tiny import tiny_model, tiny_tokenizer

from locale_tune_assess.steering import (
    Answered,
    ablated,
    added,
    cosine,
    direction,
    direction_at,
    steered,
)

torch.set_num_threads(1)
TOKENIZER = tiny_tokenizer()
PROMPT, LAYER = 6, 1


@pytest.fixture
def model():
    return tiny_model(TOKENIZER, initializer_range=0.3).eval()


@pytest.fixture
def ids():
    return torch.randint(3, 300, (1, 10), generator=torch.Generator().manual_seed(0))


def hidden(model, ids):
    """Return what the steered layer gives to the next: the last one, so its output is the last."""
    seen = []
    handle = model.model.norm.register_forward_pre_hook(lambda _m, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        model(ids)
    handle.remove()
    return seen[0][0]


def close(found, wanted):
    torch.testing.assert_close(
        found, torch.tensor(wanted, dtype=torch.float64), rtol=1e-7, atol=1e-8
    )


@pytest.mark.oracle
def test_vector_addition_and_ablation_agree_with_the_oracle(oracle) -> None:
    case = oracle("misc")["steering"]
    pos, neg, states = (
        torch.tensor(case[name], dtype=torch.float64) for name in ("pos", "neg", "hidden")
    )
    vector = direction(pos, neg)
    close(vector, case["vector"])
    where = case["add"]["positions"]
    moved = states.clone()
    moved[where] = added(states[where], vector, case["add"]["coefficient"])
    close(moved, case["add"]["out"])
    close(ablated(states, vector), case["ablate"])
    unit = vector / vector.norm()
    close(states @ unit, case["projections_before"])
    assert (ablated(states, vector) @ unit).abs().max() < 1e-12


@pytest.mark.parametrize("coefficient", [-2.0, None])
def test_places_of_the_prompt_are_not_touched(model, ids, coefficient) -> None:
    vector = torch.randn(32, generator=torch.Generator().manual_seed(1))
    before = hidden(model, ids)
    with steered(model, LAYER, vector, PROMPT, coefficient):
        during = hidden(model, ids)
    assert torch.equal(before[:PROMPT], during[:PROMPT])
    rest = before[PROMPT:]
    wanted = ablated(rest, vector) if coefficient is None else rest + coefficient * vector
    torch.testing.assert_close(during[PROMPT:], wanted)
    assert torch.equal(hidden(model, ids), before), "the hook is gone"


def test_coefficient_zero_is_the_identity(model, ids) -> None:
    with steered(model, LAYER, torch.ones(32), PROMPT, 0.0):
        during = hidden(model, ids)
    assert torch.equal(during, hidden(model, ids))


def test_the_hook_goes_when_the_block_fails(model, ids) -> None:
    before = hidden(model, ids)
    with pytest.raises(KeyError), steered(model, LAYER, torch.ones(32), PROMPT, 5.0):
        raise KeyError
    assert torch.equal(hidden(model, ids), before)


def test_a_longer_list_within_a_layer_is_not_the_layers() -> None:
    """Such as the experts of a mixture."""

    class Layer(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.experts = torch.nn.ModuleList(torch.nn.Identity() for _ in range(5))

        def forward(self, hidden):
            return hidden

    class Mixture(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = torch.nn.ModuleList([Layer(), Layer()])

        def forward(self, hidden):
            for layer in self.layers:
                hidden = layer(hidden)
            return hidden

    with steered(mixture := Mixture(), LAYER, torch.ones(4), 0, 1.0):
        assert mixture(torch.zeros(1, 3, 4)).sum() == 12


def test_generate_with_its_cache_says_what_reading_whole_says(model, ids) -> None:
    vector = direction_at(model, LAYER, [Answered([5, 6, 7], [5, 6, 8])])
    how = {"max_new_tokens": 6, "do_sample": False, "pad_token_id": 0, "eos_token_id": None}
    with steered(model, LAYER, vector, ids.shape[1], 4.0):
        found = model.generate(ids, attention_mask=torch.ones_like(ids), **how)
    said = ids
    for _ in range(6):
        with torch.no_grad(), steered(model, LAYER, vector, ids.shape[1], 4.0):
            said = torch.cat([said, model(said).logits[:, -1:].argmax(-1)], dim=1)
    assert found.tolist() == said.tolist()


def test_the_direction_is_the_mean_difference_at_the_last_token(model) -> None:
    pairs = [Answered([4, 9, 11], [4, 9, 12]), Answered([7, 8, 20], [7, 8, 21, 22])]
    found = direction_at(model, LAYER, pairs)
    states = [[hidden(model, torch.tensor([list(side)]))[-1] for side in pair] for pair in pairs]
    wanted = sum(bad - good for bad, good in states) / 2
    torch.testing.assert_close(found, wanted)
    assert cosine(found, found) == pytest.approx(1)
    assert cosine(found, -found) == pytest.approx(-1)
