"""Vectors and difficulty by a model, against the plain way to compute them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from tiny import save_tiny
from transformers import AutoModelForCausalLM, AutoTokenizer

from locale_tune.api import Message, Record, SourceMissing
from locale_tune_curation.encoder import encoded, folder_of
from locale_tune_curation.ifd import difficulty


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return str(save_tiny(tmp_path_factory.mktemp("model") / "tiny"))


def loaded(folder):
    model = AutoModelForCausalLM.from_pretrained(folder)
    model.eval()
    return model, AutoTokenizer.from_pretrained(folder)


def lesson(question, answer):
    turns = (Message(role="user", content=question), Message(role="assistant", content=answer))
    return Record(id=question, source="s", messages=turns)


def test_a_vector_is_the_mean_of_the_last_states_whatever_the_batch(folder):
    texts = [
        "Bun di!",
        "Il vent sufla tras la val e la naiv crouda sin ils culms. " * 3,
        "شلونك",
    ] * 7
    made = encoded(texts, folder)
    np.testing.assert_allclose(np.linalg.norm(made, axis=1), 1, rtol=1e-5)
    model, tokenizer = loaded(folder)
    for row in (0, 1, 2):
        ids = torch.tensor([tokenizer.encode(texts[row])[:256]])
        with torch.inference_mode():
            states = model.model(ids).last_hidden_state[0].mean(0)
        np.testing.assert_allclose(made[row], states / states.norm(), atol=1e-5)
        np.testing.assert_allclose(made[row], made[row + 3], atol=1e-6)


def test_difficulty_is_the_loss_with_the_question_over_that_without(folder):
    record = lesson("Tge è quai?", "Quai è ina chasa.")
    model, tokenizer = loaded(folder)
    answer = tokenizer.encode(record.messages[1].content)

    def loss(before):
        ids = torch.tensor([[*before, *answer]])
        with torch.inference_mode():
            chances = model(ids).logits[0, len(before) - 1 : -1].log_softmax(-1)
        return -sum(float(row[token]) for row, token in zip(chances, answer, strict=True))

    asked = tokenizer.apply_chat_template(
        [record.messages[0].model_dump()], tokenize=False, add_generation_prompt=True
    )
    expected = loss(tokenizer.encode(asked)) / loss(
        [tokenizer.bos_token_id or tokenizer.eos_token_id]
    )
    (found,) = difficulty([record], folder)
    assert found == pytest.approx(expected if expected <= 1 else 0.0, rel=1e-4)
    assert math.isfinite(expected)


def test_a_model_that_is_not_there_is_a_sentence(tmp_path):
    with pytest.raises(SourceMissing, match="no model in"):
        folder_of(str(tmp_path))
    with pytest.raises(SourceMissing, match="is not pinned"):
        folder_of("hub:some/model")
