"""Contrastive decoding inside `generate`: as by hand, with one token read a step, and skipped."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from docs_pages import blocks, page
from tiny import save_tiny, tiny_model, tiny_tokenizer

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
