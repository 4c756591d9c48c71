"""Conversations read on from a cache score as those that are read from the start."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from transformers import MambaConfig, MambaForCausalLM, MistralConfig, MistralForCausalLM

from locale_tune.api import Message
from locale_tune_assess import conversing
from locale_tune_assess.conversing import can_go_on
from locale_tune_assess.scoring import Network

QUESTIONS = ["il lai?", "the lake is blue, is it?", "la chasa gronda u pitschna ensemen"]
CHOICES = [["blau", "gronda", "la"], ["blue", "blau"], ["la chasa", "la lai", "nus", "خليجي"]]
FOLLOW_UPS = ["En vardad?", "Jau crai che ti fas in sbagl.", "la"]


def said(role: Any, content: str) -> Message:
    return Message(role=role, content=content)


def scored(model: Any, memory: list[Any] | None, turns: int = 3) -> list[list[list[float]]]:
    chats = [[said("user", question)] for question in QUESTIONS]
    found = []
    for turn in range(turns):
        found.append(model.choice_logprobs_chat(chats, CHOICES, memory))
        for index, chat in enumerate(chats):
            answer = CHOICES[index][int(np.argmax(found[-1][index]))]
            follow_up = FOLLOW_UPS[(turn + index) % 3]
            chat += [said("assistant", answer), said("user", follow_up)]
    return found


@pytest.mark.parametrize("batch_tokens", [1, 100_000])
def test_reading_on_gives_what_reading_anew_gives(folders, open_model, monkeypatch, batch_tokens):
    fresh = scored(open_model(folders["base"]), None)
    width: list[int] = []
    forward = conversing.Reading._forward
    monkeypatch.setattr(
        conversing.Reading,
        "_forward",
        lambda self, ids, *more: (width.append(ids.numel()), forward(self, ids, *more))[1],
    )
    remembered = scored(open_model(folders["base"], batch_tokens=batch_tokens), [])
    for one, other in zip(fresh, remembered, strict=True):
        for left, right in zip(one, other, strict=True):
            np.testing.assert_allclose(left, right, rtol=1e-4)
    batches = 3 if batch_tokens == 1 else 1
    assert len(width) == 2 + 3 * batches, "two turns of the trial, then one pass a turn and batch"


def test_what_a_sliding_window_hides_is_hidden_in_long_chats_too(
    tmp_path, save_model, open_model
) -> None:
    """The masks of shared rows show everything, so only rows within the window may have them."""
    folder = save_model(tmp_path / "m")
    torch.manual_seed(0)
    shape = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "initializer_range": 0.3}
    config = MistralConfig(
        vocab_size=320, sliding_window=40, max_position_embeddings=512, **shape, **heads
    )
    MistralForCausalLM(config).save_pretrained(folder)
    plain = open_model(folder)
    assert plain.network is not None
    assert plain._shares
    plain._shares = False
    expected = scored(plain, None)
    for memory in (None, []):
        for one, other in zip(expected, scored(open_model(folder), memory), strict=True):
            for left, right in zip(one, other, strict=True):
                np.testing.assert_allclose(left, right, rtol=1e-4)


def test_the_plain_way_is_the_chat_template_and_then_the_choice(folders, open_model) -> None:
    model = open_model(folders["base"])
    chat = [said("user", "il lai?"), said("assistant", "blau"), said("user", "la?")]
    (found,) = model.choice_logprobs_chat([chat], [["gronda", "la lai"]])
    tokens = model.tokens
    start = "<|user|>il lai?<|end|><|assistant|>blau<|end|><|user|>la?<|end|><|assistant|>"
    for choice, value in zip(["gronda", "la lai"], found, strict=True):
        before, after = (len(tokens.encode([text])[0][0]) for text in (start, start + choice))
        ids = torch.tensor([tokens.encode([start + choice])[0][0]])
        with torch.no_grad():
            nats = model.network.model(ids).logits[0].log_softmax(-1)
        picked = [float(nats[at - 1, ids[0, at]]) for at in range(before, after)]
        np.testing.assert_allclose(value, sum(picked), rtol=1e-4)


def test_other_chats_are_read_anew(folders, open_model) -> None:
    model, memory = open_model(folders["base"]), []
    chats = [[said("user", question)] for question in QUESTIONS]
    model.choice_logprobs_chat(chats, CHOICES, memory)
    turned = [[said("user", question)] for question in QUESTIONS[::-1]]
    found = model.choice_logprobs_chat(turned, CHOICES, memory)
    expected = model.choice_logprobs_chat(turned, CHOICES)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4)


def test_a_chat_longer_than_the_window_is_still_scored(folders, open_model) -> None:
    model = open_model(folders["base"], window=32)
    chat = [said("user", "il lai è blau " * 20)]
    ((one, other),) = model.choice_logprobs_chat([chat], [["blau", "la chasa"]], [])
    assert np.isfinite([one, other]).all()


def test_without_a_template_turns_are_lines(tmp_path, save_model, open_model) -> None:
    model = open_model(save_model(tmp_path / "m", template=""))
    chat = [said("user", "il lai?"), said("assistant", "blau"), said("user", "la?")]
    (found,) = model.choice_logprobs_chat([chat], [["gronda"]], [])
    (expected,) = model.choice_logprobs(["il lai?\nblau\nla?\n"], [["gronda"]])
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_a_model_with_another_cache_is_read_anew(tmp_path, save_model, open_model) -> None:
    config = MambaConfig(hidden_size=16, num_hidden_layers=1, vocab_size=320, state_size=4)
    assert not can_go_on(Network(MambaForCausalLM(config).eval()))
