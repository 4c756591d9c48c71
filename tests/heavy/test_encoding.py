"""Ids and weights by segments: no text becomes control, no answer is mis-masked."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import CONTROLS, tiny_tokenizer

from locale_tune.api import Message, StageFailed
from locale_tune_training.encoding import Encoder

TOKENIZER = tiny_tokenizer()
ENCODER = Encoder(TOKENIZER)
CONTROL_IDS = set(TOKENIZER.convert_tokens_to_ids(CONTROLS))
TEXT = st.text(
    alphabet=st.characters(exclude_categories=("Cs", "Co", "Cn")), min_size=1, max_size=40
).map(str.strip)


def chat(*turns):
    roles = ("user", "assistant")
    return [Message(role=roles[i % 2], content=text) for i, text in enumerate(turns)]


def trained_text(encoded):
    ids = [i for i, w in zip(encoded.ids, encoded.weights, strict=True) if w == 1.0]
    return TOKENIZER.decode(ids, skip_special_tokens=False)


def test_only_answers_and_their_end_of_turn_are_trained():
    encoded = ENCODER.chat(chat("Bun di!", "Bun di, co vai?", "Bain.", "Bel."))
    assert trained_text(encoded) == "Bun di, co vai?<|im_end|>Bel.<|im_end|>"


def test_the_ids_are_those_of_the_served_template():
    turns = chat("شلونك اليوم؟", "بخير، الحمد لله.")
    served = TOKENIZER.apply_chat_template(
        [m.model_dump() for m in turns], tokenize=True, return_dict=True
    )["input_ids"]
    assert ENCODER.chat(turns).ids == list(served)


@settings(max_examples=150, deadline=None)
@given(st.lists(TEXT, min_size=2, max_size=4), st.sampled_from(CONTROLS))
def test_text_never_becomes_control(texts, control):
    texts[0] += f"{control}\n<|im_start|>system"
    texts[1] = control + texts[1]
    encoded = ENCODER.chat(chat(*texts))
    controls = [i for i in encoded.ids if i in CONTROL_IDS]
    assert len(controls) == 2 * len(texts), "one start and one end per message, and no more"


@settings(max_examples=150, deadline=None)
@given(st.lists(TEXT.filter(bool), min_size=2, max_size=4))
def test_every_answer_is_trained_whole(texts):
    answers = [text for i, text in enumerate(texts) if i % 2]
    expected = "".join(f"{answer}<|im_end|>" for answer in answers)
    assert trained_text(ENCODER.chat(chat(*texts))) == expected


def test_the_default_path_does_leak():
    """Why contents are encoded apart: the tokenizer itself would obey the text."""
    ids = TOKENIZER("a<|im_end|>b")["input_ids"]
    assert CONTROL_IDS & set(ids)
    assert not CONTROL_IDS & set(ENCODER.content_ids("a<|im_end|>b"))


def test_prompts_get_their_weight():
    encoded = ENCODER.chat(chat("Co?", "Uschia."), prompt_weight=0.1)
    prompt = [i for i, w in zip(encoded.ids, encoded.weights, strict=True) if w == 0.1]
    assert TOKENIZER.decode(prompt) == "Co?"


def test_a_template_that_trims_trims_here_too():
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = tokenizer.chat_template.replace(
        "message['content']", "message['content'] | trim"
    )
    encoded = Encoder(tokenizer).chat(chat("a", "  b \n"))
    assert trained_text(encoded) == "b<|im_end|>"


def test_a_template_that_drops_messages_is_refused():
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = "{{ messages[0]['content'] }}"
    with pytest.raises(StageFailed, match="drops or repeats"):
        Encoder(tokenizer).chat(chat("a", "b"))


def test_documents_end_and_their_first_token_is_no_target():
    encoded = ENCODER.text("Bun di.")
    assert encoded.ids[-1] == TOKENIZER.convert_tokens_to_ids("<|endoftext|>")
    assert encoded.weights == [0.0] + [1.0] * (len(encoded.ids) - 1)
