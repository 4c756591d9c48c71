"""Ids and weights by segments: no text becomes control, no answer is mis-masked."""

from __future__ import annotations

import json
import random

import pytest
from forking import job_in
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import CONTROLS, TEMPLATE, tiny_model, tiny_tokenizer
from tokenizer_support import llama3_split, toy_sentencepiece, toy_spec
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from locale_tune.api import Message, StageFailed
from locale_tune_training.encoding import Encoder
from locale_tune_training.finish import save

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


SPACED = (
    "{% for m in messages %}{% if m['role'] == 'user' %}{{ '<s>[INST] ' + m['content'].strip()"
    " + ' [/INST]' }}{% else %}{{ ' ' + m['content'].strip() + ' </s>' }}{% endif %}{% endfor %}"
)
HEADED = (
    "{% for m in messages %}{{ '<|start|>' + m['role'] + '<|head|>\n\n' + m['content'] | trim"
    " + '<|eot|>' }}{% endfor %}{% if add_generation_prompt %}"
    "{{ '<|start|>assistant<|head|>\n\n' }}{% endif %}"
)
MODEL_TURN = (
    "{{ '<s>' }}{% for m in messages %}{{ '<unk>' + ('model' if m['role'] == 'assistant' else"
    " m['role']) + '\n' + m['content'] | trim + '</s>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<unk>model\n' }}{% endif %}"
)


def tokenizer_of(spec, template, end, *more):
    backend = Tokenizer.from_str(json.dumps(spec))
    backend.add_special_tokens([end, *more])
    if template == HEADED:
        backend.pre_tokenizer = llama3_split()
    made = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token=end, pad_token=end)
    made.chat_template = template
    return made


FAMILIES = {
    "ChatML": lambda: tokenizer_of(toy_spec(), TEMPLATE, "<|im_end|>"),
    "ChatML, digits apart": lambda: tokenizer_of(toy_spec(digits=True), TEMPLATE, "<|im_end|>"),
    "Llama-3": lambda: tokenizer_of(toy_spec(), HEADED, "<|eot|>", "<|start|>", "<|head|>"),
    "Gemma": lambda: tokenizer_of(toy_sentencepiece(), MODEL_TURN, "</s>"),
    "Llama-2": lambda: tokenizer_of(toy_sentencepiece(prepend=True), SPACED, "</s>"),
    "spaces, byte-level": lambda: tokenizer_of(toy_spec(), SPACED, "</s>", "<s>"),
}
LETTERS = (
    "abc the valley",
    "ŝ̈ ñ ü ẑ",
    "الحمد لله ـ",
    "\u200f\u200eمن",
    "नमस्ते",
    "中文",
    "👍🏽",
    "12 3",
)
BETWEEN = (" ", "  ", "\n", "\n\n", "\t", ".", "?!", "«", "»", "'", "[", "-", "")


def some_text(chance):
    """Return clean text in any script, often with white space around it."""
    words = [
        "".join(chance.choices(chance.choice(LETTERS), k=chance.randint(1, 6)))
        + chance.choice(BETWEEN)
        for _ in range(chance.randint(1, 12))
    ]
    text = chance.choice(BETWEEN) + "".join(words)
    return text if text.strip() else f"{text}a"


def some_chat(chance, system):
    turns = [("system", some_text(chance))] if system and chance.random() < 0.3 else []
    for _ in range(chance.randint(1, 4)):
        turns += [("user", some_text(chance)), ("assistant", some_text(chance))]
    return [Message(role=role, content=content) for role, content in turns]


def served(tokenizer, turns, **more):
    """Return the ids that a server makes of a chat."""
    said = [turn.model_dump() for turn in turns]
    return list(
        tokenizer.apply_chat_template(said, tokenize=True, return_dict=True, **more).input_ids
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_a_chat_is_trained_on_as_the_saved_artifact_serves_it(family, tmp_path, chaos_n):
    """Row N6 of docs/reliability.md: the same ids, and answers begin where a prompt ends."""
    tokenizer, job = FAMILIES[family](), job_in(tmp_path)
    save(tiny_model(tokenizer), tokenizer, job)
    artifact, encoder = AutoTokenizer.from_pretrained(job.out), Encoder(tokenizer)
    chance = random.Random(family)
    for _ in range(7 * chaos_n):
        turns = some_chat(chance, system="[INST]" not in tokenizer.chat_template)
        encoded = encoder.chat(turns)
        assert encoded.ids == served(artifact, turns), turns
        prompt = served(artifact, turns[:-1], add_generation_prompt=True)
        assert encoded.ids[: len(prompt)] == prompt, turns
        last = encoded.weights[len(prompt) :]
        assert last == sorted(last, reverse=True), "the answer and its end, then nothing"
        assert (
            tokenizer.decode(encoded.ids[len(prompt) :][: int(sum(last))])
            .strip()
            .endswith(tokenizer.eos_token)
        ), "it learns to stop"


def test_piece_by_piece_would_not_be_what_is_served():
    """The negative control: where a space of the template joins the word after it."""
    tokenizer = FAMILIES["spaces, byte-level"]()
    turns = chat("the valley", "they sing")
    encoder = Encoder(tokenizer)
    apart = encoder._apart(encoder._pieces(turns)).ids
    assert apart != served(tokenizer, turns) == encoder.chat(turns).ids


def test_an_answer_that_types_a_control_token_stays_text_where_tokens_span_both():
    tokenizer = FAMILIES["spaces, byte-level"]()
    encoded = Encoder(tokenizer).chat(chat("co </s><s>[INST]", "the </s> valley"))
    ends = tokenizer.convert_tokens_to_ids("</s>")
    assert encoded.ids.count(ends) == 1, "the template's own"
    assert served(tokenizer, chat("co </s>", "the </s> valley")).count(ends) == 3, "the default"


def test_documents_end_and_their_first_token_is_no_target():
    encoded = ENCODER.text("Bun di.")
    assert encoded.ids[-1] == TOKENIZER.convert_tokens_to_ids("<|endoftext|>")
    assert encoded.weights == [0.0] + [1.0] * (len(encoded.ids) - 1)


LETTERS = "\u2581abcdefghijklmnopqrstuvwxyz<>/\n:"
OWN_PIECES = {  # models that hold their control tokens among their own pieces
    "Unigram": models.Unigram(
        [("<unk>", 0.0), ("<s>", 0.0), ("</s>", 0.0), *((c, -3.0) for c in LETTERS)], unk_id=0
    ),
    "WordLevel": models.WordLevel(
        {"<unk>": 0, "<s>": 1, "</s>": 2, "he": 3, "user": 4, "assistant": 5}, unk_token="<unk>"
    ),
    "WordPiece": models.WordPiece(
        {"<unk>": 0, "<s>": 1, "</s>": 2, "he": 3, "##he": 4, "user": 5}, unk_token="<unk>"
    ),
    "BPE": models.BPE(
        {piece: n for n, piece in enumerate(("<unk>", "<s>", "</s>", *LETTERS, "</", "</s"))},
        [("<", "/"), ("</", "s"), ("</s", ">")],
        unk_token="<unk>",
    ),
}


@pytest.mark.parametrize("kind", OWN_PIECES)
@pytest.mark.parametrize("typed", ["he </s> he", "a</s><s>b", "</s>", "</ s> < s>"])
def test_text_never_becomes_a_control_token_that_is_a_piece_of_the_model(kind, typed):
    backend = Tokenizer(OWN_PIECES[kind])
    if kind == "Unigram":
        backend.pre_tokenizer = pre_tokenizers.Metaspace()
    elif kind != "BPE":
        backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        chat_template="{% for m in messages %}<s>{{ m['role'] }}\n{{ m['content'] }}</s>"
        "{% endfor %}{% if add_generation_prompt %}<s>assistant\n{% endif %}",
    )
    encoder = Encoder(tokenizer)
    ids = encoder.chat(chat(typed, f"{typed} he")).ids
    assert (ids.count(1), ids.count(2)) == (2, 2), "one start and one end per message"
    assert not {1, 2} & set(encoder.content_ids(typed))
    assert encoder.text(typed).ids.count(2) == 1
