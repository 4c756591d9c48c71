"""Likelihoods by closed forms, and the shortcuts against the plain way."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from transformers import Gemma2Config, Gemma2ForCausalLM, MambaConfig, MambaForCausalLM

from locale_tune.api import LocaleTuneError, NotFinite, Record
from locale_tune_assess.answers import answers
from locale_tune_assess.formats import parts_of
from locale_tune_assess.scoring import Network, score
from locale_tune_assess.sharing import can_share, fan_of, score_fans
from locale_tune_assess.windows import Window, silent

TEXTS = ["il lai è blau", "la", "the lake is blue " * 9, "", "خليجي \U0001f3d4 x", "nus chantain"]


def plain_nll(handle: Any, text: str) -> float:
    """Score a text in the plainest way: one forward pass, whole logits."""
    ids = torch.tensor([[handle.tokens.prefix, *handle.tokens.encode([text])[0][0]]])
    with torch.no_grad():
        logits = handle.network.model(ids).logits[0, :-1].double()
    return float(torch.nn.functional.cross_entropy(logits, ids[0, 1:], reduction="sum"))


def test_a_uniform_model_needs_log2_of_its_vocabulary_per_token(folders, open_model) -> None:
    model = open_model(folders["uniform"])
    vocabulary = model.network.model.config.vocab_size
    for text, result in zip(TEXTS, model.nll(TEXTS), strict=True):
        tokens = len(model.spans([text])[0])
        assert result.bytes == len(text.encode())
        np.testing.assert_allclose(result.nats, tokens * math.log(vocabulary), rtol=1e-6)


def test_likelihoods_are_those_of_one_plain_pass(folders, open_model) -> None:
    model = open_model(folders["base"])
    expected = [plain_nll(model, text) if text else 0.0 for text in TEXTS]
    np.testing.assert_allclose([s.nats for s in model.nll(TEXTS)], expected, rtol=1e-5)


@pytest.mark.parametrize("batch_tokens", [1, 40, 100_000])
def test_batching_changes_nothing(folders, open_model, batch_tokens: int) -> None:
    expected = [s.nats for s in open_model(folders["base"]).nll(TEXTS)]
    found = open_model(folders["base"], batch_tokens=batch_tokens).nll(TEXTS)
    np.testing.assert_allclose([s.nats for s in found], expected, rtol=1e-5)


def test_a_window_that_fits_changes_nothing_and_a_smaller_one_little(folders, open_model) -> None:
    text = TEXTS[2]
    length = len(open_model(folders["base"]).spans([text])[0]) + 1
    whole, exact, half = (
        open_model(folders["base"], window=window).nll([text])[0].nats
        for window in (250, length, length // 2)
    )
    assert whole == exact
    assert half != whole
    uniform = open_model(folders["uniform"], window=8).nll([text])[0].nats
    np.testing.assert_allclose(uniform, open_model(folders["uniform"]).nll([text])[0].nats)


def test_the_window_is_never_longer_than_the_model_can_take(folders, open_model) -> None:
    assert open_model(folders["base"], window=4096).window == 256
    assert open_model(folders["base"], window=64).window == 64


def test_the_order_of_texts_does_not_matter(folders, open_model) -> None:
    model = open_model(folders["base"])
    straight, turned = model.nll(TEXTS), model.nll(TEXTS[::-1])[::-1]
    np.testing.assert_allclose(straight, turned, rtol=1e-6)


def test_without_a_beginning_token_the_end_token_stands_first(tmp_path, save_model, open_model):
    model = open_model(save_model(tmp_path / "m", bos=False))
    assert model.tokens.prefix == model.tokens.tokenizer.eos_token_id
    (result,) = model.nll(["il lai"])
    np.testing.assert_allclose(result.nats, plain_nll(model, "il lai"), rtol=1e-5)


def test_without_either_token_there_is_a_sentence(tmp_path, save_model, open_model) -> None:
    folder = save_model(tmp_path / "m")
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "PreTrainedTokenizerFast"}')
    with pytest.raises(LocaleTuneError, match="neither a beginning-of-text nor"):
        _ = open_model(folder).tokens


def test_broken_weights_are_told(tmp_path, save_model, open_model) -> None:
    model = open_model(save_model(tmp_path / "m"))
    with torch.no_grad():
        model.network.model.lm_head.weight[5] = float("nan")
    with pytest.raises(NotFinite, match="not a finite number"):
        model.nll(["il lai"])


def test_choices_are_scored_as_what_follows_the_prompt(folders, open_model) -> None:
    model = open_model(folders["base"])
    prompt, choices = "il lai è\n", ["blau", "la chasa gronda", "x"]
    found = model.choice_logprobs([prompt], [choices])[0]
    # "\n" ends the word before it, so the tokens of the prompt do not change with what follows.
    expected = [plain_nll(model, prompt) - plain_nll(model, prompt + choice) for choice in choices]
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_a_token_over_the_seam_is_scored_whole(folders, open_model) -> None:
    model = open_model(folders["base"])
    (ids, spans), *_ = model.tokens.encode(["chasa"])
    assert spans[0][1] > 1, "the tokenizer must join the first two letters for this test"
    (window,) = model.tokens.continued(["c"], ["hasa"])
    assert (window.ids[1:], window.first) == (tuple(ids), 1)


def many_questions() -> tuple[list[str], list[list[str]]]:
    prompts = [f"la chasa {'gronda ' * i}\n" for i in range(6)]
    choices = [["blau", "il lai", "ensemen chantain nus"][: 2 + i % 2] for i in range(6)]
    return prompts, choices


def test_reading_the_prompt_once_changes_nothing(folders, open_model) -> None:
    shared, alone = open_model(folders["base"]), open_model(folders["base"])
    assert shared.network is not None
    assert shared._shares
    assert alone.network is not None
    alone._shares = False
    for one, other in zip(
        shared.choice_logprobs(*many_questions()),
        alone.choice_logprobs(*many_questions()),
        strict=True,
    ):
        np.testing.assert_allclose(one, other, rtol=1e-4)


def test_questions_too_long_for_one_row_take_windows(folders, open_model) -> None:
    wide, narrow = open_model(folders["uniform"]), open_model(folders["uniform"], window=12)
    for one, other in zip(
        wide.choice_logprobs(*many_questions()),
        narrow.choice_logprobs(*many_questions()),
        strict=True,
    ):
        np.testing.assert_allclose(one, other, rtol=1e-5)


def test_the_order_of_choices_does_not_matter(folders, open_model) -> None:
    model = open_model(folders["base"])
    prompts, choices = many_questions()
    straight = model.choice_logprobs(prompts, choices)
    turned = model.choice_logprobs(prompts, [some[::-1] for some in choices])
    for one, other in zip(straight, turned, strict=True):
        np.testing.assert_allclose(one, other[::-1], rtol=1e-4)


def test_a_fan_shares_what_is_equal_and_not_scored() -> None:
    fan = fan_of([Window(0, (1, 2, 3, 4, 5), 3), Window(1, (1, 2, 3, 6), 3)])
    assert (fan.shared, fan.branches, fan.firsts) == ((1, 2, 3), ((4, 5), (6,)), (0, 0))
    seam = fan_of([Window(0, (1, 2, 9, 4), 2), Window(1, (1, 2, 3, 6, 7), 3)])
    assert (seam.shared, seam.branches, seam.firsts) == ((1, 2), ((9, 4), (3, 6, 7)), (0, 1))


def tiny_gemma() -> Any:
    """Gemma 2 caps its logits, so its head alone is not its logits."""
    torch.manual_seed(0)
    config = Gemma2Config(
        vocab_size=64,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
        final_logit_softcapping=0.5,
        initializer_range=0.5,
    )
    return Gemma2ForCausalLM(config).eval()


def test_a_model_that_caps_its_logits_is_scored_by_whole_logits() -> None:
    network = Network(tiny_gemma())
    assert not network.split
    ids = (3, 5, 7, 9, 11)
    with torch.no_grad():
        logits = network.model(torch.tensor([ids])).logits[0, :-1]
    expected = torch.nn.functional.cross_entropy(logits, torch.tensor(ids[1:]), reduction="sum")
    (found,) = score(network, [Window(0, ids, 1)], 100, silent)
    np.testing.assert_allclose(found, float(expected), rtol=1e-5)


def test_a_model_without_attention_does_not_share() -> None:
    torch.manual_seed(0)
    config = MambaConfig(
        vocab_size=64, hidden_size=16, state_size=4, num_hidden_layers=2, initializer_range=0.5
    )
    network = Network(MambaForCausalLM(config).eval())
    assert not can_share(network)


def test_sharing_pads_rows_without_harm(folders, open_model) -> None:
    network = open_model(folders["base"]).network
    fans = [
        fan_of([Window(0, (0, 9, 8, 7), 2), Window(1, (0, 9, 30), 2)]),
        fan_of([Window(0, (0, *range(20, 60), 7), 41), Window(1, (0, *range(20, 60), 8), 41)]),
    ]
    together = score_fans(network, fans, 10_000, silent)
    alone = [score_fans(network, [fan], 10_000, silent)[0] for fan in fans]
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4)


def test_as_many_tokens_are_counted_as_are_scored(folders: Any, open_model: Any) -> None:
    model = open_model(folders["uniform"])
    prompts, choices = many_questions()
    counts = model.choice_tokens(prompts, choices)
    # A model that knows nothing gives every token the same chance, so tokens are all that counts.
    per_token = math.log(model.network.model.config.vocab_size)
    for scores, tokens in zip(model.choice_logprobs(prompts, choices), counts, strict=True):
        np.testing.assert_allclose(scores, [-per_token * n for n in tokens], rtol=1e-5)


def test_scaling_the_head_keeps_the_order_of_letters(folders: Any, open_model: Any) -> None:
    records = [
        Record(
            id=str(n),
            source="own",
            question=f"Nr. {n}?",
            choices=("la", "il", "na", "lai"),
            answer=n % 4,
            meta={"format": "letters", "answer_word": "Resposta:"},
        )
        for n in range(20)
    ]
    asked = [parts_of(record) for record in records]
    ways = [prompt for prompt, _ in asked], [choices for _, choices in asked]
    calm, loud = (open_model(folders["base"]) for _ in range(2))
    with torch.no_grad():
        loud.network.model.lm_head.weight.mul_(5)
    one, other = (answers(records, model.choice_logprobs(*ways)) for model in (calm, loud))
    assert (one.scores.argmax(axis=1) == other.scores.argmax(axis=1)).all()
    assert (other.confidence > one.confidence).all()
