"""Model handles: generation, memory, the chat template."""

from __future__ import annotations

import json

import pytest
import torch

from locale_tune_assess.entropy import entropy
from locale_tune_assess.generating import Draw, Noise, top_part
from locale_tune_assess.models import LocalModel, Shelf
from locale_tune_assess.settings import AssessSettings

PROMPTS = ["Bun di!", "la chasa gronda è blaua e il lai", "x"]


def alone(model: LocalModel, prompt: str, limit: int) -> str:
    """Continue one prompt greedily, one token at a time, without cache or padding."""
    ids = model.tokens.chat(prompt)
    start = len(ids)
    for _ in range(limit):
        with torch.no_grad():
            token = int(model.network.model(torch.tensor([ids])).logits[0, -1].argmax())
        if token == model.tokens.tokenizer.eos_token_id:
            break
        ids.append(token)
    return model.tokens.tokenizer.decode(ids[start:], skip_special_tokens=True).strip()


def test_answers_are_greedy_whatever_stands_beside_them(folders, open_model) -> None:
    model = open_model(folders["base"], max_new_tokens=12)
    expected = [alone(model, prompt, 12) for prompt in PROMPTS]
    assert model.generate(PROMPTS) == expected
    assert len(set(expected)) == 3


def test_each_answer_keeps_its_own_limit(folders, open_model) -> None:
    model = open_model(folders["base"])
    limits = [3, 9, 1]
    expected = [alone(model, p, limit) for p, limit in zip(PROMPTS, limits, strict=True)]
    assert model.generate(PROMPTS, limits) == expected


def test_batches_of_one_change_no_answer(folders, open_model) -> None:
    wide = open_model(folders["base"], max_new_tokens=8).generate(PROMPTS)
    assert open_model(folders["base"], max_new_tokens=8, batch_tokens=1).generate(PROMPTS) == wide


def test_the_models_own_sampling_settings_are_ignored(tmp_path, save_model, open_model) -> None:
    folder = save_model(tmp_path / "m")
    plain = open_model(folder, max_new_tokens=8).generate(PROMPTS)
    settings = {"do_sample": True, "temperature": 9.0, "repetition_penalty": 5.0, "eos_token_id": 1}
    (folder / "generation_config.json").write_text(json.dumps(settings), encoding="utf-8")
    assert open_model(folder, max_new_tokens=8).generate(PROMPTS) == plain


def test_an_answer_ends_where_the_models_own_settings_say(tmp_path, save_model, open_model) -> None:
    folder = save_model(tmp_path / "m")
    model = open_model(folder, max_new_tokens=8)
    (text,) = model.generate(["Bun di!"])
    prompt = torch.tensor([model.tokens.chat("Bun di!")])
    first = int(model.network.model(prompt).logits[0, -1].argmax())
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [1, first]}))
    ended = open_model(folder, max_new_tokens=8).generate(["Bun di!"])[0]
    assert (bool(text), ended) == (True, "")


def test_a_prompt_goes_through_the_chat_template(folders, open_model) -> None:
    tokens = open_model(folders["base"]).tokens
    text = tokens.tokenizer.decode(tokens.chat("Bun di!"))
    assert text == "<|user|>Bun di!<|end|><|assistant|>"


def test_without_a_template_a_prompt_is_a_line(tmp_path, save_model, open_model) -> None:
    folder = save_model(tmp_path / "m", template="")
    tokens = open_model(folder).tokens
    ids = tokens.chat("Bun di!")
    assert ids[0] == tokens.prefix
    assert tokens.tokenizer.decode(ids[1:]) == "Bun di!\n"


def test_spans_cover_the_text_in_code_points(folders, open_model) -> None:
    text = "il lai è خليجي"
    (spans,) = open_model(folders["base"]).spans([text])
    assert spans[0][0] == 0
    assert spans[-1][1] == len(text)
    assert all(start <= end for start, end in spans)


def test_the_tokenizer_needs_no_weights(folders, open_model) -> None:
    model = open_model(folders["base"])
    model.spans(["il lai"])
    assert model.lossy(["il lai", " è \U0001f3d4 خليجي"]) == 0
    assert not model.loaded


def test_small_models_stay_loaded_together(folders, open_model) -> None:
    shelf = Shelf(1 << 30)
    models = [open_model(folders[name], shelf) for name in ("base", "other")]
    for model in models:
        model.nll(["il lai"])
    assert [model.loaded for model in models] == [True, True]


def test_large_models_take_turns_and_score_the_same_again(folders, open_model) -> None:
    shelf = Shelf(0)
    before, after = (open_model(folders[name], shelf) for name in ("base", "other"))
    first = before.nll(["il lai"])
    after.nll(["il lai"])
    assert (before.loaded, after.loaded) == (False, True)
    assert before.nll(["il lai"]) == first
    assert (before.loaded, after.loaded) == (True, False)


def test_progress_is_told(folders) -> None:
    notes: list[str] = []
    model = LocalModel(
        "after", folders["base"], AssessSettings(batch_tokens=1), Shelf(0), report=notes.append
    )
    model.nll(["il", "lai", "è"])
    assert notes == ["after: loading", "after: 1 of 3", "after: 2 of 3", "after: 3 of 3"]


@pytest.mark.parametrize(("dtype", "expected"), [("float32", 4), ("bfloat16", 2)])
def test_weights_are_float32_unless_asked(folders, open_model, dtype: str, expected: int) -> None:
    model = open_model(folders["base"], dtype=dtype)
    assert model.network.model.dtype.itemsize == expected
    assert model.nll(["il lai"])[0].nats > 0


def test_answers_and_scores_are_made_once(tmp_path, folders) -> None:
    def opened() -> LocalModel:
        settings, shelf = AssessSettings(max_new_tokens=6), Shelf(1 << 40)
        return LocalModel("before", folders["base"], settings, shelf, keep=tmp_path)

    choices = [["il lai", "la chasa"]] * len(PROMPTS)
    model = opened()
    said, scores = model.generate(PROMPTS), model.choice_logprobs(PROMPTS, choices)
    again = opened()
    assert again.generate(PROMPTS) == said
    assert again.choice_logprobs(PROMPTS, choices) == scores
    assert not again.loaded


def test_steps_share_whole_calls_of_the_same_model(tmp_path, folders) -> None:
    def opened() -> LocalModel:
        settings, shelf = AssessSettings(), Shelf(1 << 40)
        return LocalModel("before", folders["base"], settings, shelf, shared=tmp_path)

    asked, choices = ["Tge è blau?\n", "Co vai?\n"], [["il lai", "la chasa"], ["bain", "mal"]]
    first = opened().choice_logprobs(asked, choices)
    again = opened()
    assert again.choice_logprobs(asked, choices) == first
    assert not again.loaded
    turned = again.choice_logprobs(asked[:1], [choices[0][::-1]])
    assert turned[0] == pytest.approx(first[0][::-1], abs=1e-4)
    assert again.loaded


def test_drawn_answers_depend_on_seed_and_prompt_alone(folders, open_model) -> None:
    model = open_model(folders["base"], max_new_tokens=8)
    together = model.sample(PROMPTS, 3)
    alone = open_model(folders["base"], max_new_tokens=8, batch_tokens=1)
    assert [alone.sample([prompt], 3)[0] for prompt in PROMPTS] == together
    assert len({text for texts in together for text in texts}) > 5
    cold = model.sample(PROMPTS, 2, temperature=1e-6)
    assert cold == [[text, text] for text in model.generate(PROMPTS)]


def test_raw_answers_show_control_tokens(folders, open_model) -> None:
    model = open_model(folders["base"], max_new_tokens=40)
    raw = [text for texts in model.sample(PROMPTS, 8, raw=True) for text in texts]
    plain = [text for texts in model.sample(PROMPTS, 8) for text in texts]
    assert any("<|" in text for text in raw)
    assert not any("<|user|>" in text for text in plain)


def test_draws_follow_the_softmax() -> None:
    scores = torch.tensor([2.0, 1.0, 0.0, -1.0]).expand(4000, 4)
    for heat in (0.5, 1.0, 2.0):
        noise = Noise([Draw(seed, heat) for seed in range(4000)])
        picked = torch.bincount(noise(torch.empty(0), scores).argmax(dim=1), minlength=4) / 4000
        expected = (scores[0] / heat).softmax(dim=0)
        assert torch.allclose(picked, expected, atol=0.03)  # 4 sigma of a share of 4,000


def test_the_top_part_is_the_smallest_that_reaches_p() -> None:
    scores = torch.tensor([0.1, 0.5, 0.3, 0.1]).log()
    kept = [top_part(scores, p).isfinite().tolist() for p in (0.4, 0.5, 0.6, 0.81, 1.0)]
    assert kept[0] == kept[1] == [False, True, False, False]
    assert kept[2] == [False, True, True, False]
    assert sum(kept[3]) == 3
    assert all(kept[4])


def test_entropy_by_hand() -> None:
    logits = torch.tensor([[0.0, 0.0, 0.0, 0.0], [0.0, -torch.inf, -torch.inf, -torch.inf]])
    assert entropy(logits).tolist() == pytest.approx([1.3862944, 0.0])


def test_a_model_that_knows_nothing_is_as_unsure_as_can_be(folders, open_model) -> None:
    model = open_model(folders["uniform"])
    size = model.network.model.config.vocab_size
    values = model.entropies(["x", "Bun di!"], ["il lai", ""])
    assert values == pytest.approx([torch.log(torch.tensor(size)).item()] * 2, rel=1e-5)


def test_entropies_are_those_of_one_answer_alone(folders, open_model) -> None:
    model = open_model(folders["base"])
    values = model.entropies(PROMPTS, ["la chasa", "blau", "il lai è"])
    for prompt, answer, value in zip(
        PROMPTS, ["la chasa", "blau", "il lai è"], values, strict=True
    ):
        asked = model.tokens.chat(prompt)
        ids = [*asked, *model.tokens.encode([answer])[0][0]]
        with torch.no_grad():
            logits = model.network.model(torch.tensor([ids])).logits[0, len(asked) - 1 :]
        chances = logits.softmax(dim=-1)
        by_hand = -(chances * chances.log()).sum(dim=-1).mean()
        assert value == pytest.approx(by_hand.item(), rel=1e-4)


def test_raw_answers_show_the_token_that_ended_them(folders, open_model) -> None:
    model = open_model(folders["base"], max_new_tokens=200)
    raw = [text for texts in model.sample(PROMPTS, 8, raw=True) for text in texts]
    plain = [text for texts in model.sample(PROMPTS, 8) for text in texts]
    ended = [text for text in raw if text.endswith("<|end|>")]
    assert ended
    assert not any("<|end|>" in text for text in plain)
    assert not any("<|end|>" in text.removesuffix("<|end|>") for text in raw)


def test_running_text_goes_on_without_a_template(folders, open_model) -> None:
    model = open_model(folders["base"], max_new_tokens=6)
    network = model.network.model
    texts = model.continuations(["il lai", "la chasa gronda sper"])
    for prefix, text in zip(["il lai", "la chasa gronda sper"], texts, strict=True):
        ids = [model.tokens.prefix, *model.tokens.encode([prefix])[0][0]]
        with torch.inference_mode():
            for _ in range(6):
                ids.append(int(network(torch.tensor([ids])).logits[0, -1].argmax()))
                if ids[-1] == model.tokens.tokenizer.eos_token_id:
                    break
        whole = model.tokens.tokenizer.decode(ids[1:], skip_special_tokens=True)
        assert whole == prefix + text
