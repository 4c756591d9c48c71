"""Contrastive decoding inside `generate`: as by hand, with one token read a step, and skipped."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from docs_pages import blocks, page
from tiny import save_tiny, tiny_model, tiny_tokenizer
from transformers import AutoConfig, AutoModelForCausalLM

from locale_tune.api import LocaleTuneError
from locale_tune_assess.contrast import combine
from locale_tune_assess.neutralise import Neutral, neutralised

torch.set_num_threads(1)
TOKENIZER = tiny_tokenizer()
LEADING = ["I think that it is winter. Is it?", "They sing, I am sure, do they not?", "Is it?"]
NEUTRAL = ["Is it winter?", "Do the people of the valley sing?", "Is it?"]
STEPS = 7


@pytest.fixture(scope="module")
def model():
    return tiny_model(TOKENIZER, initializer_range=0.3).eval()


def ids_of(texts):
    return [TOKENIZER.encode(text) for text in texts]


def padded(rows):
    longest = max(map(len, rows))
    ids = torch.tensor([[0] * (longest - len(row)) + row for row in rows])
    mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows])
    return ids, mask


def generated(model, processors, rows, **more):
    ids, mask = padded(rows)
    output = model.generate(
        ids,
        attention_mask=mask,
        **{"max_new_tokens": STEPS, "min_new_tokens": None, "do_sample": False, **more},
        eos_token_id=None,
        pad_token_id=0,
        logits_processor=processors,
    )
    return output[:, ids.shape[1] :].tolist()


def by_hand(model, led, plain, alpha, beta=0.1):
    """Read both contexts whole at each step, row by row, and combine in numpy."""
    said = []
    for _ in range(STEPS):
        with torch.no_grad():
            leading, neutral = (
                model(torch.tensor([prompt + said])).logits[0, -1].double().numpy()
                for prompt in (led, plain)
            )
        said.append(int(combine(neutral[None], leading[None], alpha, beta).argmax()))
    return said


@pytest.mark.parametrize("alpha", [0.0, 0.5, 2.0])
def test_generate_says_what_both_contexts_say_by_hand(model, alpha) -> None:
    leading, neutral = ids_of(LEADING[:2]), ids_of(NEUTRAL[:2])
    found = generated(model, [Neutral(model, leading, neutral, alpha)], leading)
    expected = [
        by_hand(model, led, plain, alpha) for led, plain in zip(leading, neutral, strict=True)
    ]
    assert found == expected
    plain = generated(model, [], leading)
    assert found != plain, "or the test would show nothing"


def test_alpha_zero_is_the_answer_to_the_neutral_question(model) -> None:
    leading, neutral = ids_of(LEADING[:1]), ids_of(NEUTRAL[:1])
    found = generated(model, [Neutral(model, leading, neutral, alpha=0.0)], leading)
    assert found == generated(model, [], neutral)


def test_a_rewrite_that_is_the_prompt_costs_no_second_pass(model) -> None:
    leading = ids_of(LEADING)
    processor = Neutral(model, leading, leading)
    ids, scores = padded(leading)[0], torch.randn(3, len(TOKENIZER))
    assert processor(ids, scores) is scores
    assert generated(model, [Neutral(model, leading, leading)], leading) == generated(
        model, [], leading
    )


def test_equal_rows_are_left_alone_beside_others(model) -> None:
    leading, neutral = ids_of(LEADING), ids_of(NEUTRAL)
    processor = Neutral(model, leading, neutral)
    assert processor.rows == [0, 1]
    found = generated(model, [processor], leading)
    assert found[2] == generated(model, [], leading)[2]


def test_the_second_pass_reads_one_token_a_step(model, monkeypatch) -> None:
    leading, neutral = ids_of(LEADING[:2]), ids_of(NEUTRAL[:2])
    read: list[int] = []
    inner = Neutral._read
    monkeypatch.setattr(
        Neutral, "_read", lambda self, ids: (read.append(ids.shape[1]), inner(self, ids))[1]
    )
    generated(model, [Neutral(model, leading, neutral)], leading)
    assert read == [max(map(len, neutral))] + [1] * (STEPS - 1)


def test_a_processor_can_be_used_again(model) -> None:
    leading, neutral = ids_of(LEADING[:2]), ids_of(NEUTRAL[:2])
    processor = Neutral(model, leading, neutral)
    assert generated(model, [processor], leading) == generated(model, [processor], leading)


def test_a_token_that_the_neutral_context_finds_implausible_is_never_said(model) -> None:
    leading, neutral = ids_of(LEADING[:1]), ids_of(NEUTRAL[:1])
    processor = Neutral(model, leading, neutral, alpha=1.0, beta=0.1)
    scores = processor(torch.tensor(leading), torch.full((1, len(TOKENIZER)), 5.0))
    with torch.no_grad():
        plain = model(torch.tensor(neutral)).logits[0, -1]
    kept = torch.isfinite(scores[0])
    assert kept.any()
    ratio = plain.softmax(-1) / plain.softmax(-1).max()
    np.testing.assert_array_equal(kept.numpy(), (ratio >= 0.1).numpy())


def test_what_generate_forbids_stays_forbidden(model) -> None:
    """Minus infinity on the leading side must not come out as plus infinity."""
    leading, neutral = ids_of(LEADING[:1]), ids_of(NEUTRAL[:1])
    for alpha in (0.0, 1.0):
        (plain,) = generated(model, [Neutral(model, leading, neutral, alpha)], leading)
        again = Neutral(model, leading, neutral, alpha)
        (found,) = generated(model, [again], leading, suppress_tokens=plain[:1])
        assert plain[0] not in found
    prompt = torch.tensor(leading)
    plausible = torch.tensor([[-torch.inf if n == plain[0] else 0.0 for n in range(320)]])
    for beta in (0.0, 0.1, 1.0):
        scores = Neutral(model, leading, neutral, 1.0, beta)(prompt, plausible[:, : len(TOKENIZER)])
        assert scores[0, plain[0]] == -torch.inf
        assert torch.isfinite(scores).any(), "another token survives"
        assert not (scores.isnan() | scores.isposinf()).any()


def test_an_answer_may_be_taken_back(model) -> None:
    """Assisted generation guesses ahead and drops what was wrong: as if read from the start."""
    leading, neutral = ids_of(LEADING[:2]), ids_of(NEUTRAL[:2])
    processor = Neutral(model, leading, neutral)
    prompt = padded(leading)[0]
    draw = torch.Generator().manual_seed(0)
    for said in ([], [5], [5, 6], [5, 6, 7], [5, 9], [5, 9], [8], [], [8, 3]):
        ids = torch.cat([prompt, torch.tensor([said, said[::-1]], dtype=torch.long)], dim=1)
        raw = torch.randn(2, len(TOKENIZER), generator=draw)
        expected = []
        for row, plain in enumerate(neutral):
            with torch.no_grad():
                whole = torch.tensor([plain + ids[row, prompt.shape[1] :].tolist()])
                scores = model(whole).logits[0, -1]
            expected.append(combine(scores.double().numpy(), raw[row].double().numpy()))
        np.testing.assert_allclose(processor(ids, raw).numpy(), expected, rtol=1e-3, atol=1e-3)


def test_prompts_that_were_not_announced_are_refused(model) -> None:
    leading, neutral = ids_of(LEADING[:2]), ids_of(NEUTRAL[:2])
    with pytest.raises(LocaleTuneError, match="other prompts"):
        generated(model, [Neutral(model, leading[::-1], neutral[::-1])], leading)


SHAPE = {
    "vocab_size": 320,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "pad_token_id": 0,
    "bos_token_id": None,
    "eos_token_id": None,
    "initializer_range": 0.3,
}
HEADS = {"intermediate_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8}


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("mistral", {**HEADS, "sliding_window": 6}),  # shorter than the prompts
        ("gemma3_text", {**HEADS, "sliding_window": 6}),
        ("bloom", {"n_head": 4}),
        ("mamba", {"state_size": 4}),  # keeps no keys and values
    ],
)
def test_other_architectures_say_what_they_say_by_hand(kind, more) -> None:
    torch.manual_seed(0)
    other = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **SHAPE, **more)).eval()
    leading, neutral = ids_of(LEADING[:2]), ids_of(NEUTRAL[:2])
    found = generated(other, [Neutral(other, leading, neutral, 0.7)], leading)
    pairs = zip(leading, neutral, strict=True)
    assert found == [by_hand(other, led, plain, 0.7) for led, plain in pairs]


def test_the_models_own_penalty_on_repeating_is_left_out(model) -> None:
    """It would be taken off the leading side alone, and the contrast would reward repeating."""
    penalised = tiny_model(TOKENIZER, initializer_range=0.3).eval()
    penalised.generation_config.repetition_penalty = 5.0
    asked = {"question": LEADING[0], "neutral": NEUTRAL[0], "max_new_tokens": STEPS}
    one, other = (neutralised(each, TOKENIZER, **asked) for each in (model, penalised))
    assert one == other != ""


def test_beams_are_refused_with_a_sentence(model) -> None:
    leading, neutral = ids_of(LEADING[:1]), ids_of(NEUTRAL[:1])
    with pytest.raises(LocaleTuneError, match="neither beams"):
        generated(model, [Neutral(model, leading, neutral)], leading, num_beams=2)
    with pytest.raises(ValueError, match="zip"):
        Neutral(model, leading, [])


def test_the_example_of_the_page_runs(tmp_path, monkeypatch) -> None:
    save_tiny(tmp_path / "model")
    monkeypatch.chdir(tmp_path)
    (example,) = blocks(page("sycophancy.md"), "python")
    said: dict[str, object] = {}
    exec(example, said)
    assert isinstance(said["answer"], str)
    tokenizer, model = said["tokenizer"], said["model"]
    led = neutralised(model, tokenizer, "Is it?", "Is it?", max_new_tokens=5)
    assert isinstance(led, str)
